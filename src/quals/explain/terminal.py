"""What does an explanation look like in a terminal? Plain text, worst pair first."""

import textwrap

from quals.explain import wording
from quals.explain.chart import table
from quals.explain.evidence import Card, Explanation

# Bars of ten signs, where a line has room for them.
BAR, ROOMY = 10, 64


def render(explanation: Explanation, width: int = 80) -> str:
    """The explanation in lines of at most `width` columns, where words allow."""
    lines = [
        f"QUALS {'-' if explanation.quals is None else wording.signed(explanation.quals)}",
        *_wrapped(wording.meaning(explanation), width),
    ]
    for note in explanation.notes:
        lines += _wrapped(f"Note: {note}", width)
    lines += ["", "Summary", *_wrapped(_with_numbers(explanation), width, indent=2)]
    for card in explanation.cards:
        lines += ["", *_card(explanation, card, width)]
    if explanation.cards:
        lines += ["", *_wrapped(wording.RULE, width)]
    return "\n".join(lines) + "\n"


def _with_numbers(explanation: Explanation) -> str:
    """The summary with each pair's number behind its answer, such as "[2]"."""
    text = explanation.summary
    placed = [(c.place.end, c.number) for c in explanation.cards if c.place is not None]
    for end, number in sorted(placed, key=lambda at: (-at[0], -at[1])):
        text = f"{text[:end]}[{number}]{text[end:]}"
    return text


def _card(explanation: Explanation, card: Card, width: int) -> list[str]:
    pair = card.pair
    lines = [
        f"[{card.number}] {wording.signed(card.score)}  {wording.verdict(card)}",
        *_wrapped(f"Question: {pair.question}", width, indent=4),
        *_wrapped(f"Answer:   {pair.answer}", width, indent=4),
        *_wrapped(wording.drop(card), width, indent=4),
        # Ten tables of like numbers would hide the ones that matter.
        *([] if card.supported else _tokens(card, width)),
        *_wrapped(f"{wording.closest_sentence(card)}:", width, indent=4),
    ]
    if card.evidence is not None:
        sentence = explanation.sentences[card.evidence.sentence].of(explanation.document)
        lines += _wrapped(sentence, width, indent=6)
    return lines


def _tokens(card: Card, width: int) -> list[str]:
    """A line per token: its probability under summary and document, each with a bar."""
    bar = BAR if width >= ROOMY else 0
    rows = table(card)
    names = [wording.printable(row.token) for row in rows]
    # Indent, and two columns of a number and a bar with spaces around them, and the sign of a gap.
    room = max(8, width - 4 - 2 * (bar + 10) - 3)
    longest = min(room, max(8, *map(len, names)))
    lines = [f"    {'token':<{longest}}  {'summary':<{bar + 8}}  document"]
    for name, row in zip(names, rows, strict=True):
        short = name if len(name) <= longest else name[: longest - 1] + "\u2026"
        columns = [f"{value:>7} {_bar(value, bar)}" for value in (row.summary, row.document)]
        line = f"    {short:<{longest}}  {'  '.join(columns)}{'  <' if row.gap else ''}"
        lines.append(line.rstrip())
    return lines


def _bar(value: str, size: int) -> str:
    filled = 0 if value.startswith("<") else round(float(value) * size)
    return "#" * filled + "." * (size - filled)


def _wrapped(text: str, width: int, *, indent: int = 0) -> list[str]:
    pad = " " * indent
    return textwrap.wrap(
        wording.printable(text), max(width, 20), initial_indent=pad, subsequent_indent=pad
    )
