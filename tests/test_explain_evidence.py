"""Which sentence, place and label does a pair get?"""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quals.explain.evidence import (
    LONGEST_LETTERS,
    LONGEST_WORDS,
    SUPPORTED_FROM,
    Span,
    content_words,
    counted_tokens,
    explain,
    largest_drop,
    overlaps,
    sentence_spans,
    sentences_to_read,
)
from quals.records import TokenPair
from quals.text import sentences


def token_pair(question="Who won?", answer="Ada", *, drop=0.0):
    """A pair of one token per word; the document takes `drop` off each log-probability."""
    tokens = [*question.split(), "<sep>", *answer.split(), "</s>"]
    summary = [-0.1 * (at + 1) for at in range(len(tokens))]
    document = [value - drop for value in summary]
    at = len(question.split()) + 1
    return TokenPair(question, answer, tuple(tokens), at, tuple(summary), tuple(document))


PIECES = ["Ada won.", "Dr. Holt", "left", "3.5 points", "\u05e9\u05dc\u05d5\u05dd", "x" * 1500, "!"]
TEXTS = st.lists(st.sampled_from([*PIECES, "\n\n", "  ", "\x00"]), max_size=12).map(" ".join)


@given(TEXTS)
def test_sentences_are_found_in_their_text_in_order_and_lose_no_letter(text):
    spans = sentence_spans(text)
    ends = [0]
    for span in spans:
        assert ends[-1] <= span.start < span.end
        assert not text[ends[-1] : span.start].strip()
        ends.append(span.end)
    assert not text[ends[-1] :].strip()


def test_ordinary_sentences_are_those_of_the_library():
    text = "Ada won 3.5 points.  Dr. Holt left!\nNobody saw it."
    assert [span.of(text) for span in sentence_spans(text)] == sentences(text)


@pytest.mark.parametrize("text", ["word " * 5000, "y" * 50000, "ab " + "z" * 2000 + " cd"])
def test_text_without_full_stops_is_cut(text):
    for span in sentence_spans(text):
        assert len(span.of(text).split()) <= LONGEST_WORDS
        assert span.end - span.start <= LONGEST_LETTERS


def test_function_words_and_possessives_are_not_telling():
    assert content_words("Who is the mayor's rival in Kelby?") == ["mayor", "rival", "kelby"]


def test_rare_words_weigh_more_than_common_ones():
    pair = token_pair("Who bought the mill?", "Ada")
    texts = [{"mill"}, {"mill"}, {"mill"}, {"ada"}, {"dog"}]
    shares = overlaps(pair, texts)
    assert shares[0] == pytest.approx(math.log(1 + 5 / 3))
    assert shares[3] == pytest.approx(math.log(1 + 5))
    assert shares[4] == 0


def test_short_documents_are_read_whole_and_long_ones_where_pairs_have_words():
    text = " ".join(f"The dog number {i} slept." for i in range(50))
    text += " Ada won the race. Ivan sold the mill."
    spans = sentence_spans(text)
    pairs = [token_pair("Who won the race?", "Ada"), token_pair("Who sold the mill?", "Ivan")]
    assert sentences_to_read(text, spans, pairs, 52) == list(range(52))
    assert sentences_to_read(text, spans, pairs, 2) == [50, 51]
    chosen = sentences_to_read(text, spans, pairs, 6)
    assert len(chosen) == 6
    assert chosen == sorted(set(chosen))
    assert {50, 51} <= set(chosen)


def test_the_likeliest_sentence_is_the_closest_and_overlap_breaks_ties():
    document = "A dog slept. Ada won. Ivan won."
    pair = token_pair("Who won?", "Ada")
    (card,) = explain(document, "Ada won.", [pair], alone={0: [-3], 1: [-2], 2: [-1]}).cards
    assert (card.evidence.sentence, card.evidence.logprob) == (2, -1)
    assert card.evidence.shared == ("won",)
    (card,) = explain(document, "Ada won.", [pair], alone={0: [-1], 1: [-1], 2: [-1]}).cards
    assert card.evidence.sentence == 1
    (card,) = explain(document, "Ada won.", [pair], alone={0: [-1], 1: [-2], 2: [-2]}).cards
    assert card.evidence.shared == ()


def test_without_sentences_there_is_no_evidence():
    (card,) = explain("", "Ada won.", [token_pair()], alone={}).cards
    assert card.evidence is None


@pytest.mark.parametrize(
    ("summary", "answer", "place"),
    [
        ("Then Ada won.", "Ada", (5, 8)),
        ("Adamant Ada won.", "Ada", (8, 11)),
        ("then ADA won.", "Ada", (5, 8)),
        ("Adamant.", "Ada", (0, 3)),  # where answers may be parts of words
        ("Ivan won.", "Ada", None),
        ("Ivan won.", " ", None),
    ],
)
def test_the_answer_is_found_in_the_summary(summary, answer, place):
    pair = TokenPair("Who?", answer, ("Who?", "<sep>", "a", "</s>"), 2, (-1.0,) * 4, (-1.0,) * 4)
    (card,) = explain("Ada.", summary, [pair], alone={}).cards
    assert card.place == (None if place is None else Span(*place))


def test_worst_pairs_come_first_and_quals_is_their_mean():
    pairs = [token_pair(drop=drop) for drop in (0.1, 2.0, -0.3, 0.2)]
    found = explain("Ada won.", "Ada won.", pairs, alone={0: [-1, -2, -3, -4]})
    assert [card.number for card in found.cards] == [1, 2, 3, 4]
    assert [card.score for card in found.cards] == pytest.approx([-2.0, -0.2, -0.1, 0.3])
    assert [card.evidence.logprob for card in found.cards] == [-2, -4, -1, -3]
    assert found.quals == pytest.approx(-0.5)
    assert explain("a", "b", [], alone={}).quals is None


def test_the_label_follows_the_score_and_the_stated_rule():
    edge = -math.log(SUPPORTED_FROM)
    pairs = [token_pair(drop=drop) for drop in (-1.0, 0.0, edge - 0.01, edge + 0.01, 5.0)]
    found = explain("Ada.", "Ada.", pairs, alone={})
    assert [card.supported for card in found.cards] == [False, False, True, True, True]
    strict = explain("Ada.", "Ada.", pairs, alone={}, supported_from=1.1)
    assert [card.supported for card in strict.cards] == [False] * 4 + [True]


@pytest.mark.parametrize(
    ("likelihood", "at"), [("pair", range(5)), ("question", range(2)), ("answer", range(3, 4))]
)
def test_only_the_tokens_that_count_make_the_score(likelihood, at):
    pair = TokenPair(
        "Who won?", "Ada", ("Who", "won?", "<sep>", "Ada", "</s>"), 3, *[(0.0,) * 5] * 2
    )
    assert counted_tokens(pair, likelihood) == at
    for token in range(5):
        document = tuple(-1.0 if i == token else 0.0 for i in range(5))
        changed = TokenPair(pair.question, "Ada", pair.tokens, 3, pair.summary_logprobs, document)
        (card,) = explain("a", "Ada", [changed], alone={}, likelihood=likelihood).cards
        assert card.score == pytest.approx(-1 / len(at) if token in at else 0)
        assert largest_drop(card) in at
        assert token not in at or largest_drop(card) == token
