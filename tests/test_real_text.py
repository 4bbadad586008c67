"""Pages about summarizers on real text hold the committed results, and say where there are none."""

import re
from pathlib import Path

import pytest

from quals.analysis.readme import filled
from quals.analysis.real_text import BLOCK, COSTS_BLOCK, NOTHING, costs, details, main, summary
from quals.jsonl import read_json, write_json

ROOT = Path(__file__).parents[1]


def mean(method: str, metric: str, value: float, seeds: int) -> dict:
    ends = {"low": value - 0.2, "high": value + 0.2}
    ends |= {"bootstrap_low": value - 0.1, "bootstrap_high": value + 0.1}
    found = {"dataset": "xsum", "method": method, "metric": metric, "mean": value}
    return {**found, **ends, "n": 20, "seeds": seeds}


def difference(baseline: str, value: float) -> dict:
    found = {"dataset": "xsum", "method": "conseq", "baseline": baseline, "metric": "qags"}
    found |= {"difference": value, "low": value - 0.2, "high": value + 0.2}
    found |= {"bootstrap_low": value - 0.1, "bootstrap_high": value + 0.1}
    return found | {"p": 0.25, "p_holm": 1.0}


def cost(stage: str, runs: int, seconds: float, mib: int) -> dict:
    found = {"stage": stage, "runs": runs, "seconds": seconds, "peak_mib": mib, "joules": None}
    return found | {"device": "some CPU, 2 cores"}


@pytest.fixture
def results(tmp_path):
    rows = [
        mean(method, metric, value, 1)
        for method, value in (("mle", 0.5), ("conseq", 0.6))
        for metric in ("rougeL", "qags", "copy1", "length")
    ]
    write_json(tmp_path / "main.json", rows)
    write_json(
        tmp_path / "differences.json", [difference("mle", 0.1234), difference("rouge", 0.4321)]
    )
    claim = {"claim": "ConSeq helps", "published": None, "measured": 0.0625, "low": -0.5}
    write_json(
        tmp_path / "claims.json",
        [{**claim, "high": 0.5, "verdict": "inconclusive", "why": "few documents"}],
    )
    return tmp_path


def test_one_seed_has_intervals_over_documents_and_more_have_students(results):
    assert "(20 test documents, 1 training seed)" in summary(results)
    assert "| ConSeq | 0.600 [0.500,\u00a00.700] | 0.600 [0.500,\u00a00.700] |" in summary(results)
    for seeds, shown in ((2, "| 0.600 |"), (3, "0.600 [0.400,\u00a00.800]")):
        write_json(results / "main.json", [mean("conseq", "qags", 0.6, seeds)])
        assert shown in summary(results)
        assert f"{seeds} training seeds" in summary(results)


def test_the_page_has_all_columns_the_differences_from_mle_and_the_claims(results):
    page = details(results)
    assert "Copied words" in page
    assert "Copied words" not in summary(results)
    assert "0.6 [0.5,\u00a00.7] |" in page, "a length has one digit"
    assert "| ConSeq | MLE | QAGS | +0.123 [-0.077, +0.323] | [+0.023, +0.223] |" in page
    assert "0.432" not in page, "differences from other baselines are in the report"
    assert "| ConSeq helps | - | 0.062 [-0.500, 0.500] | inconclusive |" in page


def test_without_results_the_pages_say_so(tmp_path):
    assert summary(tmp_path) == details(tmp_path) == NOTHING


def test_both_pages_are_filled_by_one_command(results):
    pages = [results / "readme.md", results / "page.md"]
    blocks = "".join(f"<!-- {b}:start -->\nold\n<!-- {b}:end -->\n" for b in (BLOCK, COSTS_BLOCK))
    for page in pages:
        page.write_text(f"before\n{blocks}after\n")
    words = ["--readme", str(pages[0]), "--page", str(pages[1]), "--results", str(results)]
    write_json(results / "costs.json", {results.name: [cost("evaluate", 2, 90.0, 1536)]})
    main([*words, "--costs", str(results / "costs.json")])
    for page, render in zip(pages, (summary, details), strict=True):
        text = page.read_text()
        assert render(results) in text
        assert text.startswith("before\n")
    assert "old" not in pages[1].read_text()
    assert "| `evaluate` | 2 | 90 | 1536 |" in pages[1].read_text()


