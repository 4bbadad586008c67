"""Laws of quoting: a model's own words stay, long runs of a source are cut."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quals.analysis.quoting import CUT, MOST_WORDS, cut_copies
from quals.text import ngrams, words

SOURCE = "One two, three four five six seven eight nine ten. Eleven twelve!"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Nothing of it is copied.", "Nothing of it is copied."),
        ("It said two three four.", "It said two three four."),
        ("One two three four five, he said.", f"One two three {CUT}, he said."),
        ("He: TWO THREE four FIVE. Then six seven.", f"He: TWO THREE four {CUT}. Then six seven."),
        (SOURCE, f"One two, three {CUT}!"),
        ("two three four. Eleven twelve", "two three four. Eleven twelve"),
        ("", ""),
    ],
)
def test_a_run_keeps_its_first_words(text, expected):
    assert cut_copies(text, [SOURCE], most=3) == expected


def test_every_source_counts():
    text = "one two three four and red blue green grey"
    sources = ["one two three four", "red blue green grey"]
    assert cut_copies(text, sources, most=3) == f"one two three {CUT} and red blue green {CUT}"


@given(
    st.lists(st.sampled_from("abcd"), max_size=60).map(" ".join),
    st.lists(st.sampled_from("abcdx"), max_size=40).map(" ".join),
    st.integers(1, 4),
)
def test_no_piece_has_a_longer_run_and_nothing_else_is_lost(source, text, most):
    shown = cut_copies(text, [source], most)
    held = set(ngrams(words(source), most + 1))
    for piece in shown.split(CUT):
        assert not held & set(ngrams(words(piece), most + 1))
    assert shown.count("x") == text.count("x")
    assert len(words(shown)) <= len(words(text))
    if not held & set(ngrams(words(text), most + 1)):
        assert shown == text


def test_spans_are_as_short_as_a_quotation():
    assert MOST_WORDS == 8
