"""One rater against the mean of the others: hand-made ratings, a naive loop, metrics beside."""

import numpy as np
import pytest
from scipy import stats

from quals.analysis.raters import PEOPLE, line, rater_rows, rest
from quals.analysis.statistics import draw_counts

NAN = float("nan")


def counts(documents: int, resamples: int = 300) -> np.ndarray:
    return draw_counts(documents, documents, resamples=resamples, seed=0).T


def judgments(items: int, raters: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """What items are worth, and ratings of it with noise of the same variance."""
    random = np.random.default_rng(seed)
    worth = random.normal(size=items)
    return worth, worth[:, None] + random.normal(size=(items, raters))


def test_rest_leaves_the_rater_out_and_skips_gaps() -> None:
    ratings = np.array([[1.0, 0.0, 1.0], [0.0, NAN, 1.0], [1.0, NAN, NAN]])
    assert rest(ratings, 0) == pytest.approx([0.5, 1.0, NAN], nan_ok=True)
    assert rest(ratings, 1) == pytest.approx([1.0, 0.5, 1.0], nan_ok=True)


def naive_line(ratings: np.ndarray) -> float:
    """Mean of each rater's correlation with the others, item by item."""
    found = []
    for rater in range(ratings.shape[1]):
        pairs = []
        for row in ratings:
            others = [value for place, value in enumerate(row) if place != rater and value == value]
            if others and row[rater] == row[rater]:
                pairs.append((row[rater], np.mean(others)))
        found.append(stats.pearsonr(*zip(*pairs, strict=True))[0])
    return float(np.mean(found))


def test_line_matches_a_naive_loop_with_gaps() -> None:
    _, ratings = judgments(40, 4)
    ratings[np.random.default_rng(1).random(ratings.shape) < 0.3] = NAN
    found = line(ratings, members=np.arange(40), counts=counts(40))
    assert found.value == pytest.approx(naive_line(ratings))
    assert found.raters == 4


def test_replicates_are_those_of_repeated_items() -> None:
    _, ratings = judgments(30, 3)
    members, drawn = np.repeat(np.arange(15), 2), counts(15)
    found = line(ratings, members=members, counts=drawn)
    for place in (0, 256, 299):
        repeated = np.repeat(ratings, drawn[members, place], axis=0)
        assert found.replicates[place] == pytest.approx(naive_line(repeated))


def test_two_raters_are_their_plain_correlation() -> None:
    _, ratings = judgments(50, 2)
    found = line(ratings, members=np.arange(50), counts=counts(50))
    assert found.value == pytest.approx(stats.pearsonr(*ratings.T)[0])


def test_order_of_raters_and_items_does_not_count() -> None:
    _, ratings = judgments(30, 3)
    random = np.random.default_rng(2)
    mixed = ratings[random.permutation(30)][:, [2, 0, 1]]
    fixed = {"members": np.arange(30), "counts": counts(30)}
    assert line(mixed, **fixed).value == pytest.approx(line(ratings, **fixed).value)


def test_a_rater_who_rates_all_alike_is_left_out() -> None:
    _, ratings = judgments(30, 3)
    ratings[:, 1] = 1.0
    found = line(ratings, members=np.arange(30), counts=counts(30))
    others = [stats.pearsonr(ratings[:, k], rest(ratings, k))[0] for k in (0, 2)]
    assert found.raters == 2
    assert found.value == pytest.approx(np.mean(others))
    alone = line(ratings[:, 1:2], members=np.arange(30), counts=counts(30))
    assert (alone.raters, np.isnan(alone.value)) == (0, True)


def test_metric_as_good_as_a_person_has_no_lead_and_the_worth_itself_has() -> None:
    worth, ratings = judgments(800, 4)
    scores = {"person": ratings[:, 3], "worth": worth, "noise": judgments(800, 1, seed=5)[0]}
    fixed = {"members": np.arange(800), "counts": counts(800), "level": 0.95}
    rows = {row["metric"]: row for row in rater_rows("b", ratings[:, :3], scores, **fixed)}
    assert rows[PEOPLE]["pearson"] == pytest.approx(0.5 / 0.75**0.5, abs=0.06)
    assert rows["person"]["ahead_of_people_low"] < 0 < rows["person"]["ahead_of_people_high"]
    assert rows["worth"]["ahead_of_people_low"] > 0
    assert rows["noise"]["ahead_of_people_high"] < 0
    for row in rows.values():
        assert row["pearson_low"] < row["pearson"] < row["pearson_high"]


def test_lead_is_taken_over_the_items_that_the_metric_scores() -> None:
    worth, ratings = judgments(60, 3)
    scores = worth.copy()
    scores[:20] = NAN
    fixed = {"counts": counts(60), "level": 0.95}
    whole = rater_rows("b", ratings, {"worth": scores}, members=np.arange(60), **fixed)
    part = rater_rows("b", ratings[20:], {"worth": worth[20:]}, members=np.arange(20, 60), **fixed)
    assert whole[1] == part[1]
    assert whole[1]["n"] == 40
    assert whole[0] != part[0]


def test_metric_without_scores_has_an_empty_row() -> None:
    _, ratings = judgments(20, 3)
    fixed = {"members": np.arange(20), "counts": counts(20), "level": 0.95}
    _, row = rater_rows("b", ratings, {"none": np.full(20, NAN)}, **fixed)
    assert (row["n"], row["raters"], row["pearson"], row["ahead_of_people"]) == (0, 0, None, None)