def test_costs_have_their_sum_in_minutes_and_the_machine(tmp_path):
    path = tmp_path / "costs.json"
    write_json(path, {"laptop": [cost("sample", 1, 600.0, 512), cost("reward", 3, 1233.0, 2048)]})
    found = costs(path, "laptop")
    assert found.startswith("Together 31 minutes (some CPU, 2 cores):")
    assert "| `reward` | 3 | 1233 | 2048 |" in found
    assert "Machine" not in found
    assert "No stage" in costs(path, "paper")
    elsewhere = {**cost("sample", 1, 300.0, 512), "device": "another CPU, 2 cores"}
    write_json(path, {"laptop": [elsewhere, cost("reward", 3, 1233.0, 2048)]})
    found = costs(path, "laptop")
    assert found.startswith("Together 26 minutes (another CPU, 2 cores / some CPU, 2 cores):")
    assert "| `sample` | 1 | 300 | 512 | - | another CPU, 2 cores |" in found
    assert "| `reward` | 3 | 1233 | 2048 | - | some CPU, 2 cores |" in found


def test_the_page_holds_the_committed_costs():
    text = (ROOT / "docs/laptop_scale.md").read_text(encoding="utf-8")
    measured = costs(ROOT / "benchmarks/costs.json", "laptop")
    assert filled(text, measured, COSTS_BLOCK) == text
    rows = read_json(ROOT / "benchmarks/costs.json")["laptop"]
    assert "four hours for all, and both hold" in text
    assert 3.5 * 3600 < sum(row["seconds"] for row in rows) < 4 * 3600
    assert "just under four hours" in (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("page", "render"), [("README.md", summary), ("docs/laptop_scale.md", details)]
)
def test_the_pages_hold_the_committed_results(page, render):
    text = (ROOT / page).read_text(encoding="utf-8")
    assert filled(text, render(ROOT / "results/laptop"), BLOCK) == text


def flat(page: str, start: str, end: str) -> str:
    text = (ROOT / page).read_text(encoding="utf-8")
    return " ".join(text.split(start)[1].split(end)[0].split())


def committed() -> tuple[dict, dict]:
    """Of scale laptop: ConSeq minus each baseline by metric and corpus, and the claims by name."""
    results = ROOT / "results/laptop"
    differences = {
        (row["dataset"], row["metric"], row["baseline"]): row
        for row in read_json(results / "differences.json")
        if row["method"] == "conseq"
    }
    return differences, {row["claim"]: row for row in read_json(results / "claims.json")}


def pairs(method: str) -> list[int]:
    return [
        read_json(ROOT / f"results/laptop/training/{dataset}-{method}.json")["seeds"]["0"][
            "metrics"
        ]["pairs"]
        for dataset in ("xsum", "cnndm")
    ]


def judged() -> dict[str, dict]:
    """What the judges that chose nothing say, by corpus."""
    folder = ROOT / "results/laptop/summary_judges"
    return {dataset: read_json(folder / f"{dataset}.json") for dataset in ("xsum", "cnndm")}


def explained(method: str) -> list[float]:
    """Mean explained share of a method's summaries, by corpus."""
    return [
        row["mean"]
        for tables in judged().values()
        for row in tables["main"]
        if (row["metric"], row["method"]) == ("quals_explained", method)
    ]


def explained_gains() -> list[float]:
    """Of ConSeq over MLE, by corpus."""
    return [
        row["difference"]
        for tables in judged().values()
        for row in tables["differences"]
        if (row["metric"], row["method"]) == ("quals_explained", "conseq")
    ]


