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


@pytest.fixture(scope="module")
def committed() -> dict:
    return read_json(DOCS / "coverage.json")


def test_docs_show_the_committed_shares(committed: dict) -> None:
    text = (DOCS / "statistics.md").read_text()
    assert readme.filled(text, coverage.render(committed)) == text


def test_committed_shares_are_within_the_band_where_the_law_is_95(committed: dict) -> None:
    assert all(within(row["bootstrap"]) for row in committed["statistics"])
    assert all(within(row["student"]) for row in committed["means"])
    for row in committed["means"]:
        if row["seeds"] == 1 or row["spread"] <= 0.02:
            assert within(row["bootstrap"])


@pytest.mark.slow
def test_the_command_gives_the_committed_shares(committed: dict) -> None:
    """Minutes on one core. Another processor may round a hit away, not more."""
    found = json.loads(dump(coverage.simulate(committed["trials"], committed["resamples"])))
    for part in ("means", "statistics", "errors"):
        for row, kept in zip(found[part], committed[part], strict=True):
            for key, value in kept.items():
                assert row[key] == (pytest.approx(value, abs=0.004) if key in SHARES else value)
