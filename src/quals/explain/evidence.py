"""What speaks for a pair and against it? Its answer's place, and the closest document sentence.

The closest sentence is the one that makes the answer likeliest when the model reads that sentence
alone and is asked the question: the measure of the score itself, so that no second opinion enters.
On 1,618 pairs of the testbed's validation world, where the truth is known, it is a sentence that
states the thing asked for in 100 % of right pairs and 93 % of wrong ones; the likelihood of the
whole pair finds it in 93 % and 92 %, word overlap in 95 % and 88 %. Overlap breaks ties, and
narrows a long document down to the sentences that are worth reading. What no sentence alone can do
is resolve a "she" whose name stands elsewhere.

Whether the document supports the pair is told by the pair's score under the whole document, not by
that sentence.
"""

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from quals.records import TokenPair
from quals.text import find_whole_words, sentences, words

Likelihood = Literal["pair", "question", "answer"]

# From here on a pair counts as supported: on (geometric) average the document makes its tokens this
# many times as likely as the summary does. Of tenths, 0.8 separates best on the validation world,
# and not well: it flags half of the wrong pairs of faulty summaries and 8 % of the right ones.
SUPPORTED_FROM = 0.8
# Sentences that the model reads, each alone; more are narrowed down by overlap.
MOST_READ = 64
# Text without full stops is cut, or its "sentence" would be the whole text.
LONGEST_WORDS, LONGEST_LETTERS = 80, 600
# Words that say nothing about what a sentence is about.
FUNCTION_WORDS = frozenset(
    words(
        "a an the of in on at by for from to with as and or but not no is are was were be been "
        "being do does did has have had it its he his him she her they them their this that these "
        "those there who whom whose what which when where why how many much will would can could"
    )
)


@dataclass(frozen=True)
class Span:
    """Characters `start` to `end` (exclusive) of a text."""

    start: int
    end: int

    def of(self, text: str) -> str:
        return text[self.start : self.end]


@dataclass(frozen=True)
class Evidence:
    """The document sentence (by number) closest to a pair.

    `logprob` is the answer's mean token log-probability after the question under that sentence
    alone; `shared` are the words, function words aside, that sentence and pair have in common.
    """

    sentence: int
    logprob: float
    shared: tuple[str, ...]


@dataclass(frozen=True)
class Card:
    """A pair with all that explains it. `counted` are its tokens whose mean makes the score."""

    number: int
    pair: TokenPair
    counted: range
    summary_logprob: float
    document_logprob: float
    supported: bool
    place: Span | None
    evidence: Evidence | None

    @property
    def score(self) -> float:
        return self.document_logprob - self.summary_logprob

    @property
    def answer_logprob(self) -> float:
        """Mean token log-probability of the answer after the question under the summary."""
        return _mean(self.pair.summary_logprobs, counted_tokens(self.pair, "answer"))


@dataclass(frozen=True)
class Explanation:
    """A score taken apart. Cards come worst first; `notes` say what a reader should know."""

    document: str
    summary: str
    sentences: tuple[Span, ...]
    cards: tuple[Card, ...]
    reason: str | None = None
    notes: tuple[str, ...] = ()

    @property
    def quals(self) -> float | None:
        scores = [card.score for card in self.cards]
        return sum(scores) / len(scores) if scores else None


def sentence_spans(text: str) -> list[Span]:
    """The sentences of `text` as places in it; overlong ones in pieces."""
    found, at = [], 0
    for sentence in sentences(text):
        start = text.index(sentence, at)
        at = start + len(sentence)
        found += _pieces(text, Span(start, at))
    return found


def _pieces(text: str, span: Span) -> list[Span]:
    """The span in pieces of at most `LONGEST_WORDS` words and `LONGEST_LETTERS` characters."""
    pieces: list[Span] = []
    count = 0
    for word in re.finditer(r"\S+", span.of(text)):
        # A "word" may itself be endless.
        for start in range(word.start(), word.end(), LONGEST_LETTERS):
            end = min(start + LONGEST_LETTERS, word.end())
            if pieces and count < LONGEST_WORDS and end - pieces[-1].start <= LONGEST_LETTERS:
                pieces[-1], count = Span(pieces[-1].start, end), count + 1
            else:
                pieces.append(Span(start, end))
                count = 1
    return [Span(span.start + piece.start, span.start + piece.end) for piece in pieces]


def content_words(text: str) -> list[str]:
    """The words of a text that are about something, without a possessive ending."""
    plain = (re.sub(r"['\u2019]s$", "", word) for word in words(text))
    return [word for word in plain if word not in FUNCTION_WORDS]


