"""Laws of the README: its numbers are those of the results, its drawing is the pipeline."""

import re
from pathlib import Path

import pytest
from pipeline import ROOT

from quals.analysis.readme import filled, render_block, render_published, render_values
from quals.assets import catalogue
from quals.jsonl import read_json
from quals.params import load_yaml

README = (ROOT / "README.md").read_text()


def test_results_block_is_what_the_result_files_give():
    assert filled(README, render_block(ROOT / "results/testbed")) == README


RESULTS = ROOT / "results/testbed"
MEANS = {
    (row["dataset"], row["method"], row["metric"]): row["mean"]
    for row in read_json(RESULTS / "main.json")
}
CONTROLS = ("likelihood", "masked")


def word(start: str) -> str:
    """The paragraph of "In words" that opens so: a test below says what it rests on."""
    told = README.split("In words:")[1].split("The full [report]")[0]
    (found,) = re.findall(rf"^- \*\*{re.escape(start)}.*?(?=\n\n|\n- )", told, re.M | re.S)
    return found


def ablated(
    ablation: str, metric: str, path: Path = RESULTS / "ablations.json"
) -> dict[tuple[str, str], dict]:
    return {
        (row["dataset"], row["setting"]): row
        for row in read_json(path)
        if (row["ablation"], row["metric"]) == (ablation, metric)
    }


def kept(ablation: str, metric: str) -> dict[tuple[str, str], dict]:
    return ablated(ablation, metric, ROOT / "docs/ablations.json")


def test_words_on_quals_hold_in_the_results():
    assert "hardly sees a negation" in word("QUALS works")
    rows = read_json(RESULTS / "agreement_errors.json")
    auc = {(row["benchmark"], row["error"], row["metric"]): row["auc"] for row in rows}
    assert "on `xsum` on\n  made-up details and names" in word("QUALS works")
    for corpus in ("xsum", "cnndm"):
        better = ("number", "date", *("extrinsic", "entity") * (corpus == "xsum"))
        for error in better:
            assert auc[corpus, error, "qags"] > auc[corpus, error, "quals"]
        assert auc[corpus, "negation", "qags"] < 0.6
        assert auc[corpus, "negation", "quals"] > 0.99
        for groups in ("30", "60"):
            assert ablated("groups", "auc_change")[corpus, groups]["high"] < 0
    for row in read_json(RESULTS / "agreement_details.json")["by_source"]:
        if row["metric"] == "quals":
            assert row["auc"] > 0.85
    ratios = [row["ratio"] for row in read_json(RESULTS / "speed.json")["protocols"]]
    assert "little faster" in README
    assert all(1 < ratio < 2 for ratio in ratios)


def test_words_on_conseq_hold_in_the_results():
    rows = read_json(RESULTS / "differences.json")
    found = {(r["dataset"], r["method"], r["baseline"]): r for r in rows if r["metric"] == "truth"}
    told = word("ConSeq with the paper's loss")
    assert (
        "Neither against MLE nor against ROUGE-contrastive training is a\n  difference settled"
        in told
    )
    for corpus in ("xsum", "cnndm"):
        for baseline in ("mle", "rouge"):
            assert not settled(found[corpus, "conseq", baseline])
        assert not settled(found[corpus, "oracle", "mle"])
        for method in CONTROLS:
            against = found[corpus, method, "mle"]
            assert against["difference"] > 0.1
            assert against["p_holm"] < 0.05
            assert MEANS[corpus, method, "rougeL"] < MEANS[corpus, "mle", "rougeL"] - 0.01
    assert "one in eight summaries of `cnndm`" in word("The loss is at fault")
    assert MEANS["cnndm", "masked", "unparsed"] == pytest.approx(1 / 8, abs=0.01)


def settled(row: dict) -> bool:
    """As the report says it: Holm's p and Student's interval agree."""
    return row["p_holm"] < 0.05 and (row["low"] > 0 or row["high"] < 0)


