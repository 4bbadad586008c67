"""The pages about people: every figure is one of the committed results, and nothing is left out."""

import re
from pathlib import Path

import pytest

from quals.analysis.checked import claim_tables
from quals.analysis.judged import (
    BLOCK,
    CLAIMS_BLOCK,
    claims,
    details,
    figure,
    read_tables,
    summary,
)
from quals.analysis.readme import filled
from quals.jsonl import read_json, write_json

ROOT = Path(__file__).parents[1]


def row(metric: str, value: float | None, **more) -> dict:
    found = {"metric": metric, "n": 4, "undefined": 1, "spearman": 0.31, "kendall": 0.29}
    for key in ("pearson", "auc"):
        low, high = (None, None) if value is None else (value - 0.05, value + 0.05)
        found |= {key: value, f"{key}_low": low, f"{key}_high": high}
    return {**found, **more}


@pytest.fixture
def results(tmp_path):
    lead = {"metric": "quals", "against": "length", "n": 4, "difference": 0.17}
    lead |= {"low": -0.1, "high": 0.3, "p": 0.1234, "p_holm": 0.2468, "williams_p": None}
    nobody = {f"ahead_of_people{end}": None for end in ("", "_low", "_high")}
    half = {
        "rows": [row("quals", 0.41), row("length", None)],
        "variants": [row("quals", 0.41), row("quals_answer", 0.52), row("quals_worst_token", 0.55)],
        "leads": [lead],
        "variant_leads": [],
        "partial": [row("quals", 0.11, control="copy1"), row("length", 0.12, control="copy1")],
        "raters": [{**row("one rater", 0.66), **nobody}],
        "extension": {
            "leads": [{**lead, "metric": "quals_explained", "difference": 0.23}],
            "partial": [row("quals_explained", 0.14, control="copy1")],
            "raters": [{**row("quals_explained", 0.57), **nobody}],
        },
    }
    development = {**half, "rows": [row("quals", 0.77)], "variants": [row("quals_answer", 0.78)]}
    write_json(tmp_path / "people/qags_xsum.json", {**half, "development": development})
    return tmp_path


def test_pages_show_both_halves_and_every_table(results):
    found = read_tables(results)
    short, long = summary(found), details(found)
    assert "5 of QAGS, XSUM" in short
    for number in ("0.41 [0.36, 0.46]", "0.66 [0.61, 0.71]"):
        assert number in short
    assert "| QUALS, worst token | 0.55 [0.50, 0.60] |" in short
    assert "0.52" not in short, "of the variants only the one that was chosen"
    assert "| QUALS, answer | 4 | 1 | 0.52 [0.47, 0.57] |" in long
    for number in ("0.41", "0.77", "0.52", "0.78", "+0.17 [-0.10, +0.30]", "0.247", "0.11", "0.66"):
        assert number in long
    for line in (
        "QUALS, explained, beside each other measure, held-out half:",
        "| Length (words) | 4 | +0.23 [-0.10, +0.30] |",
        "| QUALS, explained | 0.14 [0.09, 0.19] |",
        "| QUALS, explained | 4 | 0.57 [0.52, 0.62] |",
    ):
        assert line in long
    assert "0.77" not in short, "the development half chooses; it is no result"


def test_the_figure_draws_what_the_summary_says_and_leaves_out_what_has_no_value(results):
    (axes,) = figure(read_tables(results)).axes
    assert axes.get_title(loc="left") == "QAGS, XSUM: n = 4"
    labels = [tick.get_text() for tick in axes.get_yticklabels()]
    assert labels == ["QUALS", "QUALS, worst token", "Length (words)"]
    points = [line for line in axes.lines if line.get_marker() == "o"]
    places = {labels[line.get_ydata()[0]]: line.get_xdata()[0] for line in points}
    assert places == {"QUALS": 0.41, "QUALS, worst token": 0.55}
    upright = {line.get_xdata()[0] for line in axes.lines if len(set(line.get_xdata())) == 1}
    assert 0.66 in upright, "one reader against the others"


def test_without_results_the_pages_say_so(tmp_path):
    assert summary(read_tables(tmp_path)) == details(read_tables(tmp_path))
    assert "Nothing has been judged" in summary({})


