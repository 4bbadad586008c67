"""Rows of the result files from small hand-made scores."""

import numpy as np
import pytest

from quals.analysis.agreement import agreement_by_error, agreement_rows
from quals.analysis.comparison import REFERENCES, SWAPS, SYSTEMS, auc_by_source, histogram
from quals.analysis.distributions import distribution_rows
from quals.analysis.few_seeds import ANY, student_intervals
from quals.analysis.formatting import compact, measured, span, table
from quals.analysis.statistics import draw, mean_intervals
from quals.analysis.tables import (
    Scores,
    comparisons,
    difference_rows,
    error_rows,
    main_rows,
    seed_means,
    stack,
    undefined_counts,
)
from quals.jsonl import DataError, dump

METHODS, SEEDS = ["mle", "rouge", "conseq"], [0, 1]


def row(document: str, truth: int, error: str | None = None, quals: float | None = -0.5) -> dict:
    return {"id": document, "metrics": {"truth": truth, "quals": quals}, "error": error}


def grid() -> dict[tuple[str, int], list[dict]]:
    """Two documents, three methods, two seeds; ConSeq is right where MLE adds a detail."""
    rows = {(method, seed): [row("b", 1), row("a", 1)] for method in METHODS for seed in SEEDS}
    for seed in SEEDS:
        rows["mle", seed] = [row("a", 0, "extrinsic"), row("b", 1, quals=None)]
    rows["rouge", 1] = [row("a", 0, "role"), row("b", 0, "unparsed")]
    return rows


def scores() -> Scores:
    return stack("xsum", grid(), methods=METHODS, seeds=SEEDS)


def draws(found: Scores, resamples: int = 200):
    return draw(len(found.seeds), len(found.ids), resamples=resamples, seed=0)


def test_stack_orders_documents_by_id_whatever_the_file_order() -> None:
    found = scores()
    assert found.ids == ("a", "b")
    assert found.of("truth", "mle").tolist() == [[0, 1], [0, 1]]
    assert found.errors[0, 0].tolist() == ["extrinsic", ""]


def test_stack_puts_known_metrics_first_and_others_after() -> None:
    rows = {("mle", 0): [{"id": "a", "metrics": {"zeta": 1, "alpha": 2, "truth": 1, "qags": 0.5}}]}
    found = stack("xsum", rows, methods=["mle"], seeds=[0])
    assert list(found.metrics) == ["qags", "truth", "alpha", "zeta"]
    assert found.errors is None


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ([row("a", 1)], "other documents"),
        ([row("a", 1), row("c", 1)], "other documents"),
        ([row("a", 1), {"id": "b", "metrics": {"truth": 1}, "error": None}], "'b' has other"),
        ([row("a", 1), {"id": "b", "metrics": {"truth": 1, "quals": 0}}], "'b' has other"),
        ([row("a", 1), row("b", 0, "spelling")], "unknown error 'spelling'"),
    ],
)
def test_stack_names_the_run_that_does_not_fit(bad: list[dict], message: str) -> None:
    rows = grid() | {("conseq", 1): bad}
    with pytest.raises(DataError, match=f"xsum-conseq-1: .*{message}"):
        stack("xsum", rows, methods=METHODS, seeds=SEEDS)


def test_main_rows_hold_means_over_seeds_and_documents() -> None:
    found = scores()
    rows = {(r["method"], r["metric"]): r for r in main_rows(found, draws(found), level=0.95)}
    assert rows["mle", "truth"]["mean"] == 0.5
    assert rows["rouge", "truth"]["mean"] == 0.5
    assert rows["conseq", "truth"]["mean"] == 1
    assert (rows["mle", "truth"]["n"], rows["mle", "truth"]["seeds"]) == (2, 2)
    assert rows["mle", "quals"]["mean"] == -0.5


def noisy(documents: int = 40) -> Scores:
    """Three methods that are nearly always right, and QUALS, a tenth of it undefined."""
    random = np.random.default_rng(0)
    shape = (3, 3, documents)
    quals = np.where(random.random(shape) < 0.1, np.nan, random.normal(size=shape))
    metrics = {"truth": (random.random(shape) < 0.98).astype(float), "quals": quals}
    ids = tuple(map(str, range(documents)))
    return Scores("xsum", tuple(METHODS), (0, 1, 2), ids, metrics, None)


