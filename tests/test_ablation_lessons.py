"""S+ and S- in all variants, against the main table's selection and against their definition."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_preference_losses import RECIPE
from test_selection import TABLE, scored, shares, tables

from quals.ablations.lessons import Lesson, select_lessons
from quals.training.selection import select_pairs

counts = st.integers(1, 9)


def lessons(documents, **changed):
    return select_lessons(documents, RECIPE.model_copy(update=changed))


@given(tables, shares, st.one_of(st.none(), shares), counts)
def test_references_intersected_are_the_pairs_of_the_main_table(table, negative, positive, most):
    expected = select_pairs(table, negative_share=negative, positive_share=positive, most=most)
    found = lessons(table, negative_share=negative, positive_share=positive, pairs=most)
    assert found == [Lesson(pair.id, pair.positive, pair.negative) for pair in expected]


@given(tables, shares, shares)
def test_apart_each_set_is_its_own_selection(table, negative, positive):
    found = lessons(
        table, negative_share=negative, positive_share=positive, intersect=False, pairs=99
    )
    alone = select_pairs(table, negative_share=negative, positive_share=None, most=None)
    assert [x.id for x in found if x.punish] == [pair.id for pair in alone]
    graded = [d for d in table if d.reference_score is not None]
    best = sorted(graded, key=lambda d: (-d.reference_score, d.id))
    taught = sorted(d.id for d in best[: round(positive * len(table))])
    assert [x.id for x in found if x.teach] == taught
    assert all(x.teach or x.punish for x in found)
    together = lessons(table, negative_share=negative, positive_share=positive, pairs=99)
    assert [x for x in found if x.teach and x.punish] == together


def test_apart_each_set_has_the_cap_of_its_own():
    found = lessons(
        TABLE, negative_share=1.0, positive_share=1.0, intersect=False, pairs=2, samples=6
    )
    assert sum(x.teach for x in found) == sum(x.punish for x in found) == 2


def test_a_generated_positive_is_the_best_candidate():
    table = [scored("a", (-1.0, -5.0, -0.5, -0.5), -9.0), scored("b", (-2.0, None), -0.1)]
    found = lessons(table, negative_share=1.0, positive_share=1.0, positives="generated")
    assert found == [Lesson("a", "a2", "a1")]  # b's only scored candidate is no pair


def test_a_generated_positive_may_be_the_reference_again_and_a_negative_never():
    table = [scored("a", (-1.0, -5.0), 0.0, ("a+", "x")), scored("b", (-5.0, -1.0), 0, ("b+", "x"))]
    found = lessons(table, negative_share=1.0, positive_share=None, positives="generated")
    assert found == [Lesson("a", "a+", "x")]


@given(tables, shares, shares)
def test_generated_pairs_equal_their_definition(table, negative, positive):
    def ends(document):
        known = [s for s in document.scores if s is not None]
        return (max(known), min(known)) if known else (None, None)

    def rank(chosen, share):
        return {id_ for _, id_ in sorted(chosen)[: round(share * len(table))]}

    spread = [(d, *ends(d)) for d in table]
    low = rank([(worst, d.id) for d, best, worst in spread if best != worst], negative)
    high = rank([(-best, d.id) for d, best, _ in spread if best is not None], positive)
    found = lessons(
        table, negative_share=negative, positive_share=positive, positives="generated", pairs=99
    )
    assert [lesson.id for lesson in found] == sorted(low & high)
    assert all(lesson.positive != lesson.negative for lesson in found)


@pytest.mark.parametrize(("samples", "negative"), [(1, "a0"), (2, "a1"), (3, "a1"), (9, "a3")])
def test_only_the_first_samples_are_looked_at(samples, negative):
    table = [scored("a", (-1.0, -5.0, -2.0, -7.0), 0.0)]
    (found,) = lessons(table, negative_share=1.0, positive_share=None, samples=samples)
    assert found == Lesson("a", "a+", negative)


@given(tables, shares, st.booleans(), st.sampled_from(["reference", "generated"]), st.randoms())
def test_the_order_of_the_input_does_not_matter(table, share, intersect, positives, rng):
    changed = {
        "negative_share": share,
        "positive_share": share,
        "intersect": intersect,
        "positives": positives,
        "pairs": 3,
    }
    turned = list(table)
    rng.shuffle(turned)
    assert lessons(turned, **changed) == lessons(table, **changed)