def test_words_on_other_losses_and_on_decoding_hold_in_the_results():
    changed = ablated("losses", "truth_change")
    rouge = ablated("losses", "rougeL_change")
    bold, unparsed = kept("bold_losses", "truth_change"), kept("bold_losses", "unparsed")
    told = "on `xsum` beyond the interval, on `cnndm` within it"
    assert told in word("Other losses")
    for corpus in ("xsum", "cnndm"):
        for loss in ("masked", "sequence mean", "DPO", "SLiC"):
            assert changed[corpus, loss]["mean"] > 0
            assert (changed[corpus, loss]["low"] > 0) == (corpus == "xsum")
            assert -0.05 < rouge[corpus, loss]["mean"] <= 0.001
        for loss in ("likelihood only", "masked", "SLiC"):
            assert bold[corpus, loss]["mean"] > changed[corpus, loss]["mean"]
        assert unparsed[corpus, "token (the paper's)"]["mean"] > 0.25
    copying = {
        (r["dataset"], r["system"]): r["consistent"] for r in read_json(RESULTS / "copying.json")
    }
    for corpus in ("xsum", "cnndm"):
        for variant in ("temperature-0.5", "length_penalty-0"):
            assert copying[corpus, variant] > copying[corpus, "conseq"]


def test_words_on_the_choice_of_pairs_hold_in_the_kept_ablations():
    changed = kept("selector", "truth_change")
    told = " ".join(word("Where the loss does no harm").split())
    assert "only where FactCC chooses on `xsum` and chance on `cnndm`" in told
    for corpus in ("xsum", "cnndm"):
        for selector in ("rouge", "factcc", "length", "random"):
            found = changed[corpus, f"{selector} (masked)"]
            assert found["mean"] < 0
            beyond = (corpus, selector) in (("xsum", "factcc"), ("cnndm", "random"))
            assert (found["high"] < 0) == beyond
        assert abs(changed[corpus, "copy (masked)"]["mean"]) < 0.05
    assert changed["xsum", "qags (masked)"]["low"] > 0


def test_score_card_shows_the_values_of_the_result_files():
    card = (ROOT / "docs/score_card.md").read_text()
    assert filled(card, render_values(ROOT / "results/testbed")) == card


def test_published_claims_stand_beside_those_of_the_result_files():
    page = (ROOT / "docs/paper_scale.md").read_text()
    assert filled(page, render_published(ROOT / "results"), "published") == page


def test_drawing_and_table_name_the_stages_of_dvc_yaml():
    stages = set(load_yaml(ROOT / "dvc.yaml")["stages"])
    drawing = README.split("```mermaid")[1].split("```")[0]
    assert set(re.findall(r"[a-z_]+", drawing.split("LR")[1])) == stages
    table = README.split("| stage | per | does |")[1].split("\n\n")[0]
    assert (
        set(re.findall(r"`([a-z_]+)`", "".join(re.findall(r"^\|[^|]+\|", table, re.M)))) == stages
    )


def test_drawing_has_only_edges_that_the_pipeline_has():
    from pipeline import edges, stages

    judged = {"judgments": ["qags_xsum"], "judgments_qags": ["qags_xsum"]}
    judged |= {"judgments_claims": ["factcc"], "judged_summaries": ["xsum"]}
    found = edges(stages({**load_yaml(ROOT / "params.yaml"), **judged}))
    drawing = README.split("```mermaid")[1].split("```")[0]
    drawn = set(re.findall(r"(\w+) --> (\w+)", drawing))
    assert drawn <= found
    # Every stage's inputs are drawn, if not each file of them.
    assert {target for _, target in found} == {target for _, target in drawn}


def test_make_commands_of_the_readme_exist():
    targets = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.M))
    assert set(re.findall(r"^make (\w+)", README, re.M)) <= targets


def test_links_lead_to_files():
    for link in re.findall(r"\]\((?!http)([^)#]+)\)", README):
        assert Path(ROOT / link).exists(), link


def test_licences_name_everything_that_is_fetched():
    table = README.split("## Licences")[1]
    fetched = {asset.package.name: asset.licence for asset in catalogue.ASSETS}
    fetched[catalogue.PIPELINE.distribution] = catalogue.PIPELINE.licence
    for name, licence in fetched.items():
        (row,) = [line for line in table.splitlines() if f"`{name}`" in line]
        assert licence.split()[0] in row, name
    for scale in (ROOT / "scales").glob("*.yaml"):
        for repository in re.findall(r"\{id: ([^,]+),", scale.read_text()):
            assert f"`{repository}`" in table


def test_deviations_have_a_reason_each():
    table = (ROOT / "docs/deviations.md").read_text().split("\n\n")[1].splitlines()
    assert len(table) > 10
    for row in table[2:]:
        assert all(cell.strip() for cell in row.strip("|").split("|")), row
