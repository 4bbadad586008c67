"""Laws of the extractive fragments, on cases done by hand and against a search of all places."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quals.metrics.fragments import extractiveness, fragments

TEXTS = st.lists(st.sampled_from("abcd"), max_size=12)


@pytest.mark.parametrize(
    ("document", "summary", "lengths"),
    [
        ("a b c d", "a b c d", [4]),
        ("a b c d", "x y", []),
        ("a b c d", "b c x d", [2, 1]),
        ("a b x a b c", "a b c", [3]),  # the longest place counts, not the first
        ("a b c", "a b a b c", [2, 3]),  # a place may serve twice
        ("", "a", []),
        ("a", "", []),
    ],
)
def test_fragments_by_hand(document, summary, lengths):
    assert fragments(document.split(), summary.split()) == lengths


def naive(document, summary):
    """Every run of the summary from a place, longest first, looked for in the whole document."""
    found, at = [], 0
    text = [tuple(document[i:j]) for i in range(len(document)) for j in range(i, len(document) + 1)]
    while at < len(summary):
        sizes = range(len(summary) - at, 0, -1)
        size = next((n for n in sizes if tuple(summary[at : at + n]) in text), 0)
        found += [size] * bool(size)
        at += max(size, 1)
    return found


@given(TEXTS, TEXTS)
def test_fragments_are_those_of_a_search_of_all_places(document, summary):
    assert fragments(document, summary) == naive(document, summary)


@given(TEXTS, TEXTS)
def test_density_is_at_least_coverage_and_at_most_coverage_times_length(document, summary):
    found = extractiveness(" ".join(document), " ".join(summary))
    if summary:
        assert 0 <= found["coverage"] <= 1
        assert found["coverage"] <= found["density"] <= found["coverage"] * len(summary)


def test_a_copy_has_full_coverage_its_length_as_density_and_no_novel_bigram():
    text = "Storm Alma left 305 homes without power"
    assert extractiveness(text, text) == {"coverage": 1, "density": 7, "novel2": 0}


def test_density_by_hand():
    # Pieces of three words and of one among five words: (9 + 1) / 5; bigrams a b, b c of four.
    assert extractiveness("a b c d", "a b c x d") == {
        "coverage": 0.8,
        "density": 2.0,
        "novel2": 0.5,
    }


def test_what_does_not_exist_is_none():
    assert extractiveness("a b", "") == {"coverage": None, "density": None, "novel2": None}
    assert extractiveness("a b", "a")["novel2"] is None
