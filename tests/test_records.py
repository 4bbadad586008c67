"""Results print in a few lines and become JSON or a frame without losing anything."""

import json
import math

import pytest

from quals.records import Comparison, Pair, QagsScore, QualsScore, to_frame

PAIRS = (Pair("Who beat Ivan?", "Ada", -0.5, -0.75), Pair("Where?", "Kelby", -1.0, -3.0))
QUALS = QualsScore(-1.125, PAIRS)
NONE = QualsScore(None, (), "no question-answer pair survives")
QAGS = QagsScore(0.5, (Comparison("Who?", "Ada", "Ada", 1.0), Comparison("Where?", "", "x", 0.0)))


def test_a_score_prints_itself_and_its_pairs():
    assert str(QUALS) == (
        "QUALS -1.125, 2 pairs\n  -0.250  Who beat Ivan? Ada\n  -2.000  Where? Kelby"
    )
    assert str(NONE) == "QUALS undefined: no question-answer pair survives"
    assert str(QAGS) == (
        "QAGS 0.500, 2 questions (summary / document)\n"
        "   1.000  Who? Ada / Ada\n   0.000  Where? (none) / x"
    )
    assert str(QagsScore(None, (), "no question")) == "QAGS undefined: no question"


@pytest.mark.parametrize("score", [QUALS, NONE, QAGS, QagsScore(None, (), "no question")])
def test_json_holds_the_row(score):
    assert json.loads(score.to_json()) == score.to_row()
    assert "\n" not in score.to_json()


def test_a_frame_has_a_row_for_each_summary():
    frame = to_frame([QUALS, NONE], ids=["a", "b"])
    assert list(frame.columns) == ["quals", "pairs", "reason"]
    assert frame.loc["a", "quals"] == -1.125
    assert math.isnan(frame.loc["b", "quals"])
    assert list(frame["pairs"]) == [2, 0]
    assert frame.loc["b", "reason"] == NONE.reason
    assert frame["quals"].mean() == -1.125  # undefined ones are left out, as everywhere


def test_a_frame_of_undefined_scores_stays_numeric():
    assert to_frame([NONE])["quals"].dtype == float
    assert list(to_frame([QAGS])["comparisons"]) == [2]
    assert len(to_frame([])) == 0
