"""Means, intervals, p values and correlations against hand-made cases, scipy and naive loops."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from quals.analysis import correlation
from quals.analysis.statistics import (
    Draws,
    Interval,
    draw,
    draw_counts,
    holm,
    interval,
    mean,
    mean_intervals,
    resampled_means,
    sign_flip_p,
)

NAN = float("nan")


@pytest.mark.parametrize(
    ("p_values", "adjusted"),
    [
        ([0.01, 0.04, 0.03], [0.03, 0.06, 0.06]),  # 3 x .01; then max(2 x .03, 1 x .04)
        ([0.5, 0.6], [1.0, 1.0]),
        ([0.02, None, 0.02], [0.04, None, 0.04]),
        ([None], [None]),
        ([], []),
    ],
)
def test_holm_matches_hand_computed_values(
    p_values: list[float | None], adjusted: list[float | None]
) -> None:
    assert holm(p_values) == pytest.approx(adjusted)


@given(st.lists(st.floats(0, 1), max_size=20))
def test_holm_never_lowers_p_and_keeps_the_order(p_values: list[float]) -> None:
    adjusted = holm(p_values)
    assert all(p <= q <= 1 for p, q in zip(p_values, adjusted, strict=True))
    order = np.argsort(p_values, kind="stable")
    assert (np.diff(np.array(adjusted)[order]) >= 0).all()


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([[1.0, 2.0], [3.0, 6.0]], 3.0),
        ([[1.0, NAN], [3.0, NAN]], 2.0),
        ([[NAN, NAN]], NAN),
    ],
)
def test_mean_skips_undefined_scores(values: list[list[float]], expected: float) -> None:
    assert mean(np.array(values)) == pytest.approx(expected, nan_ok=True)


def test_resampled_means_match_a_naive_loop() -> None:
    random = np.random.default_rng(1)
    values = random.normal(size=(4, 3, 7))
    values[random.random(values.shape) < 0.2] = NAN
    draws = draw(3, 7, resamples=300, seed=2)
    found = resampled_means(values, draws)
    for place in (0, 1, 255, 256, 299):
        seeds = np.repeat(np.arange(3), draws.seeds[place])
        documents = np.repeat(np.arange(7), draws.documents[place])
        chosen = values[:, seeds][:, :, documents]
        assert found[:, place] == pytest.approx(np.nanmean(chosen, axis=(1, 2)))


def test_draws_hold_all_documents_and_one_seed_fewer() -> None:
    draws = draw(3, 7, resamples=50, seed=0)
    assert (draws.documents.sum(axis=1) == 7).all()
    assert (draws.seeds.sum(axis=1) == 2).all()
    assert (draw(1, 7, resamples=50, seed=0).seeds == 1).all()


def test_seed_draws_leave_the_variance_between_seeds_unbiased() -> None:
    values = np.array([[0.1], [0.4], [0.9]])
    means = resampled_means(values, draw(3, 1, resamples=40_000, seed=0))
    assert means.var() == pytest.approx(values.var(ddof=1) / 3, rel=0.03)


def test_same_seed_draws_the_same_and_another_seed_others() -> None:
    first, again, other = (draw(3, 20, resamples=40, seed=seed) for seed in (5, 5, 6))
    assert (first.documents == again.documents).all()
    assert (first.seeds == again.seeds).all()
    assert (first.documents != other.documents).any()


def test_paired_interval_is_that_of_the_difference_with_shared_draws() -> None:
    random = np.random.default_rng(3)
    one, other = random.normal(size=(2, 3, 30))
    draws = draw(3, 30, resamples=400, seed=0)
    replicates = resampled_means(one, draws) - resampled_means(other, draws)
    (found,) = mean_intervals((one - other)[None], draws, level=0.9)
    assert found == pytest.approx(
        (one.mean() - other.mean(), *np.quantile(replicates, [0.05, 0.95]))
    )


@pytest.mark.parametrize(
    ("value", "replicates", "expected"),
    [
        (NAN, [1.0, 2.0], Interval(None, None, None)),
        (1.0, [NAN, NAN], Interval(1.0, None, None)),
        (1.0, [NAN, 2.0, 2.0], Interval(1.0, 2.0, 2.0)),
    ],
)
def test_undefined_estimates_give_none(
    value: float, replicates: list[float], expected: Interval
) -> None:
    assert interval(value, np.array(replicates), level=0.95) == expected


def coverage(seeds: int, documents: int, seed_spread: float, trials: int) -> float:
    """Share of simulated experiments whose 95 % interval holds the true mean.

    The score of a document is 0/1-like: variance 0.10 between documents, 0.12 within.
    """
    random = np.random.default_rng(0)
    hits = 0
    for trial in range(trials):
        values = (
            random.normal(0, seed_spread, (seeds, 1))
            + random.normal(0, 0.10**0.5, (1, documents))
            + random.normal(0, 0.12**0.5, (seeds, documents))
        )
        draws = draw(seeds, documents, resamples=300, seed=trial)
        (found,) = mean_intervals(values[None], draws, level=0.95)
        hits += found.low <= 0 <= found.high
    return hits / trials


@pytest.mark.parametrize(("seeds", "spread"), [(1, 0.0), (3, 0.04), (10, 0.04)])
def test_nominal_interval_covers_about_as_often_as_it_says(seeds: int, spread: float) -> None:
    assert 0.93 <= coverage(seeds, 150, spread, trials=1000) <= 0.97


def naive_sign_flip(differences: np.ndarray) -> float:
    totals = np.nansum(differences, axis=0)
    sums = [abs(np.dot(signs, totals)) for signs in product([1, -1], repeat=len(totals))]
    return float(np.mean(np.array(sums) >= abs(totals.sum()) - 1e-12))


@pytest.mark.parametrize(
    ("differences", "p"),
    [
        ([[1.0, 1.0, 1.0]], 2 / 8),  # only the all-plus and all-minus flips are as far from zero
        ([[1.0, -1.0]], 1.0),
        ([[1.0, 2.0, -3.0, 4.0]], 10 / 16),
        ([[1.0, 1.0], [1.0, 1.0]], 2 / 4),  # two seeds do not double a document
        ([[1.0, NAN, 1.0, 1.0]], 2 / 8),
        ([[0.0, 0.0]], 1.0),
        ([[NAN, NAN]], None),
    ],
)
def test_exact_sign_flips_match_hand_counts(
    differences: list[list[float]], p: float | None
) -> None:
    assert sign_flip_p(np.array([differences]), permutations=1000, seed=0) == [p]


def test_exact_sign_flips_match_a_naive_loop_and_scipy() -> None:
    random = np.random.default_rng(4)
    differences = random.normal(0.4, 1, size=(3, 2, 8))
    found = sign_flip_p(differences, permutations=1000, seed=0)
    assert found == pytest.approx([naive_sign_flip(each) for each in differences])
    test = stats.permutation_test(
        (differences[0].sum(axis=0),), np.sum, permutation_type="samples", n_resamples=1000
    )
    assert found[0] == pytest.approx(test.pvalue)


def test_random_sign_flips_come_near_the_exact_p_and_are_never_zero() -> None:
    random = np.random.default_rng(5)
    differences = random.normal(0.35, 1, size=(1, 1, 12))
    (exact,) = sign_flip_p(differences, permutations=5000, seed=0)
    (sampled,) = sign_flip_p(differences, permutations=4000, seed=0)
    assert sampled == pytest.approx(exact, abs=0.03)
    (least,) = sign_flip_p(np.ones((1, 1, 200)), permutations=999, seed=0)
    assert least == 1 / 1000


def test_sign_flip_p_is_uniform_without_a_difference() -> None:
    random = np.random.default_rng(6)
    p_values = sign_flip_p(random.normal(size=(800, 2, 20)), permutations=999, seed=0)
    assert np.mean(np.array(p_values) <= 0.05) == pytest.approx(0.05, abs=0.02)


def repeated(values: np.ndarray, counts: np.ndarray) -> np.ndarray:
    return np.repeat(values, counts)


def naive_auc(scores: np.ndarray, positive: np.ndarray) -> float:
    pairs = [
        (one > other) + 0.5 * (one == other)
        for one in scores[positive]
        for other in scores[~positive]
    ]
    return float(np.mean(pairs))


@pytest.mark.parametrize(
    ("scores", "positive", "auc"),
    [
        ([1, 2, 3, 4], [0, 0, 1, 1], 1.0),
        ([4, 3, 2, 1], [0, 0, 1, 1], 0.0),
        ([1, 2, 2, 3], [0, 0, 1, 1], 3.5 / 4),
        ([1, 1, 1, 1], [0, 0, 1, 1], 0.5),
    ],
)
def test_auc_matches_hand_counted_pairs(
    scores: list[float], positive: list[int], auc: float
) -> None:
    found = correlation.point(
        correlation.weighted_auc, np.array(scores, float), np.array(positive, bool)
    )
    assert found == auc


@pytest.mark.parametrize("levels", [3, 1000])  # heavy ties, and almost none
def test_resampled_correlations_match_repeated_items(levels: int) -> None:
    random = np.random.default_rng(7)
    members = np.repeat(np.arange(10), 4)
    truth = random.random(40) < 0.5
    scores = np.round(levels * random.random(40)) + truth
    counts = draw_counts(10, 10, resamples=300, seed=0).T
    fixed = {"members": members, "counts": counts}
    cases = [
        (correlation.weighted_auc, truth, naive_auc),
        (correlation.weighted_pearson, truth.astype(float), lambda x, y: stats.pearsonr(x, y)[0]),
        (correlation.weighted_spearman, truth.astype(float), lambda x, y: stats.spearmanr(x, y)[0]),
    ]
    for statistic, target, reference in cases:
        found = correlation.replicates(statistic, scores, target, **fixed)
        for place in (0, 100, 255, 256, 299):
            often = counts[members, place]
            expected = reference(repeated(scores, often), repeated(target, often))
            assert found[place] == pytest.approx(expected)


def test_point_estimates_equal_scipy() -> None:
    random = np.random.default_rng(8)
    x, y = random.normal(size=(2, 50))
    y = np.round(y + x)
    expected = stats.pearsonr(x, y)[0], stats.spearmanr(x, y)[0], stats.kendalltau(x, y)[0]
    found = (
        correlation.point(correlation.weighted_pearson, x, y),
        correlation.spearman(x, y),
        correlation.kendall(x, y),
    )
    assert found == pytest.approx(expected)


@given(st.lists(st.tuples(st.integers(-5, 5), st.booleans()), min_size=2, max_size=30))
def test_auc_turns_around_with_the_scores(items: list[tuple[int, bool]]) -> None:
    scores = np.array([score for score, _ in items], float)
    positive = np.array([truth for _, truth in items])
    if positive.all() or not positive.any():
        return
    one = correlation.point(correlation.weighted_auc, scores, positive)
    other = correlation.point(correlation.weighted_auc, -scores, positive)
    assert one + other == pytest.approx(1)


@pytest.mark.parametrize(("x", "y"), [([1.0, 1.0], [0.0, 1.0]), ([1.0, 2.0], [1.0, 1.0]), ([], [])])
def test_constant_input_has_no_correlation(x: list[float], y: list[float]) -> None:
    x, y = np.array(x), np.array(y)
    fixed = {"members": np.arange(len(x)), "counts": np.ones((2, 10)), "level": 0.95}
    for statistic in (correlation.weighted_pearson, correlation.weighted_spearman):
        assert correlation.with_interval(statistic, x, y, **fixed) == (None, None, None)
    assert correlation.with_interval(correlation.weighted_auc, x, y.astype(bool), **fixed) == (
        None,
        None,
        None,
    )
    assert correlation.spearman(x, y) is None
    assert correlation.kendall(x, y) is None


def test_documents_and_not_items_are_resampled() -> None:
    """Copies of every item tell nothing new: the interval must not shrink."""
    random = np.random.default_rng(9)
    truth = random.random(40) < 0.5
    scores = random.normal(size=40) + truth
    counts = draw_counts(40, 40, resamples=500, seed=0).T
    fixed = {"counts": counts, "level": 0.95}
    once = correlation.with_interval(
        correlation.weighted_auc, scores, truth, members=np.arange(40), **fixed
    )
    copied = correlation.with_interval(
        correlation.weighted_auc,
        np.repeat(scores, 5),
        np.repeat(truth, 5),
        members=np.repeat(np.arange(40), 5),
        **fixed,
    )
    assert copied == pytest.approx(once)


def test_draws_are_counts_per_resample() -> None:
    assert isinstance(draw(2, 3, resamples=4, seed=0), Draws)
    assert draw_counts(5, 9, resamples=6, seed=0).shape == (6, 5)
