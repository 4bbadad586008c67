"""Laws of what answers say: shares, sign test, agreement, un-blinding; naive references below."""

from fractions import Fraction
from itertools import permutations
from math import comb

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from studies import NAMES, answer, answers, key_of, preferring, side_of, study

from quals.study import alpha
from quals.study.results import OUTCOMES, analyse, judgments, sign_test
from quals.study.table import lines


def naive_alpha(units, kind):
    """Alpha from its definition, pair by pair, in fractions; None where it is undefined.

    `units` are lists of category numbers.
    """
    units = [unit for unit in units if len(unit) > 1]
    values = [value for unit in units for value in unit]

    def distance(c, k):
        if kind == "nominal":
            return Fraction(int(c != k))
        low, high = sorted((c, k))
        between = sum(values.count(g) for g in range(low, high + 1))
        return (between - Fraction(values.count(c) + values.count(k), 2)) ** 2

    observed = sum(
        (
            Fraction(1, len(unit) - 1) * distance(c, k)
            for unit in units
            for c, k in permutations(unit, 2)
        ),
        Fraction(0),
    )
    expected = sum((distance(c, k) for c, k in permutations(values, 2)), Fraction(0))
    if not expected:
        return None
    return 1 - (observed / len(values)) / (expected / (len(values) * (len(values) - 1)))


def counted(units, categories=3):
    return np.array([[unit.count(c) for c in range(categories)] for unit in units])


def both(units, categories=3):
    matrix = alpha.coincidences(counted(units, categories)).sum(axis=0)
    return float(alpha.alpha(matrix, alpha.nominal)), float(alpha.alpha(matrix, alpha.ordinal))


# Worked out on paper: coincidences, then the sums of both definitions.
@pytest.mark.parametrize(
    ("units", "nominal", "ordinal"),
    [
        # Totals 2, 1, 5; nominal 1 - (2/8) / (34/56), ordinal 1 - (18/8) / (504/56).
        ([[2, 2], [2, 2], [1, 2], [0, 0]], 10 / 17, 3 / 4),
        # Three annotators with gaps; the unit with one value does not count. Totals 2, 1, 2.
        ([[2, 2, 1], [0, 0], [1]], 1 / 2, 4 / 5),
        ([[0, 0], [2, 2], [1, 1, 1]], 1, 1),
        # Never the same: worse than chance. Totals 2, 0, 2; 1 - 1 / (8/12), all of it at the ends.
        ([[0, 2], [0, 2]], -1 / 2, -1 / 2),
    ],
)
def test_alpha_is_what_it_is_by_hand(units, nominal, ordinal):
    assert both(units) == pytest.approx((nominal, ordinal))
    assert naive_alpha(units, "nominal") == pytest.approx(nominal)
    assert naive_alpha(units, "ordinal") == pytest.approx(ordinal)


UNITS = st.lists(st.lists(st.integers(0, 3), max_size=5), min_size=1, max_size=8)


@given(UNITS)
def test_alpha_equals_its_definition(units):
    for found, kind in zip(both(units, 4), ("nominal", "ordinal"), strict=True):
        expected = naive_alpha(units, kind)
        if expected is None:
            assert np.isnan(found)
        else:
            assert found == pytest.approx(float(expected))


@given(UNITS)
def test_nominal_alpha_ignores_the_names_of_categories_and_ordinal_their_direction(units):
    turned = [[3 - value for value in unit] for unit in units]
    renamed = [[(value + 1) % 4 for value in unit] for unit in units]
    assert both(turned, 4) == pytest.approx(both(units, 4), nan_ok=True)
    assert both(renamed, 4)[0] == pytest.approx(both(units, 4)[0], nan_ok=True)


def test_ordinal_alpha_forgives_neighbours_more_than_opposites():
    near, far = [[0, 1], [2, 2], [0, 0], [1, 1]], [[0, 2], [2, 2], [0, 0], [1, 1]]
    assert both(near)[1] - both(near)[0] > both(far)[1] - both(far)[0]


@pytest.mark.parametrize("units", [[[1], [2]], [[1, 1], [1, 1]], [[]]])
def test_alpha_is_undefined_where_nothing_could_disagree(units):
    assert np.isnan(both(units)).all()


@pytest.mark.parametrize(("wins", "losses"), [(0, 1), (3, 0), (5, 5), (2, 9), (12, 4)])
def test_the_sign_test_is_the_binomial_of_a_fair_coin(wins, losses):
    worse, equal, better = np.eye(3, dtype=int)
    counts = np.array([better] * wins + [worse] * losses + [equal] * 4 + [0 * equal])
    found = sign_test(counts)
    size = wins + losses
    tail = sum(comb(size, at) for at in range(min(wins, losses) + 1)) / 2**size
    assert (found["wins"], found["losses"], found["ties"]) == (wins, losses, 4)
    assert found["p"] == pytest.approx(min(1, 2 * tail))


def test_a_document_is_won_by_most_of_its_judgments_and_counts_once():
    counts = np.array([[1, 0, 2], [1, 5, 1], [3, 0, 0]])
    found = sign_test(counts)
    assert (found["wins"], found["losses"], found["ties"]) == (1, 1, 1)


def test_the_sign_test_has_no_p_without_a_won_document():
    assert sign_test(np.array([[0, 2, 0]]))["p"] is None


