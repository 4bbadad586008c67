"""Laws of `quals.metrics.factcc`, with a fake classifier that believes what a table says."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quals.metrics.factcc import ClosestReading, FactCC, balanced_accuracy

BELIEF = {"The mill burned.": 0.9, "Nobody was hurt.": 0.4, "It was rebuilt.": 0.2}


class Table:
    """Believes the claims of `BELIEF`, less so of long documents, and notes what it is asked."""

    def __init__(self):
        self.asked = []

    def probabilities(self, documents, claims):
        self.asked += zip(documents, claims, strict=True)
        return [
            BELIEF[claim] / len(document) for document, claim in zip(documents, claims, strict=True)
        ]


@pytest.mark.parametrize(
    ("summary", "score"),
    [
        ("The mill burned.", 0.9),
        ("The mill burned. Nobody was hurt.", 0.65),
        ("The mill burned. It was rebuilt. Nobody was hurt.", 0.5),
        ("It was rebuilt. It was rebuilt. The mill burned.", (0.2 + 0.2 + 0.9) / 3),
        ("", None),
        (" \n", None),
    ],
)
def test_score_is_the_mean_over_sentences(summary, score):
    (found,) = FactCC(Table()).score(["d"], [summary])
    assert found == (None if score is None else pytest.approx(score))


SUMMARY = st.lists(st.sampled_from(sorted(BELIEF)), max_size=4).map(" ".join)


@given(st.lists(st.tuples(st.sampled_from(["d", "dd", "ddd"]), SUMMARY), max_size=6))
def test_scores_keep_their_order_and_no_claim_is_asked_twice(pairs):
    classifier = Table()
    scores = FactCC(classifier).score([d for d, _ in pairs], [s for _, s in pairs])
    alone = [FactCC(Table()).score([document], [summary])[0] for document, summary in pairs]
    assert scores == alone
    assert len(classifier.asked) == len(set(classifier.asked))


def test_a_classifier_is_not_bothered_with_nothing():
    classifier = Table()
    assert FactCC(classifier).score(["d", "d"], ["", ""]) == [None, None]
    assert FactCC(classifier).score([], []) == []
    assert classifier.asked == []


def test_lists_of_unequal_length_are_refused():
    with pytest.raises(ValueError, match="zip"):
        FactCC(Table()).score(["d"], [])


def test_a_classifier_that_loses_answers_is_refused():
    class Lossy:
        def probabilities(self, documents, claims):
            return [0.5]

    with pytest.raises(ValueError, match="zip"):
        FactCC(Lossy()).score(["d"], ["The mill burned. Nobody was hurt."])


@pytest.mark.parametrize(
    ("labels", "predictions", "accuracy"),
    [
        ([1, 0], [1, 0], 1.0),
        ([1, 0], [0, 1], 0.0),
        ([1, 1, 1, 0], [1, 1, 1, 1], 0.5),  # plain accuracy would be 0.75
        ([1, 1, 1, 1, 0, 0], [1, 1, 1, 0, 0, 1], (3 / 4 + 1 / 2) / 2),
        ([1, 1], [1, 0], 0.5),  # one class only
        ([0, 1, 2], [0, 1, 1], 2 / 3),
        ([True, False], [1, 0], 1.0),
    ],
)
def test_balanced_accuracy_by_hand(labels, predictions, accuracy):
    assert balanced_accuracy(labels, predictions) == pytest.approx(accuracy)


@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 1)), min_size=1), st.integers(1, 4))
def test_repeating_one_class_does_not_change_balanced_accuracy(pairs, times):
    more = pairs + [pair for pair in pairs if pair[0] == 1] * times
    before = balanced_accuracy([a for a, _ in pairs], [b for _, b in pairs])
    assert balanced_accuracy([a for a, _ in more], [b for _, b in more]) == pytest.approx(before)


@pytest.mark.parametrize(("labels", "predictions"), [([], []), ([1], []), ([1], [1, 0])])
def test_balanced_accuracy_of_nothing_or_of_unequal_lists_is_refused(labels, predictions):
    with pytest.raises(ValueError, match=r"no labels|zip"):
        balanced_accuracy(labels, predictions)


def test_a_closest_reading_shows_each_claim_its_own_sentences_and_keeps_the_order():
    document = "The crowd came early. The mill burned on Monday. Nobody in it was hurt."
    table = Table()
    claims = ["Nobody was hurt.", "The mill burned."]
    believed = ClosestReading(table, 5).probabilities([document, document], claims)
    read = ["Nobody in it was hurt.", "The mill burned on Monday."]
    assert table.asked == list(zip(read, claims, strict=True))
    assert believed == Table().probabilities(read, claims)
    assert ClosestReading(table, 99).probabilities([document], claims[:1]) == (
        Table().probabilities([document], claims[:1])
    )
