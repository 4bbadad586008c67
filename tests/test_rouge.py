"""Laws of `quals.metrics.rouge`: the package's own scores, only sooner."""

import subprocess
import sys
from statistics import fmean

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rouge_score.rouge_scorer import RougeScorer

from quals.metrics.rouge import Rouge

TYPES = ("rouge1", "rouge2", "rougeL")
PLAIN = {stem: RougeScorer(TYPES, use_stemmer=stem) for stem in (False, True)}
OURS = {stem: Rouge(use_stemmer=stem) for stem in (False, True)}
VOCABULARY = "the floods flooded flooding flood town Towns closing closed 3-1 2.5 £40 schools' é ."
TEXT = st.lists(st.sampled_from(VOCABULARY.split()), max_size=25).map(" ".join)


@pytest.mark.parametrize("use_stemmer", [False, True])
@given(st.lists(st.tuples(TEXT | st.text(max_size=20), TEXT), max_size=4))
def test_scores_agree_with_the_plain_package(use_stemmer, pairs):
    references, summaries = [r for r, _ in pairs], [s for _, s in pairs]
    scores = OURS[use_stemmer].score(references, summaries)
    assert len(scores) == len(pairs)
    for (reference, summary), score in zip(pairs, scores, strict=True):
        plain = PLAIN[use_stemmer].score(reference, summary)
        for name in TYPES:
            assert score[name] == pytest.approx(plain[name].fmeasure, abs=1e-12)
        assert score["mean_rouge"] == pytest.approx(fmean(score[name] for name in TYPES))


@pytest.mark.parametrize(
    ("reference", "summary", "use_stemmer", "expected"),
    [
        ("the mill closed", "The mill closed.", False, (1, 1, 1)),
        ("the mill closed", "closed mill the", False, (1, 0, 1 / 3)),
        ("floods hit", "flood hits", False, (0, 0, 0)),
        ("floods hitting", "flood hitting", True, (1, 1, 1)),
        ("a b c d", "a b", False, (2 / 3, 1 / 2, 2 / 3)),
        ("", "a mill", False, (0, 0, 0)),
        ("a mill", "", True, (0, 0, 0)),
    ],
)
def test_scores_by_hand(reference, summary, use_stemmer, expected):
    (score,) = OURS[use_stemmer].score([reference], [summary])
    assert tuple(score[name] for name in TYPES) == pytest.approx(expected)
    assert score["mean_rouge"] == pytest.approx(sum(expected) / 3)


@given(st.lists(TEXT, min_size=1, max_size=5), TEXT)
def test_a_score_does_not_depend_on_its_neighbours(references, summary):
    together = OURS[True].score(references, [summary] * len(references))
    alone = [OURS[True].score([reference], [summary])[0] for reference in references]
    assert together == alone


def test_equal_pairs_get_scores_of_their_own():
    one, other = OURS[False].score(["a mill", "a mill"], ["a mill", "a mill"])
    one["rouge1"] = -1.0
    assert other["rouge1"] == 1


def test_lists_of_unequal_length_are_refused():
    with pytest.raises(ValueError, match="zip"):
        OURS[False].score(["a"], [])


def test_importing_the_module_does_not_import_the_package():
    check = "import sys, quals.metrics.rouge; sys.exit('rouge_score' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0