def test_student_interval_counts_and_the_bootstrap_stands_beside_it() -> None:
    found = noisy()
    shared = draws(found)
    for row in main_rows(found, shared, level=0.9):
        values = found.of(row["metric"], row["method"])[None]
        within = (0, 1) if row["metric"] == "truth" else ANY
        (own,) = student_intervals(values, level=0.9, within=within)
        (resampled,) = mean_intervals(values, shared, level=0.9)
        assert (row["mean"], row["low"], row["high"]) == pytest.approx(own)
        assert row["mean"] == pytest.approx(resampled.value)
        assert (row["bootstrap_low"], row["bootstrap_high"]) == pytest.approx(resampled[1:])
    for row in difference_rows([(found, shared)], level=0.9, permutations=100, seed=0):
        one, other = (found.of(row["metric"], row[name]) for name in ("method", "baseline"))
        (own,) = student_intervals((one - other)[None], level=0.9)
        (resampled,) = mean_intervals((one - other)[None], shared, level=0.9)
        assert (row["difference"], row["low"], row["high"]) == pytest.approx(own)
        assert (row["bootstrap_low"], row["bootstrap_high"]) == pytest.approx(resampled[1:])


def test_no_interval_of_a_share_goes_beyond_one() -> None:
    found = noisy(documents=8)
    rows = main_rows(found, draws(found), level=0.999)
    highs = {(row["metric"], row["method"]): row["high"] for row in rows}
    assert max(highs["truth", method] for method in METHODS) == 1
    assert min(highs["quals", method] for method in METHODS) > 0


def test_undefined_scores_are_counted() -> None:
    assert undefined_counts(scores()) == [
        {"dataset": "xsum", "metric": "quals", "method": "mle", "undefined": 2}
    ]


def test_metric_that_never_exists_is_none_and_not_nan() -> None:
    rows = {("mle", 0): [row("a", 1, quals=None)]}
    found = stack("xsum", rows, methods=["mle"], seeds=[0])
    (quals,) = [r for r in main_rows(found, draws(found), level=0.95) if r["metric"] == "quals"]
    assert (quals["mean"], quals["low"], quals["high"]) == (None, None, None)
    assert seed_means(found, "quals", "mle") == [None]
    dump(main_rows(found, draws(found), level=0.95))


@pytest.mark.parametrize(
    ("methods", "pairs"),
    [
        (["mle"], []),
        (["mle", "conseq"], [("conseq", "mle")]),
        (
            ["mle", "rouge", "conseq"],
            [("rouge", "mle"), ("conseq", "mle"), ("conseq", "rouge")],
        ),
    ],
)
def test_no_pair_of_methods_is_compared_twice(
    methods: list[str], pairs: list[tuple[str, str]]
) -> None:
    assert comparisons(methods) == pairs


def test_differences_are_paired_and_skip_half_defined_documents() -> None:
    found = scores()
    rows = difference_rows([(found, draws(found))], level=0.95, permutations=100, seed=0)
    table = {(r["metric"], r["method"], r["baseline"]): r for r in rows}
    assert len(rows) == 2 * 3
    truth = table["truth", "conseq", "mle"]
    assert truth["difference"] == 0.5
    assert truth["p"] == 1.0  # only document "a" differs: both flips are as far from zero
    quals = table["quals", "conseq", "mle"]
    assert quals["difference"] == 0.0  # over document "a" alone
    assert all(r["p_holm"] >= r["p"] for r in rows)


def test_error_shares_and_changes_add_up() -> None:
    found = scores()
    rows = error_rows(found, level=0.95, baseline="mle")
    table = {(r["method"], r["error"]): r for r in rows}
    assert table["mle", "extrinsic"]["share"] == 0.5
    assert table["conseq", "extrinsic"]["share"] == 0
    assert table["conseq", "extrinsic"]["difference"] == -0.5
    assert table["rouge", "intrinsic"]["share"] == table["rouge", "role"]["share"] == 0.25
    assert table["rouge", "unparsed"]["share"] == 0.25
    assert table["mle", "extrinsic"]["difference"] is None
    for method in METHODS:
        kinds = [r["share"] for r in rows if r["method"] == method and r["error"] != "intrinsic"]
        assert sum(kinds) == pytest.approx(1 - found.of("truth", method).mean())


def test_spreads_are_quantiles_of_all_scores_that_exist_seeds_together() -> None:
    values = np.full((1, 2, 3), np.nan)
    values[0, 0, :2], values[0, 1, 1:] = (0.4, 0.0), (0.1, 0.3)
    nothing = np.full((1, 2, 3), np.nan)
    found = Scores("xsum", ("mle",), (0, 1), tuple("abc"), {"quals": values, "qags": nothing}, None)
    known, empty = distribution_rows(found)
    assert (known["metric"], known["method"], known["n"]) == ("quals", "mle", 4)
    # Of 0, 0.1, 0.3, 0.4, straight lines between their places 0, 1, 2, 3.
    expected = {"p5": 0.015, "p25": 0.075, "median": 0.2, "p75": 0.325, "p95": 0.385}
    assert {key: known[key] for key in expected} == pytest.approx(expected)
    assert empty["n"] == 0
    assert all(empty[key] is None for key in expected)


def test_no_oracle_means_no_error_rows() -> None:
    rows = {("mle", 0): [{"id": "a", "metrics": {"qags": 0.5}}]}
    found = stack("xsum", rows, methods=["mle"], seeds=[0])
    assert error_rows(found, level=0.95, baseline="mle") == []


