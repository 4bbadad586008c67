"""Where do the marks of a pair's chart lie? Token probabilities as coordinates, in pixels."""

import math
from dataclasses import dataclass

from quals.explain.evidence import Card
from quals.explain.wording import is_gap, probability, token_name

COLUMN, LEFT, RIGHT = 24, 34, 12
TOP, HEIGHT, LABELS = 30, 130, 76
LONGEST_LABEL = 12
# Room for what a reader gets on pointing at a token, whose letters are at most about so wide.
NARROWEST, LETTER = 260, 8


@dataclass(frozen=True)
class Column:
    """One token: its place, its two marks, and the words that a reader gets on pointing at it."""

    x: float
    summary_y: float
    document_y: float
    label: str
    part: str
    gap: bool
    counted: bool
    title: str
    readout: str
    readout_x: float


@dataclass(frozen=True)
class Row:
    """One token as a line of the table."""

    token: str
    part: str
    summary: str
    document: str
    factor: str
    gap: bool
    counted: bool


@dataclass(frozen=True)
class Chart:
    """Everything that the drawing needs; `answer_x` parts question from answer."""

    width: int
    height: int
    columns: tuple[Column, ...]
    answer_x: float
    summary_line: str
    document_line: str


def y_of(probability: float) -> float:
    """The height of a probability on the canvas: 1 is at the top."""
    return TOP + HEIGHT * (1 - probability)


def draw(card: Card) -> Chart:
    """The chart of a pair, question first, one column per token."""
    pair = card.pair
    size = len(pair.tokens)
    width = max(LEFT + COLUMN * size + RIGHT, NARROWEST)
    columns = []
    for at in range(size):
        name = shortened(token_name(card, at))
        before, after = pair.summary_logprobs[at], pair.document_logprobs[at]
        x = LEFT + COLUMN * (at + 0.5)
        readout = f"{name}: \u25cf {probability(before)}  \u25a0 {probability(after)}"
        half = LETTER * len(readout) / 2
        columns.append(
            Column(
                x=x,
                summary_y=round(y_of(math.exp(min(before, 0))), 1),
                document_y=round(y_of(math.exp(min(after, 0))), 1),
                label=name,
                part=part(card, at),
                gap=is_gap(card, at),
                counted=at in card.counted,
                title=f"{name}: summary {probability(before)}, document {probability(after)}",
                readout=readout,
                readout_x=min(max(x, half), width - half),
            )
        )
    return Chart(
        width=width,
        height=TOP + HEIGHT + LABELS,
        columns=tuple(columns),
        answer_x=LEFT + COLUMN * pair.answer_at,
        summary_line=" ".join(f"{c.x:g},{c.summary_y:g}" for c in columns),
        document_line=" ".join(f"{c.x:g},{c.document_y:g}" for c in columns),
    )


def table(card: Card) -> tuple[Row, ...]:
    """The numbers of the chart, one row per token."""
    pair = card.pair
    return tuple(
        Row(
            token=token_name(card, at),
            part=part(card, at),
            summary=probability(before),
            document=probability(after),
            factor=probability(min(after - before, 700)),
            gap=is_gap(card, at),
            counted=at in card.counted,
        )
        for at, (before, after) in enumerate(
            zip(pair.summary_logprobs, pair.document_logprobs, strict=True)
        )
    )


def part(card: Card, at: int) -> str:
    """Which part of the pair a token belongs to."""
    if card.pair.answer_at <= at < len(card.pair.tokens) - 1:
        return "answer"
    return "question" if at < card.pair.answer_at - 1 else "mark"


def shortened(name: str) -> str:
    return name if len(name) <= LONGEST_LABEL else name[: LONGEST_LABEL - 1] + "\u2026"
