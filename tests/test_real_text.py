"""Pages about summarizers on real text hold the committed results, and say where there are none."""

from pathlib import Path

import pytest

from quals.analysis.readme import filled
from quals.analysis.real_text import BLOCK, COSTS_BLOCK, NOTHING, costs, details, main, summary
from quals.jsonl import write_json

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
    assert "No stage" in costs(path, "paper")


def test_the_page_holds_the_committed_costs():
    text = (ROOT / "docs/laptop_scale.md").read_text(encoding="utf-8")
    measured = costs(ROOT / "benchmarks/costs.json", "laptop")
    assert filled(text, measured, COSTS_BLOCK) == text


@pytest.mark.parametrize(
    ("page", "render"), [("README.md", summary), ("docs/laptop_scale.md", details)]
)
def test_the_pages_hold_the_committed_results(page, render):
    text = (ROOT / page).read_text(encoding="utf-8")
    assert filled(text, render(ROOT / "results/laptop"), BLOCK) == text