def item(number: int, truth: float, source: str, **scores: float | None) -> dict:
    error = None if truth > 0.5 else ("role" if number % 2 else "entity")
    return {
        "id": f"{number}-{source}",
        "document_id": f"d{number // 2}",
        "truth": truth,
        "error": error,
        "source": source,
        "scores": scores,
    }


def items() -> list[dict]:
    """QUALS is perfect, copying useless, length constant, QAGS undefined once."""
    return [
        item(
            number,
            float(number % 4 < 2),
            source,
            copy1=0.1 * (number % 2),
            quals=-0.1 if number % 4 < 2 else -0.9 - 0.01 * number,
            qags=None if number == 0 else 0.1 * number,
            length=12.0,
        )
        for source in ("reference", "swapped", "mle")
        for number in range(12)
    ]


def test_agreement_has_one_row_per_metric_in_a_fixed_order() -> None:
    rows = agreement_rows("xsum", items(), resamples=100)
    assert [row["metric"] for row in rows] == ["quals", "qags", "copy1", "length"]
    quals, qags, copy1, length = rows
    assert (quals["auc"], quals["auc_low"], quals["auc_high"]) == (1, 1, 1)
    assert (quals["n"], quals["undefined"]) == (24, 0)
    assert (qags["n"], qags["undefined"]) == (22, 2)
    assert copy1["auc"] == 0.5
    for key in ("auc", "auc_low", "pearson", "pearson_high", "spearman", "kendall"):
        assert length[key] is None
    dump(rows)


def test_truth_between_0_and_1_is_cut_at_one_half_for_auc_only() -> None:
    graded = [item(i, truth, "mle", quals=truth) for i, truth in enumerate([0.0, 0.3, 0.7, 1.0])]
    (row,) = agreement_rows("qags", graded, resamples=50)
    assert row["auc"] == 1
    assert row["pearson"] == pytest.approx(1)


def test_one_class_has_no_auc() -> None:
    (row,) = agreement_rows("x", [item(i, 1, "mle", quals=-float(i)) for i in range(4)])
    assert (row["auc"], row["auc_low"], row["pearson"], row["n"]) == (None, None, None, 4)


def test_errors_are_set_against_all_consistent_items() -> None:
    rows = agreement_by_error("xsum", items(), resamples=50)
    quals = [row for row in rows if row["metric"] == "quals"]
    assert [(row["error"], row["n"], row["consistent"]) for row in quals] == [
        ("entity", 9, 18),
        ("role", 9, 18),
    ]
    assert all(row["auc"] == 1 for row in quals)


def test_sources_are_kept_apart_and_quals_is_set_against_each_metric() -> None:
    rows = auc_by_source("xsum", items(), resamples=50, seed=0, level=0.95)
    table = {(row["population"], row["metric"]): row for row in rows}
    assert table[REFERENCES, "quals"]["n"] == 12
    assert table[SWAPS, "quals"]["n"] == 18
    assert table[SYSTEMS, "quals"]["n"] == 12
    assert table[SYSTEMS, "copy1"]["quals_ahead"] == 0.5
    assert table[SYSTEMS, "quals"]["quals_ahead"] is None
    assert table[SYSTEMS, "length"]["quals_ahead"] is None


def test_histogram_counts_every_scored_item_once() -> None:
    rows = histogram("xsum", items())
    assert [row["consistent"] for row in rows] == [True, False]
    assert [sum(row["counts"]) for row in rows] == [12, 12]
    assert rows[0]["edges"] == rows[1]["edges"]


def test_no_items_is_an_error() -> None:
    with pytest.raises(ValueError, match="at least one item"):
        agreement_rows("xsum", [])


@pytest.mark.parametrize(
    ("values", "texts"),
    [
        ((5, None, None), ["5", "-", "-"]),
        ((6.5, 6, 7.25), ["6.5", "6.0", "7.2"]),
        ((0.1234, 0.1, 0.2), ["0.123", "0.100", "0.200"]),
        ((None,), ["-"]),
    ],
)
def test_numbers_of_one_cell_share_their_digits(
    values: tuple[float | None, ...], texts: list[str]
) -> None:
    assert compact(*values) == texts


def test_cells_show_intervals_only_where_there_are_some() -> None:
    assert span(0.5, 0.25, 0.75) == "0.500 [0.250, 0.750]"
    assert span(0.5, None, None) == "0.500"
    assert span(None, None, None) == "-"
    assert measured({"measured": 3, "low": None, "high": None}) == "3"


def test_table_escapes_bars() -> None:
    assert table(["A", "B"], [["x|y", "1"]]) == "| A | B |\n| :-- | --: |\n| x\\|y | 1 |"


def test_scores_are_nan_where_undefined() -> None:
    assert np.isnan(scores().of("quals", "mle")[:, 1]).all()