def test_words_of_the_readme_hold_in_the_results():
    text = flat("README.md", "and one seed settle nothing", "The [report]")
    found, claims = committed()
    (qags, factcc, quals) = (
        [found[dataset, metric, "mle"]["difference"] for dataset in ("xsum", "cnndm")]
        for metric in ("qags", "factcc", "quals")
    )
    lower = [-value for value in qags]
    assert f"QAGS is {lower[0]:.2f} and {lower[1]:.2f} lower where both have a score" in text
    assert f"FactCC {-factcc[0]:.2f} lower and {factcc[1]:.2f} higher" in text
    assert f"({quals[0]:+.2f} and {quals[1]:+.2f})" in text
    first, second = explained_gains()
    assert f"as good as equal ({first:+.3f} and {second:+.3f})" in text
    everything = read_json(ROOT / "results/laptop/differences.json")
    judges = [row for tables in judged().values() for row in tables["differences"]]
    assert min(row["p_holm"] for row in [*everything, *judges]) > 0.8
    first, second = pairs("conseq")
    assert f"{first} and {second} pairs of 80 documents, five steps" in text
    assert {steps("xsum", "conseq"), steps("cnndm", "conseq")} == {5}
    assert "finds {} and {}.".format(*pairs("copy")) in text
    copied = [
        row["mean"]
        for row in read_json(ROOT / "results/laptop/main.json")
        if row["dataset"] == "cnndm" and row["metric"] == "copy2"
    ]
    assert {round(value, 1) for value in copied} == {0.9}
    for reference, model in zip(explained("reference"), explained("mle"), strict=True):
        assert round(reference / model, 1) == 0.5
    speed = [row["measured"] for name, row in claims.items() if "times as fast" in name]
    assert f"QUALS is {speed[0]:.1f} times as fast as QAGS" in text
    assert round(speed[1], 1) == 0.5


def steps(dataset: str, method: str) -> int:
    path = ROOT / f"results/laptop/training/{dataset}-{method}.json"
    return len(read_json(path)["seeds"]["0"]["curve"])


def test_words_of_the_page_hold_in_the_results():
    text = flat("docs/laptop_scale.md", "## What came out", "<!-- real:start -->")
    found, claims = committed()
    everything = read_json(ROOT / "results/laptop/differences.json")
    smallest, adjusted = (min(row[key] for row in everything) for key in ("p", "p_holm"))
    assert (
        f"The smallest of {len(everything)} p-values is {smallest:.2f}, and {adjusted:.2f}" in text
    )
    behind = {
        key[:2]
        for key, row in found.items()
        if key[1] in ("qags", "factcc") and key[2] == "mle" and row["difference"] <= 0
    }
    assert behind == {("xsum", "qags"), ("cnndm", "qags"), ("xsum", "factcc")}
    for dataset, name in (("xsum", "XSUM"), ("cnndm", "CNN/DailyMail")):
        gain = claims[f"ConSeq raises QAGS over the best previous model, in percent ({dataset})"]
        assert f"between {gain['low']:.0f} and {gain['high']:.0f} % on {name}" in text
        assert gain["low"] < 2 < gain["high"]
        assert (gain["high"] > 15) == (dataset == "xsum")
        assert f"{found[dataset, 'quals', 'mle']['difference']:+.2f} on {name}" in text
    report = (ROOT / "results/laptop/report.md").read_text(encoding="utf-8")
    counts = re.findall(r"of 40 each: (.*)\.", report)[1]
    missing = sum(int(count) for count in re.findall(r"QAGS of [^,]*? (\d+)", counts))
    assert f"no score for {missing} of 160 CNN/DailyMail summaries" in text
    page = flat("docs/laptop_scale.md", "- **Selection.**", "- **Selecting costs")
    words = {5: "five", 6: "six"}
    first, second = (words[count] for count in pairs("conseq"))
    assert f"{first} (XSUM) and {second} (CNN/DailyMail)" in page
    assert "finds {} and {}.".format(*pairs("copy")) in page


def test_words_on_judges_that_chose_nothing_hold_in_the_results():
    text = flat("docs/laptop_scale.md", "## What came out", "<!-- real:start -->")
    first, second = explained_gains()
    assert f"{first:.3f} higher than MLE's on XSUM and {second:.3f} on CNN/DailyMail" in text
    ps = [row["p"] for tables in judged().values() for row in tables["differences"]]
    assert f"the smallest of {len(ps)} p-values under the judges" in text
    assert f"chose nothing is {min(ps):.2f})" in text
    methods = ("mle", "rouge", "conseq", "copy")
    least = [min(means) for means in zip(*map(explained, methods), strict=True)]
    references = explained("reference")
    assert f"{references[0]:.2f} on XSUM and {references[1]:.2f} on CNN/DailyMail" in text
    assert "no model is below 0.59 and 0.77" in text
    assert least[0] > 0.59
    assert least[1] > 0.77