def overlaps(pair: TokenPair, texts: Sequence[set[str]]) -> list[float]:
    """How much of the pair each text (a set of content words) shares: rare words count more.

    The sum over shared words of log(1 + texts / texts with that word).
    """
    wanted = set(content_words(f"{pair.question} {pair.answer}"))
    holders = Counter(word for text in texts for word in text & wanted)
    weights = {word: math.log(1 + len(texts) / count) for word, count in holders.items()}
    return [sum(weights[word] for word in sorted(text & wanted)) for text in texts]


def sentences_to_read(
    document: str, spans: Sequence[Span], pairs: Sequence[TokenPair], most: int = MOST_READ
) -> list[int]:
    """Which sentences the model should read: all, or of many those that share most with a pair.

    Pairs take turns, each with its best sentence first, so that none is left without.
    """
    if len(spans) <= most:
        return list(range(len(spans)))
    texts = [set(content_words(span.of(document))) for span in spans]
    rankings = []
    for pair in pairs:
        shares = overlaps(pair, texts)
        rankings.append(sorted(range(len(spans)), key=lambda i, s=shares: (-s[i], i))[:most])
    chosen: dict[int, None] = {}
    for turn in zip(*rankings, strict=True):
        chosen.update(dict.fromkeys(turn))
    return sorted(list(chosen)[:most])


def explain(
    document: str,
    summary: str,
    pairs: Sequence[TokenPair],
    *,
    alone: dict[int, Sequence[float]],
    likelihood: Likelihood = "pair",
    supported_from: float = SUPPORTED_FROM,
    reason: str | None = None,
    notes: Sequence[str] = (),
) -> Explanation:
    """Cards for the pairs of one summary.

    `alone[i][k]` is the mean token log-probability of pair k's answer after its question under
    document sentence i alone, for the sentences of `sentences_to_read`; `likelihood` names the
    tokens that the score averages; `reason` says why there is no pair.
    """
    spans = sentence_spans(document)
    texts = [set(content_words(span.of(document))) for span in spans]
    cards = []
    for k, pair in enumerate(pairs):
        counted = counted_tokens(pair, likelihood)
        under_summary = _mean(pair.summary_logprobs, counted)
        under_document = _mean(pair.document_logprobs, counted)
        supported = under_document - under_summary >= math.log(supported_from)
        logprobs = {i: values[k] for i, values in alone.items()}
        found = _closest(pair, texts, logprobs)
        place = _place(summary, pair.answer)
        cards.append(Card(0, pair, counted, under_summary, under_document, supported, place, found))
    cards.sort(key=lambda card: card.score)
    numbered = tuple(replace(card, number=at) for at, card in enumerate(cards, start=1))
    return Explanation(document, summary, tuple(spans), numbered, reason, tuple(notes))


def counted_tokens(pair: TokenPair, likelihood: Likelihood) -> range:
    """The tokens whose log-probabilities are averaged; separator and end token only in `pair`."""
    size = len(pair.tokens)
    return {
        "pair": range(size),
        "question": range(pair.answer_at - 1),
        "answer": range(pair.answer_at, size - 1),
    }[likelihood]


def largest_drop(card: Card) -> int:
    """The token that the document makes unlikelier than the summary does by the largest factor."""
    pair = card.pair
    return min(card.counted, key=lambda i: pair.document_logprobs[i] - pair.summary_logprobs[i])


def _closest(
    pair: TokenPair, texts: Sequence[set[str]], logprobs: dict[int, float]
) -> Evidence | None:
    if not logprobs:
        return None
    shares = overlaps(pair, texts)
    best = max(logprobs, key=lambda i: (logprobs[i], shares[i], -i))
    wanted = content_words(f"{pair.question} {pair.answer}")
    shared = tuple(word for word in dict.fromkeys(wanted) if word in texts[best])
    return Evidence(best, logprobs[best], shared)


def _place(summary: str, answer: str) -> Span | None:
    """Where the answer first stands in the summary: in whole words, else anywhere."""
    answer = answer.strip()
    start = find_whole_words(summary, answer)
    if start is None:
        found = re.search(re.escape(answer), summary, flags=re.IGNORECASE) if answer else None
        start = None if found is None else found.start()
    return None if start is None else Span(start, start + len(answer))


def _mean(values: Sequence[float], counted: range) -> float:
    return sum(values[i] for i in counted) / len(counted)
