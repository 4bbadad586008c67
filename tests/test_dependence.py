"""Two metrics against one truth, and metrics at a fixed copy rate: formulas, loops, simulations."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given as examples
from hypothesis import strategies as st
from scipy import stats

from quals.analysis import correlation
from quals.analysis.agreement import SWAPPED
from quals.analysis.dependence import Williams, ahead_of, given, partial, swap_p, williams
from quals.analysis.leads import dependence
from quals.analysis.statistics import draw_counts, holm
from quals.jsonl import dump

PEARSON, SPEARMAN = correlation.weighted_pearson, correlation.weighted_spearman


@pytest.mark.parametrize(
    ("first", "second", "between", "n", "t"),
    [
        # |R| = .62, m = .45: .1 sqrt(102 x 1.1 / (2 x 1.02 x .62 + .2025 x .729)) = .1 x 8.9128
        (0.5, 0.4, 0.1, 103, 0.8913),  # Steiger's own example of the correlations
        # |R| = .66, m = .4: .2 sqrt(102 / (2 x 1.02 x .66 + .16)) = .2 x 8.2288
        (0.5, 0.3, 0.0, 103, 1.6458),
        # |R| = .82, m = 0: the second term falls away
        (0.3, -0.3, 0.0, 11, 0.6 * (10 / (2.5 * 0.82)) ** 0.5),
        (0.4, 0.4, 0.6, 50, 0.0),
    ],
)
def test_williams_matches_hand_computed_values(
    first: float, second: float, between: float, n: int, t: float
) -> None:
    found = williams(first, second, between, n=n)
    assert found.t == pytest.approx(t, abs=1e-4)
    assert found.degrees == n - 3
    assert found.p == pytest.approx(2 * stats.t.sf(t, n - 3), abs=1e-4)


@pytest.mark.parametrize(
    ("weaker", "between", "gap"),
    [(0.2, 0.3, 0.144), (0.2, 0.9, 0.056), (0.5, 0.3, 0.116), (0.5, 0.6, 0.092)],
)
def test_least_gap_that_williams_finds_at_the_size_of_the_qags_sets(
    weaker: float, between: float, gap: float
) -> None:
    """The gaps were computed elsewhere, to three digits, for 235 to 239 documents."""
    assert williams(weaker + gap - 0.002, weaker, between, n=237).p > 0.05
    assert williams(weaker + gap + 0.002, weaker, between, n=237).p < 0.05


def test_williams_turns_around_with_the_metrics() -> None:
    one, other = williams(0.6, 0.4, 0.5, n=40), williams(0.4, 0.6, 0.5, n=40)
    assert one.t == -other.t
    assert one.p == other.p


@pytest.mark.parametrize(
    ("first", "second", "between", "n"),
    [(0.4, 0.4, 1.0, 40), (0.4, -0.4, -1.0, 40), (0.5, 0.2, 0.1, 3)],
)
def test_williams_does_not_exist_for_one_metric_or_three_items(
    first: float, second: float, between: float, n: int
) -> None:
    assert williams(first, second, between, n=n) == Williams(None, n - 3, None)


def test_impossible_correlations_are_refused() -> None:
    with pytest.raises(ValueError, match="no variables correlate"):
        williams(0.9, -0.9, 0.9, n=40)


def experiment(random: np.random.Generator, n: int, lead: float = 0.0) -> np.ndarray:
    """Truth and two metrics that correlate by 0.4 + lead and 0.4 with it: (3, n)."""
    matrix = [[1, 0.4 + lead, 0.4], [0.4 + lead, 1, 0.6], [0.4, 0.6, 1]]
    return np.linalg.cholesky(np.array(matrix)) @ random.normal(size=(3, n))


def test_williams_t_follows_its_distribution_without_a_difference() -> None:
    """Against a naive simulation: quantiles of t over 3000 experiments of equal metrics."""
    random = np.random.default_rng(0)
    found = []
    for _ in range(3000):
        r = np.corrcoef(experiment(random, 20))
        found.append(williams(r[0, 1], r[0, 2], r[1, 2], n=20).t)
    for share in (0.025, 0.25, 0.5, 0.75, 0.975):
        assert np.mean(np.array(found) <= stats.t.ppf(share, 17)) == pytest.approx(share, abs=0.02)


def naive_swap_p(
    first: np.ndarray, second: np.ndarray, truth: np.ndarray, members: np.ndarray
) -> float:
    """Every swap, one at a time, through scipy."""
    one, other = stats.zscore(first), stats.zscore(second)
    leads = []
    for choice in product([False, True], repeat=members.max() + 1):
        swapped = np.array(choice)[members]
        a, b = np.where(swapped, other, one), np.where(swapped, one, other)
        leads.append(stats.pearsonr(a, truth)[0] - stats.pearsonr(b, truth)[0])
    return float(np.mean(np.abs(leads) >= abs(leads[0]) - 1e-9))


@pytest.mark.parametrize("each", [1, 2])
def test_exact_swaps_match_a_naive_loop(each: int) -> None:
    random = np.random.default_rng(1)
    members = np.repeat(np.arange(8), each)
    for lead in (0.0, 0.3):
        truth, first, second = experiment(random, 8 * each, lead)
        found = swap_p(first, second, truth, members=members, permutations=256, seed=0)
        assert found == pytest.approx(naive_swap_p(first, second, truth, members))


def test_swaps_do_not_depend_on_units_or_on_document_numbers() -> None:
    truth, first, second = experiment(np.random.default_rng(2), 40)
    settings = {"permutations": 500, "seed": 0}
    plain = swap_p(first, second, truth, members=np.arange(40), **settings)
    moved = swap_p(1000 * first - 7, second / 9, truth, members=3 * np.arange(40) + 5, **settings)
    assert moved == plain


def test_random_swaps_come_near_the_exact_p_and_are_never_zero() -> None:
    truth, first, second = experiment(np.random.default_rng(3), 11, 0.3)
    exact = swap_p(first, second, truth, members=np.arange(11), permutations=2048, seed=0)
    sampled = swap_p(first, second, truth, members=np.arange(11), permutations=2047, seed=0)
    assert sampled == pytest.approx(exact, abs=0.03)
    truth, noise = np.random.default_rng(4).normal(size=(2, 300))
    assert swap_p(truth, noise, truth, members=np.arange(300), permutations=99, seed=0) == 0.01


def test_one_metric_twice_is_no_lead_and_a_constant_has_no_p() -> None:
    truth, first, _ = experiment(np.random.default_rng(5), 30)
    fixed = {"members": np.arange(30), "permutations": 100, "seed": 0}
    assert swap_p(first, 3 * first + 1, truth, **fixed) == 1
    assert swap_p(first, np.ones(30), truth, **fixed) is None
    assert swap_p(first, truth, np.ones(30), **fixed) is None


def residual_correlation(x: np.ndarray, y: np.ndarray, control: np.ndarray) -> float:
    """Correlation of what a straight line in the control leaves of x and of y."""
    left = [values - np.polyval(np.polyfit(control, values, 1), control) for values in (x, y)]
    return float(stats.pearsonr(*left)[0])


def test_partial_correlation_is_that_of_the_residuals() -> None:
    x, y, control = experiment(np.random.default_rng(6), 60, 0.2)
    assert correlation.point(given(PEARSON, control), x, y) == pytest.approx(
        residual_correlation(x, y, control)
    )
    tied = np.round(control)
    ranks = [stats.rankdata(values) for values in (x, y, tied)]
    assert correlation.point(given(SPEARMAN, tied), x, y) == pytest.approx(
        residual_correlation(*ranks)
    )


def test_resampled_partial_correlations_match_repeated_items() -> None:
    x, y, control = experiment(np.random.default_rng(7), 40)
    members = np.repeat(np.arange(20), 2)
    counts = draw_counts(20, 20, resamples=300, seed=0).T
    fixed = {"members": members, "counts": counts}
    for statistic, ranked in ((PEARSON, np.asarray), (SPEARMAN, stats.rankdata)):
        found = correlation.replicates(given(statistic, control), x, y, **fixed)
        for place in (0, 255, 256, 299):
            often = counts[members, place]
            columns = [ranked(np.repeat(values, often)) for values in (x, y, control)]
            assert found[place] == pytest.approx(residual_correlation(*columns))


@examples(*[st.floats(-1, 1)] * 3)
def test_partial_correlation_stays_in_its_range_and_is_symmetric(
    xy: float, xz: float, yz: float
) -> None:
    found = partial(np.array([xy]), np.array([xz]), np.array([yz]))
    again = partial(np.array([xy]), np.array([yz]), np.array([xz]))
    assert np.isnan(found).all() or (np.abs(found) <= 1).all()
    assert found == pytest.approx(again, nan_ok=True)


def test_a_metric_that_only_copies_has_nothing_left() -> None:
    random = np.random.default_rng(8)
    copied = random.normal(size=4000)
    metric, truth = copied + random.normal(size=(2, 4000))
    assert correlation.point(PEARSON, metric, truth) == pytest.approx(0.5, abs=0.05)
    assert correlation.point(given(PEARSON, copied), metric, truth) == pytest.approx(0, abs=0.05)


@pytest.mark.parametrize("control", [np.ones(30), None])
def test_partial_correlation_does_not_exist_at_a_constant_or_equal_control(
    control: np.ndarray | None,
) -> None:
    x, y, _ = experiment(np.random.default_rng(9), 30)
    control = 2 * x + 1 if control is None else control
    counts = draw_counts(30, 30, resamples=50, seed=0).T
    found = correlation.with_interval(
        given(PEARSON, control), x, y, members=np.arange(30), counts=counts, level=0.95
    )
    assert found == (None, None, None)


def test_lead_shares_its_resamples() -> None:
    truth, first, second = experiment(np.random.default_rng(10), 50, 0.2)
    counts = draw_counts(50, 50, resamples=200, seed=0).T
    fixed = {"members": np.arange(50), "counts": counts}
    apart = correlation.replicates(PEARSON, first, truth, **fixed) - correlation.replicates(
        PEARSON, second, truth, **fixed
    )
    found = correlation.with_interval(ahead_of(PEARSON, second), first, truth, level=0.9, **fixed)
    expected = stats.pearsonr(first, truth)[0] - stats.pearsonr(second, truth)[0]
    assert found == pytest.approx((expected, *np.quantile(apart, [0.05, 0.95])))
    same = correlation.with_interval(ahead_of(PEARSON, first), first, truth, level=0.9, **fixed)
    assert same == pytest.approx((0, 0, 0))


def items(count: int = 60) -> list[dict[str, object]]:
    """Items of 30 documents whose QUALS follows the truth and whose copy rate does not."""
    random = np.random.default_rng(11)
    found = []
    for place in range(count):
        true = bool(random.random() < 0.5)
        quals = None if place == 3 else float(true + random.normal())
        scores = {"quals": quals, "copy2": random.random(), "length": 20.0, "qags": random.random()}
        found.append(
            {
                "id": f"item{place}",
                "document_id": f"document{place // 2}",
                "truth": float(true),
                "error": None if true else "role",
                "source": "reference" if place % 2 else "mle",
                "scores": scores,
            }
        )
    swapped = {**found[0], "id": "swapped", "source": SWAPPED, "truth": 0.0}
    return [*found, swapped]


def tables(**benchmarks: list[dict[str, object]]) -> dict[str, list[dict[str, object]]]:
    return dependence(benchmarks, resamples=200, permutations=500, seed=0, level=0.95)


def test_rows_compare_quals_with_every_other_metric_on_items_that_both_score() -> None:
    found = tables(xsum=items())
    leads = {row["against"]: row for row in found["leads"]}
    assert set(leads) == {"qags", "copy2", "length"}
    assert leads["qags"]["n"] == 59  # one has no QUALS; the swapped one stays out
    assert leads["qags"]["low"] < leads["qags"]["difference"] < leads["qags"]["high"]
    assert leads["qags"]["p"] < 0.05
    assert leads["qags"]["williams_p"] < 0.05
    empty = ("difference", "low", "high", "p", "p_holm", "williams_t", "williams_p")
    assert all(leads["length"][key] is None for key in empty)  # it is the same everywhere
    assert dump(found) == dump(tables(xsum=items()))


def test_holm_counts_all_benchmarks() -> None:
    found = tables(xsum=items(), cnndm=items()[:40])
    p_values = [row["p"] for row in found["leads"]]
    assert [row["p_holm"] for row in found["leads"]] == holm(p_values)
    assert len({row["benchmark"] for row in found["leads"]}) == 2


def test_partial_rows_hold_every_metric_but_the_control_itself() -> None:
    rows = tables(xsum=items())["partial"]
    assert [(row["metric"], row["control"]) for row in rows] == [
        ("quals", "copy2"),
        ("qags", "copy2"),
        ("length", "copy2"),
    ]
    kept = [item for item in items()[:-1] if item["scores"]["quals"] is not None]
    columns = [
        np.array([float(item["scores"][name]) for item in kept]) for name in ("quals", "copy2")
    ]
    truth = np.array([item["truth"] for item in kept])
    assert rows[0]["n"] == 59
    assert rows[0]["pearson"] == pytest.approx(residual_correlation(columns[0], truth, columns[1]))
    assert rows[2]["pearson"] is None


def test_without_quals_or_copy_rates_or_items_there_are_no_rows() -> None:
    bare = [{**item, "scores": {"qags": item["scores"]["qags"]}} for item in items()]
    assert tables(xsum=bare) == {"leads": [], "partial": []}
    assert tables(xsum=items()[-1:]) == {"leads": [], "partial": []}
