"""S+ and S- on tables small enough to select by hand."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quals.training.selection import ContrastPair, Scored, select_pairs


def scored(id_, scores, reference_score, candidates=None):
    """A document whose candidates are named after id and place: a0, a1, ..."""
    names = candidates or tuple(f"{id_}{place}" for place in range(len(scores)))
    return Scored(id_, tuple(names), tuple(scores), f"{id_}+", reference_score)


# Worst candidates: a -5, b -4, c -3, d -2, e undefined; best references: e, d, c, b, a.
TABLE = [
    scored("a", (-1.0, -5.0), -0.9),
    scored("b", (-4.0, -2.0), -0.5),
    scored("c", (-3.0, None), -0.3),
    scored("d", (-2.0, -1.0), -0.2),
    scored("e", (None, None), -0.1),
]


def select(documents, negative_share, positive_share, most=None):
    pairs = select_pairs(
        documents, negative_share=negative_share, positive_share=positive_share, most=most
    )
    return [pair.id for pair in pairs]


@pytest.mark.parametrize(
    ("negative_share", "positive_share", "expected"),
    [
        (0.2, None, "a"),
        (0.6, None, "abc"),
        (0.8, None, "abcd"),
        (1.0, None, "abcd"),  # e has no negative
        (0.0, None, ""),
        (1.0, 1.0, "abcd"),
        (1.0, 0.4, "d"),
        (1.0, 0.8, "bcd"),
        (0.6, 0.6, "c"),
        (0.4, 0.8, "b"),
        (0.2, 0.8, ""),
        (0.6, 0.0, ""),
    ],
)
def test_the_pairs_are_of_documents_in_both_sets(negative_share, positive_share, expected):
    assert select(TABLE, negative_share, positive_share) == list(expected)


def test_a_pair_is_the_reference_and_the_worst_candidate():
    assert select_pairs(TABLE, negative_share=0.4, positive_share=None, most=None) == [
        ContrastPair("a", "a+", "a1"),
        ContrastPair("b", "b+", "b0"),
    ]


@pytest.mark.parametrize(
    ("scores", "worst"),
    [
        ((-1.0, -2.0, -0.5), 1),
        ((-2.0, -2.0, -1.0), 0),
        ((None, -1.0, -3.0), 2),
        ((None, 0.0, None), 1),
        ((None, None), None),
        ((), None),
    ],
)
def test_the_worst_candidate_is_the_first_of_the_lowest_defined(scores, worst):
    assert scored("a", scores, 0.0).worst == worst


@pytest.mark.parametrize(
    ("candidates", "worst"),
    [(("a+", "x"), 1), (("x", "a+"), 0), (("a+", "a+"), None), (("A+", "x"), 0)],
)
def test_a_candidate_equal_to_the_reference_is_never_a_negative(candidates, worst):
    document = scored("a", (-3.0, -1.0), 0.0, candidates)
    assert document.worst == worst
    pairs = select_pairs([document], negative_share=1.0, positive_share=None, most=None)
    assert [pair.negative for pair in pairs] == ([] if worst is None else [candidates[worst]])


def test_ties_fall_to_the_smaller_id_on_both_sides():
    table = [scored(id_, (-1.0,), -1.0) for id_ in "dbca"]
    assert select(table, 0.5, None) == ["a", "b"]
    assert select(table, 1.0, 0.5) == ["a", "b"]


def test_undefined_scores_come_last():
    table = [
        scored("a", (None,), None),
        scored("b", (-9.0,), None),
        scored("c", (-1.0,), -99.0),
        scored("d", (None, -0.5), -50.0),
    ]
    assert select(table, 0.25, None) == ["b"]
    assert select(table, 0.75, None) == ["b", "c", "d"]
    assert select(table, 1.0, 0.25) == ["d"]
    assert select(table, 1.0, 0.5) == ["c", "d"]


def test_shares_are_of_all_documents_undefined_ones_too():
    table = [scored(str(n), (float(n),), 0.0) for n in range(4)]
    table += [scored(f"u{n}", (None,), None) for n in range(6)]
    assert select(table, 0.3, None) == ["0", "1", "2"]


def test_a_cap_takes_part_of_the_selection_whatever_the_scores():
    rng = random.Random(0)
    names = [f"{n:03}" for n in range(200)]
    kept = []
    for _ in range(2):
        table = [scored(name, (rng.random(),), rng.random()) for name in names]
        whole = select(table, 0.5, 0.5)
        kept.append(select(table, 1.0, 1.0, most=40))
        capped = select(table, 0.5, 0.5, most=10)
        assert len(capped) == 10
        assert set(capped) <= set(whole)
        assert select(table, 0.5, 0.5, most=999) == whole
        assert select(table, 0.5, 0.5, most=0) == []
    assert kept[0] == kept[1]
    assert names[:40] != kept[0] != names[-40:]


def test_no_documents_give_no_pairs():
    assert select([], 0.3, 0.3) == []


scores = st.one_of(st.none(), st.sampled_from([-2.0, -1.5, -1.0, -0.5, 0.0]))
tables = st.lists(st.tuples(st.lists(scores, max_size=3), scores), max_size=9).map(
    lambda rows: [scored(f"{place}", *row) for place, row in enumerate(rows)]
)
shares = st.floats(0, 1)


@given(tables, shares, st.one_of(st.none(), shares), st.integers(0, 9), st.randoms())
def test_the_order_of_the_input_does_not_matter(table, negative, positive, most, rng):
    expected = select(table, negative, positive, most)
    turned = list(table)
    rng.shuffle(turned)
    assert select(turned, negative, positive, most) == expected


@given(tables, shares, shares)
def test_a_selection_equals_its_definition(table, negative, positive):
    def place(document, key):
        return sum(key(other) < key(document) for other in table)

    def badness(document):
        known = [s for s in document.scores if s is not None]
        return (min(known), document.id) if known else (float("inf"), document.id)

    def distrust(document):
        score = document.reference_score
        return (float("inf") if score is None else -score, document.id)

    expected = [
        document.id
        for document in table
        if badness(document)[0] < float("inf")
        and distrust(document)[0] < float("inf")
        and place(document, badness) < round(negative * len(table))
        and place(document, distrust) < round(positive * len(table))
    ]
    assert select(table, negative, positive) == sorted(expected)


@given(tables, shares, shares)
def test_references_can_only_narrow_a_selection(table, negative, positive):
    assert set(select(table, negative, positive)) <= set(select(table, negative, None))


def test_shares_of_unrelated_criteria_intersect_in_their_product():
    rng = random.Random(0)
    table = [scored(f"{n:04}", (rng.random(),), rng.random()) for n in range(4000)]
    assert len(select(table, 0.3, 0.3)) == pytest.approx(0.09 * 4000, rel=0.1)
