"""Laws and hand-made cases of `quals.metrics.overlap`."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quals.metrics.overlap import copy_rates

TOKENS = st.lists(st.sampled_from(["owl", "fox", "hen", "elk", "3-1"]), max_size=12)


@pytest.mark.parametrize(
    ("summary", "expected"),
    [
        (
            "The ferry sank off Tarn.",
            {"copy1": 1, "copy2": 3 / 4, "copy3": 2 / 3, "novel2": 1 / 4, "length": 5},
        ),
        ("Sank!", {"copy1": 1, "copy2": None, "copy3": None, "novel2": None, "length": 1}),
        ("A boat", {"copy1": 1 / 2, "copy2": 0, "copy3": None, "novel2": 1, "length": 2}),
        ("?", {"copy1": None, "copy2": None, "copy3": None, "novel2": None, "length": 0}),
    ],
)
def test_rates_by_hand(summary, expected):
    (rates,) = copy_rates(["Near Tarn, the ferry sank off the old pier in a storm."], [summary])
    assert rates == expected


@given(st.lists(st.tuples(TOKENS, TOKENS), max_size=4))
def test_rates_are_shares_in_the_order_given(pairs):
    documents, summaries = [" ".join(d) for d, _ in pairs], [" ".join(s) for _, s in pairs]
    rates = copy_rates(documents, summaries)
    assert [row["length"] for row in rates] == [len(s) for _, s in pairs]
    for row in rates:
        assert all(row[name] is None or 0 <= row[name] <= 1 for name in row if name != "length")
        assert (row["novel2"] is None) == (row["copy2"] is None) == (row["length"] < 2)


@given(TOKENS.filter(lambda tokens: len(tokens) > 2), st.data())
def test_an_extract_is_copied_whole(tokens, data):
    start = data.draw(st.integers(0, len(tokens) - 3))
    extract = " ".join(tokens[start : start + 3])
    (rates,) = copy_rates([" ".join(tokens)], [extract])
    assert rates["copy1"] == rates["copy2"] == rates["copy3"] == 1
    assert rates["novel2"] == 0


@given(TOKENS, TOKENS)
def test_copying_longer_runs_is_never_easier(document, summary):
    (rates,) = copy_rates([" ".join(document)], [" ".join(summary)])
    if rates["copy1"] == 0:
        assert not rates["copy2"]
    if rates["copy2"] == 0:
        assert not rates["copy3"]


def test_lists_of_unequal_length_are_refused():
    with pytest.raises(ValueError, match="zip"):
        copy_rates(["a"], [])
