"""Laws and hand-made cases of `quals.text`."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quals.text import (
    contains_whole_words,
    copy_rate,
    exact_match,
    find_whole_words,
    ngrams,
    normalise,
    sentences,
    token_f1,
    words,
)

TEXT = st.text(alphabet="abzAB01 .,'-!?£\"é\n", max_size=60)
WORDS = st.lists(st.sampled_from(["red", "blue", "green", "the", "3-1", "2.5"]), max_size=12)


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("The Quiet Harbour.", "quiet harbour"),
        ("an owl, a fox & the  hen", "owl fox hen"),
        ("Theatre and another anthem", "theatre and another anthem"),  # articles are whole words
        ("3-1", "31"),
        ("the", ""),
        ("", ""),
    ],
)
def test_normal_text_has_no_case_points_or_articles(text, normal):
    assert normalise(text) == normal


@given(TEXT)
def test_normalising_twice_changes_nothing_more(text):
    assert normalise(normalise(text)) == normalise(text)


@pytest.mark.parametrize(
    ("prediction", "truth", "f1"),
    [
        ("the grey heron", "Grey heron!", 1.0),
        ("grey heron", "grey", 2 / 3),
        ("red red fox", "red fox fox", 2 / 3),  # repeats count as often as both have them
        ("otter", "badger", 0.0),
        ("", "", 1.0),
        ("the", "", 1.0),
        ("", "otter", 0.0),
        ("otter", "", 0.0),
    ],
)
def test_token_f1_by_hand(prediction, truth, f1):
    assert token_f1(prediction, truth) == pytest.approx(f1)


@given(TEXT, TEXT)
def test_token_f1_is_symmetric_and_a_share(one, other):
    assert token_f1(one, other) == pytest.approx(token_f1(other, one))
    assert 0 <= token_f1(one, other) <= 1


@given(TEXT, TEXT)
def test_an_exact_match_has_full_f1(one, other):
    assert exact_match(one, one) == token_f1(one, one) == 1
    if exact_match(one, other):
        assert token_f1(one, other) == 1


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("Rain fell. Trains stopped! Why? 40 left.", 4),
        ("The bill came to 2.5 million pounds.", 1),
        ("He spoke to Mr. Tarn and Dr. Yew. She left.", 2),
        ("J. Tarn of the U.S. Navy resigned.", 1),
        ("On Oct. 9 it froze. £5 was lost. €6 was found.", 3),
        ('She said: "Never." Then she left.', 2),
        ("\u201cNever.\u201d \u2018Maybe.\u2019 Done.", 3),
        ("(They lost.) Nobody cared.", 2),
        ("It cost 3. then more", 1),  # no capital, no new sentence
        ("no end", 1),
        ("  \n ", 0),
        ("", 0),
    ],
)
def test_sentences_are_counted_by_hand(text, parts):
    assert len(sentences(text)) == parts


@given(TEXT)
def test_sentences_lose_nothing_but_the_space_between_them(text):
    assert "".join("".join(sentences(text)).split()) == "".join(text.split())
    assert all(part == part.strip() and part for part in sentences(text))


@given(TEXT)
def test_a_sentence_is_not_split_again_by_what_followed_it(text):
    parts = sentences(text)
    assert sentences(" ".join(parts)) == parts


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Tarn's side won 3-1.", ["tarn's", "side", "won", "3-1"]),
        ("£2.5 million, 1,500 jobs", ["2.5", "million", "1,500", "jobs"]),
        ("well-known -- 'quoted'", ["well-known", "quoted"]),
        ("", []),
    ],
)
def test_words_keep_what_stands_inside_them(text, expected):
    assert words(text) == expected


@given(WORDS, st.integers(1, 5))
def test_ngrams_are_all_windows_in_order(tokens, n):
    windows = [tuple(tokens[i : i + n]) for i in range(len(tokens) - n + 1)]
    assert ngrams(tokens, n) == windows


@pytest.mark.parametrize(
    ("document", "summary", "n", "rate"),
    [
        ("the red barn burned down", "The barn burned.", 1, 1.0),
        ("the red barn burned down", "The barn burned.", 2, 0.5),
        ("the red barn burned down", "the the blue", 1, 2 / 3),  # repeats count each time
        ("the red barn burned down", "blue", 1, 0.0),
        ("the red barn burned down", "blue", 2, None),
        ("the red barn burned down", "", 1, None),
        ("", "blue", 1, 0.0),
    ],
)
def test_copy_rate_by_hand(document, summary, n, rate):
    assert copy_rate(document, summary, n) == (None if rate is None else pytest.approx(rate))


@given(WORDS, WORDS, st.integers(1, 3))
def test_copy_rate_equals_a_naive_count(document, summary, n):
    windows = [summary[i : i + n] for i in range(len(summary) - n + 1)]
    known = [document[i : i + n] for i in range(len(document) - n + 1)]
    naive = sum(w in known for w in windows) / len(windows) if windows else None
    assert copy_rate(" ".join(document), " ".join(summary), n) == naive


@pytest.mark.parametrize(
    ("text", "span", "found"),
    [
        ("Tarn's win", "tarn", True),
        ("The tarnish stayed", "tarn", False),
        ("They won 3-1 away", "3-1", True),
        ("They won 13-1 away", "3-1", False),
        ("It raised £1,500.", "£1,500", True),
        ("It raised 1,500 pounds", "500", False),
        ("It raised 2.5 million", "5 million", False),
        ("It raised 2.5 million", "2", False),
        ("It ended in 2012.", "2012", True),  # a point that ends a sentence
        ("It cost a lot (£40)", "(£40)", True),
        ("anything", "", False),
        ("anything", "  ", False),
    ],
)
def test_only_whole_words_are_found(text, span, found):
    assert contains_whole_words(text, span) is found


def by_pattern(text, span):
    """What `find_whole_words` says of itself, as a regular expression."""
    span = span.strip()
    before = r"(?<!\w)(?<!\d[.,])" if span[:1].isdigit() else r"(?<!\w)"
    after = r"(?!\w)(?![.,]\d)" if span[-1:].isdigit() else r"(?!\w)"
    found = re.search(before + re.escape(span) + after, text, flags=re.IGNORECASE)
    return None if found is None or not span else found.start()


@settings(max_examples=2000)
@given(st.text("aB1 .,_-", max_size=12), st.text("Ab1.,_ ", max_size=3), st.sampled_from("bé"))
def test_whole_words_are_found_where_a_pattern_finds_them(text, span, more):
    assert find_whole_words(text, span) == by_pattern(text, span)
    text = text.replace("B", more)
    assert find_whole_words(text, span) == by_pattern(text, span)


@given(WORDS.filter(bool), st.data())
def test_every_run_of_words_is_found_in_its_text(tokens, data):
    start = data.draw(st.integers(0, len(tokens) - 1))
    stop = data.draw(st.integers(start + 1, len(tokens)))
    assert contains_whole_words(" ".join(tokens), " ".join(tokens[start:stop]).upper())
