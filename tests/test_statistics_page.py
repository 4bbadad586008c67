"""docs/statistics.md shows what docs/coverage.json holds, and that is what the command gives."""

import json
from pathlib import Path

import pytest

from quals.analysis import coverage, readme
from quals.jsonl import dump, read_json

DOCS = Path(__file__).parents[1] / "docs"
BAND = (0.93, 0.97)
SHARES = ("bootstrap", "student", "share")


def within(share: float) -> bool:
    return BAND[0] <= share <= BAND[1]


def held(share: float, trials: int) -> bool:
    """In the band but for the noise of that many experiments, 95 times in 100."""
    low, high = (1.96 * (end * (1 - end) / trials) ** 0.5 for end in BAND)
    return BAND[0] - low <= share <= BAND[1] + high


@pytest.fixture(scope="module")
def committed() -> dict:
    return read_json(DOCS / "coverage.json")


def test_docs_show_the_committed_shares(committed: dict) -> None:
    text = (DOCS / "statistics.md").read_text()
    assert readme.filled(text, coverage.render(committed)) == text


def test_committed_shares_are_those_that_the_page_states(committed: dict) -> None:
    """Student's interval is in the band; the bootstrap over three seeds errs both ways."""
    assert all(within(row["bootstrap"]) for row in committed["statistics"])
    for row in committed["means"]:
        assert held(row["student"], committed["trials"])
        if row["seeds"] == 1:
            assert within(row["bootstrap"])
        elif row["spread"] <= 0.02:
            assert row["bootstrap"] >= 0.97
        elif row["seeds"] == 3 and row["spread"] == 0.1:
            assert row["bootstrap"] < 0.9


@pytest.mark.slow
def test_the_command_gives_the_committed_shares(committed: dict) -> None:
    """Minutes on one core. Another processor may round a hit away, not more."""
    found = json.loads(dump(coverage.simulate(committed["trials"], committed["resamples"])))
    for part in ("means", "statistics", "errors"):
        for row, kept in zip(found[part], committed[part], strict=True):
            for key, value in kept.items():
                assert row[key] == (pytest.approx(value, abs=0.004) if key in SHARES else value)
