"""Laws of the published claims: each is known with its source, and tested where somebody ran it."""

import numpy as np
import pytest
from pipeline import ROOT

from quals.analysis import claims, published
from quals.analysis.readme import render_published
from quals.analysis.statistics import draw
from quals.analysis.tables import Scores
from quals.jsonl import read_json, write_json


def scores(gain: float) -> Scores:
    """Three methods, of which ConSeq's QAGS is higher than the best other by `gain` percent."""
    random = np.random.default_rng(0)
    base = 0.4 + random.normal(0, 0.002, (1, 60))
    qags = np.stack([base, base - 0.1, base * (1 + gain / 100)])
    metrics = {"qags": qags, "quals": qags - 1 + random.normal(0, 1e-4, qags.shape)}
    ids = tuple(map(str, range(60)))
    return Scores("xsum", ("mle", "rouge", "conseq"), (0,), ids, metrics, None)


def judged(*, ratio: float, gain: float) -> list[dict]:
    """What a scale of real text finds: neither truth nor benchmark."""
    bounds = {"ratio": ratio, "ratio_low": 0.95 * ratio, "ratio_high": 1.05 * ratio}
    seconds = {"quals_seconds": 1.0, "qags_seconds": ratio, "summaries": 9, "repeats": 3}
    speed = {"protocols": [{"name": "paper", **bounds, **seconds}], "device": "a card"}
    found = scores(gain)
    drawn = draw(1, 60, resamples=200, seed=0)
    settings = {"resamples": 200, "seed": 0, "level": 0.95}
    return claims.claim_rows([(found, drawn)], [], speed, {}, **settings)


def test_what_nobody_has_run_cannot_be_tested():
    rows = published.beside(ROOT / "no results", ["paper"])
    assert [row.published for row in rows] == list(published.PUBLISHED)
    assert {row.verdict("paper") for row in rows} == {claims.UNTESTABLE}
    assert all(row.published.source and row.published.value for row in rows)


def test_every_claim_of_a_report_is_a_published_one_and_all_others_too_but_the_examples():
    reports = [
        judged(ratio=55, gain=6),
        [row for row in read_json(ROOT / "results/testbed/claims.json") if row["published"]],
    ]
    for report in reports:
        known = {
            row["claim"]: one
            for one in published.PUBLISHED
            for row in report
            if row["claim"].startswith(f"{one.claim} (")
        }
        assert set(known) == {row["claim"] for row in report}
        assert {row["published"] for row in report} == {one.value for one in known.values()}
        assert set(published.PUBLISHED) - set(known.values()) == {published.EXAMPLES}


@pytest.mark.parametrize(
    ("ratio", "gain", "verdict"),
    [
        (200.0, 60.0, claims.NOT_REPRODUCED),  # above what was published
        (55.0, 6.0, claims.REPRODUCED),
        (6.0, 0.5, claims.NOT_REPRODUCED),  # below
    ],
)
def test_results_of_the_papers_scale_decide(tmp_path, ratio, gain, verdict):
    write_json(tmp_path / "paper/claims.json", judged(ratio=ratio, gain=gain))
    found = {row.claim: row for row in published.beside(tmp_path, ["testbed", "paper"])}
    for one, about in ((published.FASTER, "paper protocol"), (published.GAIN, "xsum")):
        row = found[one.about(about)]
        assert (row.verdict("paper"), row.verdict("testbed")) == (verdict, claims.UNTESTABLE)
        assert row.published == one
    # Who read no summaries cannot say what people find.
    assert found[published.FACTUAL.about("xsum")].verdict("paper") == claims.UNTESTABLE
    lines = render_published(tmp_path).splitlines()
    (line,) = [line for line in lines if published.GAIN.claim in line]
    assert line.endswith(f": {verdict} |")
    assert f"| {claims.UNTESTABLE} |" in line


def test_without_a_benchmark_quals_follows_qags_on_the_summaries_that_were_scored():
    (row,) = [row for row in judged(ratio=55, gain=6) if row["claim"].startswith("QUALS corr")]
    assert row["verdict"] == claims.REPRODUCED
    assert row["measured"] > 0.99
    assert "n = 60" in row["why"]
    assert "swaps" not in row["why"]