def test_claims_stand_by_themselves_and_that_nobody_ran_them_is_said(results):
    before = summary(read_tables(results)), details(read_tables(results))
    assert "has not been run" in claims(results)
    scores = ({"factcc": number / 8, "copy2": 0.5} for number in range(8))
    items = [
        {"id": str(n), "document_id": str(n // 2), "source": "claim", "truth": n % 2, "error": None}
        | {"scores": mine}
        for n, mine in enumerate(scores)
    ]
    found = claim_tables("factcc", items, resamples=20)
    write_json(results / "agreement/factcc_claims.json", found)
    assert "8 claims about 4 documents, 4 of them consistent" in claims(results)
    assert (summary(read_tables(results)), details(read_tables(results))) == before


@pytest.mark.parametrize(("page", "render"), [("README.md", summary), ("docs/people.md", details)])
def test_the_pages_hold_the_committed_results(page, render):
    text = (ROOT / page).read_text(encoding="utf-8")
    assert filled(text, render(read_tables(ROOT / "results/laptop")), BLOCK) == text


def test_the_page_holds_the_committed_results_of_claims():
    text = (ROOT / "docs/people.md").read_text(encoding="utf-8")
    assert filled(text, claims(ROOT / "results/laptop"), CLAIMS_BLOCK) == text


def test_words_on_qags_and_factcc_hold_in_the_results():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    text = " ".join(readme.split("In words: the paper's formula")[1].split("How these")[0].split())
    found = read_tables(ROOT / "results/laptop")
    held = {(key, row["metric"]): row for key, tables in found.items() for row in tables["rows"]}
    cnndm, xsum = (held[key, "qags"] for key in ("qags_cnndm", "qags_xsum"))
    assert f"({cnndm['pearson']:.2f} and {xsum['pearson']:.2f})" in text
    assert f"for {cnndm['undefined']} and {xsum['undefined']} of these summaries" in text
    assert all(
        row["low"] < 0 < row["high"]
        for key in ("qags_cnndm", "qags_xsum")
        for row in found[key]["leads"]
        if row["against"] == "qags"
    )
    first, second = (held[key, "factcc"]["pearson"] for key in ("qags_cnndm", "qags_xsum"))
    assert f"as well as QUALS does ({first:.2f} and {second:.2f})" in text
    trained = read_json(ROOT / "results/laptop/training/factcc.json")["metrics"]
    checked = read_json(ROOT / "results/laptop/agreement/factcc_claims.json")
    assert f"finds {trained['balanced_accuracy']:.2f} (balanced accuracy)" in text
    assert f"only {checked['balanced_accuracy']:.2f} of what people found" in text
    assert f"trained on {round(trained['claims'], -2):,.0f} claims" in text


def test_words_on_the_explained_share_hold_in_the_results():
    page, readme = (
        " ".join((ROOT / path).read_text(encoding="utf-8").split())
        for path in ("docs/people.md", "README.md")
    )
    text = page.split("**The explained share")[1].split("**No average")[0]
    found = read_tables(ROOT / "results/laptop")
    held, development = (
        {
            (key, row["metric"]): row
            for key, tables in found.items()
            for part in ("rows", "variants")
            for row in (tables if half is None else tables[half])[part]
        }
        for half in (None, "development")
    )
    leads = {
        (key, row["against"]): row
        for key, tables in found.items()
        for row in tables["extension"]["leads"]
    }
    partial = {
        (key, row["control"]): row["pearson"]
        for key, tables in found.items()
        for row in tables["extension"]["partial"]
    }
    sets = ("qags_cnndm", "qags_xsum")

    def both(half: dict, metric: str) -> str:
        return " and ".join(f"{half[key, metric]['pearson']:.2f}" for key in sets)

    ours, formula = "quals_explained", "quals"
    for half, verb in ((development, "There it has"), (held, "held-out halves it has")):
        assert f"{verb} {both(half, ours)} where the formula has {both(half, formula)}" in text
    assert all(held[key, ours]["pearson"] > aim for key, aim in zip(sets, (0.5, 0.2), strict=True))
    first, second = (leads[key, formula]["p_holm"] for key in sets)
    assert f"(Holm's p is {first:.3f}), that on XSUM is not ({second:.2f})" in text
    assert first < 0.05 < second
    assert leads["qags_cnndm", "likelihood"]["p"] > 0.05
    (reader,) = found["qags_cnndm"]["extension"]["raters"]
    assert reader["ahead_of_people_low"] < 0 < reader["ahead_of_people_high"]
    xsum = {metric: row for (key, metric), row in held.items() if key == "qags_xsum"}
    assert f"where likelihood has {xsum['likelihood']['pearson']:.2f}" in text
    above = {m for m, row in xsum.items() if row["pearson"] > xsum[ours]["pearson"]}
    assert above == {"copy1"}
    assert min(row["p_holm"] for (key, _), row in leads.items() if key == "qags_xsum") > 0.05
    left = " and ".join(f"{partial[key, 'copy2']:.2f}" for key in sets)
    assert f"fixed share of copied bigrams {left} of it are left" in text
    assert f"({both(held, 'likelihood_explained')})" in text
    made, told = held["halueval", ours], held["halueval", formula]
    lead = leads["halueval", formula]["p_holm"]
    assert lead < 0.05
    assert (
        f"{made['pearson']:.2f} on the held-out half ({made['n'] // 2} articles), an AUC of "
        f"{made['auc']:.2f}, where the formula has {told['pearson']:.2f} and {told['auc']:.2f} "
        f"(Holm's p is {lead:.3f})"
    ) in text
    of_claims = read_json(ROOT / "results/laptop/agreement/factcc_claims.json")["rows"]
    auc = {row["metric"]: row["auc"] for row in of_claims}
    assert f"one by one, where its AUC is {auc[ours]:.2f}." in readme
    others = [auc[name] for name in ("likelihood", "likelihood_explained", "factcc", "copy3")]
    shown = re.findall(r"\d\.\d\d", page.split("The explained share met")[1].split("<!--")[0])
    assert shown == [f"{value:.2f}" for value in (auc[ours], *others)]
    assert max(others[:3]) < auc[ours] < others[3] == max(auc.values())
    there = f"{made['pearson']:.2f} on HaluEval, which had no part in the choice"
    assert f"no questions: {both(held, ours)}, and {there}" in readme
