"""What does an explanation look like in a browser? One self-contained page without scripts."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from quals.explain import chart, wording
from quals.explain.evidence import Card, Explanation, Span
from quals.explain.template import PAGE
from quals.pages import fill
from quals.text import find_whole_words

# A document of more words is shown around the sentences that matter, this many to either side.
LONGEST_DOCUMENT, NEIGHBOURS = 1500, 2


@dataclass(frozen=True)
class Piece:
    """A stretch of the summary, the answers it is part of, and those whose mark ends with it."""

    text: str
    within: tuple[Card, ...]
    ends: tuple[Card, ...]


@dataclass(frozen=True)
class Sentence:
    """A sentence of the document with the cards it belongs to and the space in front of it."""

    number: int
    before: str
    text: str
    cards: tuple[Card, ...]


@dataclass(frozen=True)
class Gap:
    """Sentences that are left out of a long document."""

    sentences: int
    words: int


def render(explanation: Explanation, title: str = "Why this score?") -> str:
    """The page as HTML; everything that came from a user is escaped."""
    html = fill(
        PAGE,
        finalize=_printable,
        title=title,
        explanation=explanation,
        meaning=wording.meaning(explanation),
        notes=[*explanation.notes, *_window_note(explanation)],
        rule=wording.RULE,
        pieces=summary_pieces(explanation),
        document=document_view(explanation),
        sentence_parts=lambda card: sentence_parts(explanation, card),
        chart=chart,
        wording=wording,
    )
    return html.lstrip()


def summary_pieces(explanation: Explanation) -> list[Piece]:
    """The summary cut where an answer starts or ends: answers may overlap and hold each other."""
    text = explanation.summary
    placed = [(card, card.place) for card in explanation.cards if card.place is not None]
    cuts = sorted({0, len(text), *(at for _, place in placed for at in (place.start, place.end))})
    return [
        Piece(
            text[start:end],
            tuple(card for card, place in placed if place.start <= start and end <= place.end),
            tuple(card for card, place in placed if place.end == end),
        )
        for start, end in pairwise(cuts)
    ]


def document_view(explanation: Explanation) -> list[Sentence | Gap]:
    """The document's sentences in order; of a long document, those around the highlighted ones."""
    text, spans = explanation.document, explanation.sentences
    owners: dict[int, list[Card]] = {}
    for card in explanation.cards:
        if card.evidence is not None:
            owners.setdefault(card.evidence.sentence, []).append(card)
    shown = _shown(explanation, sorted(owners))
    view: list[Sentence | Gap] = []
    last = -1
    for at in [*shown, len(spans)]:
        if at > last + 1:
            skipped = spans[last + 1 : at]
            words = sum(len(span.of(text).split()) for span in skipped)
            view.append(Gap(len(skipped), words))
        if at < len(spans):
            before = text[spans[at - 1].end if at else 0 : spans[at].start]
            # Space is shown as written, but not a page of it.
            before = "\n" * min(before.count("\n"), 2) or " " * bool(before)
            view.append(Sentence(at, before, spans[at].of(text), tuple(owners.get(at, ()))))
        last = at
    return view


def sentence_parts(explanation: Explanation, card: Card) -> tuple[str, str, str]:
    """A card's document sentence before, at and after the pair's answer, if it holds it."""
    assert card.evidence is not None
    text = explanation.sentences[card.evidence.sentence].of(explanation.document)
    start = find_whole_words(text, card.pair.answer)
    if start is None:
        return text, "", ""
    place = Span(start, start + len(card.pair.answer.strip()))
    return text[:start], place.of(text), text[place.end :]


def _shown(explanation: Explanation, relevant: Sequence[int]) -> list[int]:
    count = len(explanation.sentences)
    if len(explanation.document.split()) <= LONGEST_DOCUMENT and count <= LONGEST_DOCUMENT:
        return list(range(count))
    wanted = {i for at in relevant or [0] for i in range(at - NEIGHBOURS, at + NEIGHBOURS + 1)}
    return sorted(i for i in wanted if 0 <= i < count)


def _window_note(explanation: Explanation) -> list[str]:
    view = document_view(explanation)
    left_out = sum(part.words for part in view if isinstance(part, Gap))
    if not left_out:
        return []
    total = len(explanation.document.split())
    return [
        f"The document has {total:,} words. The page shows the sentences around those that belong "
        f"to a pair and leaves out {left_out:,} words."
    ]


def _printable(value: object) -> object:
    """Text as it may stand in HTML; `Markup` (a macro's output) has been through here."""
    return wording.printable(value) if type(value) is str else value