def results(made, *annotators, **options):
    key = key_of(made)
    return key, analyse(key, annotators, **{"resamples": 500, **options})


def test_answers_are_counted_for_the_method_whatever_its_side():
    made = study(8)
    key = key_of(made)
    assert {side_of(key, at, NAMES[1]) for at in range(8)} == {"A", "B"}
    wanted = ["better", "worse", "equal", None] * 2
    counts = judgments(key, [preferring(key, wanted)], "factual")
    found = [OUTCOMES[row.argmax()] if row.any() else None for row in counts]
    assert found == wanted


def test_one_who_always_answers_a_prefers_neither_method():
    made = study(10)
    key = key_of(made)
    lazy = answers(key, [answer(item.item, "A", "A", "A") for item in key.items])
    for row in analyse(key, [lazy], resamples=100)["questions"]:
        assert (row["better"], row["worse"]) == (0.5, 0.5)
        assert row["sides"] == {"A": 10, "equal": 0, "B": 0}


def test_shares_are_of_judgments_and_lie_in_their_intervals():
    made = study(12)
    key = key_of(made)
    ada = preferring(key, ["better"] * 6 + ["equal"] * 3 + ["worse"] * 3)
    ivan = preferring(key, ["better"] * 4 + [None] * 8, "Ivan")
    row = analyse(key, [ada, ivan], resamples=500)["questions"][0]
    assert (row["judgments"], row["documents"], row["documents_judged_twice"]) == (16, 12, 4)
    assert (row["better"], row["equal"], row["worse"]) == (10 / 16, 3 / 16, 3 / 16)
    for name in OUTCOMES:
        assert 0 <= row[f"{name}_low"] < row[name] < row[f"{name}_high"] <= 1
    assert row["unanimous"] == 1


def test_intervals_equal_a_naive_bootstrap_over_documents():
    made = study(12)
    key = key_of(made)
    ada = preferring(key, ["better"] * 5 + ["equal"] * 3 + ["worse"] * 4)
    ivan = preferring(key, ["better", "worse", "equal"] * 4, "Ivan")
    row = analyse(key, [ada, ivan], resamples=4000)["questions"][0]
    counts = judgments(key, [ada, ivan], "factual")
    units = [[c for c in range(3) for _ in range(n[c])] for n in counts]
    random = np.random.default_rng(5)
    shares, alphas = [], []
    for number in range(4000):
        drawn = random.integers(0, 12, size=12)
        shares.append(counts[drawn, 2].sum() / counts[drawn].sum())
        if number < 400:
            alphas.append(float(naive_alpha([units[at] for at in drawn], "ordinal")))
    ends = (row["better_low"], row["better_high"])
    assert ends == pytest.approx(np.quantile(shares, [0.025, 0.975]), abs=0.05)
    ends = (row["alpha_ordinal_low"], row["alpha_ordinal_high"])
    assert ends == pytest.approx(np.quantile(alphas, [0.025, 0.975]), abs=0.15)


def test_a_question_without_answers_has_no_numbers():
    made = study(4)
    key = key_of(made)
    _, found = results(made, preferring(key, ["better"] * 4))
    factual, informative, _ = found["questions"]
    assert factual["better"] == 1
    assert informative["judgments"] == 0
    for name in ("better", "better_low", "p", "p_holm", "alpha_nominal", "unanimous"):
        assert informative[name] is None
    (line,) = (line for line in lines(found) if line.startswith("Informativeness"))
    assert line.split()[1:] == ["-", "-", "-", "0", "-", "-", "-", "-"]


def test_p_values_are_adjusted_for_three_questions():
    made = study(8)
    key = key_of(made)
    side = [side_of(key, at, NAMES[1]) for at in range(8)]
    rows = [answer(key.items[at].item, *(side[at],) * 3) for at in range(8)]
    for row in analyse(key, [answers(key, rows)], resamples=100)["questions"]:
        assert row["p"] == pytest.approx(2 / 2**8)
        assert row["p_holm"] == pytest.approx(3 * 2 / 2**8)


def test_incomplete_answers_are_counted_per_annotator():
    made = study(4)
    key = key_of(made)
    rows = [answer("1", "A", "B", "equal"), answer("2", "A"), answer("3", comment="hard")]
    _, found = results(made, answers(key, rows))
    (ada,) = found["annotators"]
    assert ada["complete"] == 1
    assert sum(ada["outcomes"]["factual"].values()) == 2
    assert "Ada: 1 of 4 documents complete" in lines(found)
    (comment,) = found["comments"]
    assert comment["document_id"] == key.items[2].document_id
    assert {comment["A"], comment["B"]} == set(NAMES)


def test_the_table_says_that_identical_pairs_were_not_shown():
    made = study(6, count=4, same=("d00", "d03"))
    key = key_of(made)
    _, found = results(made, preferring(key, ["equal"] * 4))
    assert any("2 of 6 had the same summary twice" in line for line in lines(found))


def test_results_are_the_same_whatever_the_order_of_the_files():
    made = study(6)
    key = key_of(made)
    ada = preferring(key, ["better"] * 3 + ["worse"] * 3)
    ivan = preferring(key, ["equal"] * 6, "Ivan")
    (_, first), (_, second) = results(made, ada, ivan), results(made, ivan, ada)
    assert first["questions"] == second["questions"]
