"""What is the smallest change that makes a true summary false? One edit of each kind, checked.

An edit replaces a stated value, exchanges two, or denies the event; nothing else of the text
changes. The control is a paraphrase: other words that state the same.
"""

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

from quals.testbed.events import EventType
from quals.testbed.grammar import Choice, Sequence
from quals.testbed.lexicon import KINDS
from quals.testbed.news import Noise, Told, error_of, write_summary
from quals.testbed.truth import judge
from quals.testbed.world import Story

EDITS = ("entity", "number", "date", "role", "negation")
SILENT = Noise(preference_kinds=[], preference_share=0.0, prior_share=0.0, swap_share=0.0)


@dataclass(frozen=True)
class Contrast:
    """A true summary, the same in other words if any were found, and its edits by kind."""

    original: str
    paraphrase: str | None
    edits: dict[str, str]


def contrast(
    story: Story, style: str, article: str, rng: random.Random, *, drafts: int, tries: int
) -> Contrast | None:
    """Edits of a freshly written summary of the main event; None if the oracle doubts it.

    Of `drafts` summaries the one that most kinds of edit have a place in is taken. Every edit has
    exactly the one error that it is named after; a kind without a place is left out. A wrong value
    is the distractor's where the article states one, so that it is a name from the text, and else
    from the same pool. `tries` bounds the search for other words.
    """
    written = (write_summary(story, style, SILENT, rng) for _ in range(drafts))
    told = max(written, key=lambda draft: len(_possible(draft)))
    if not judge(told.text, story, article).consistent:
        return None
    edits = {}
    for kind in EDITS:
        for text in _edited(told, story, kind, rng):
            if text != told.text and judge(text, story, article).errors == (kind,):
                edits[kind] = text
                break
    return Contrast(told.text, _paraphrase(told, story, style, article, rng, tries), edits)


def _possible(told: Told) -> set[str]:
    """The kinds of edit that a summary has a place for, denial apart: there is one in each."""
    kind, stated = told.event.type, told.event.values
    found = {error_of(kind, role) for role in stated}
    exchanged = kind.exchange is not None and set(kind.exchange) <= stated.keys()
    return found | {"role"} if exchanged else found


def _paraphrase(
    told: Told, story: Story, style: str, article: str, rng: random.Random, tries: int
) -> str | None:
    """Another wording that states the same roles with the same values."""
    for _ in range(tries):
        other = write_summary(story, style, SILENT, rng)
        if other.event.values == told.event.values and other.text != told.text:
            return other.text if judge(other.text, story, article).consistent else None
    return None


def _edited(told: Told, story: Story, kind: str, rng: random.Random) -> Iterator[str]:
    """Edits to try, the preferred ones first."""
    if kind == "role":
        return _exchanged(told)
    if kind == "negation":
        return _denied(told.text, told.event.type)
    return _replaced(told, story, kind, rng)


def _replaced(told: Told, story: Story, kind: str, rng: random.Random) -> Iterator[str]:
    event_type, stated = told.event.type, told.event.values
    roles = sorted(role for role in stated if error_of(event_type, role) == kind)
    rng.shuffle(roles)
    for role in roles:
        value = story.events[-1].values.get(role) or stated[role]
        while value in story.main.values.values():  # nor another role's value: that is `role`
            value = KINDS[event_type.roles[role]].draw(rng)
        yield replace_values(told.text, {stated[role]: value})


def _exchanged(told: Told) -> Iterator[str]:
    exchange = told.event.type.exchange
    if exchange and set(exchange) <= told.event.values.keys():
        one, other = (told.event.values[role] for role in exchange)
        yield replace_values(told.text, {one: other, other: one})


def _denied(text: str, event_type: EventType) -> Iterator[str]:
    """The text with a verb of its event type negated; like verbs are tried first."""
    for verb in _verbs(event_type):
        pairs = product(enumerate(verb.options[: verb.negated_from]), enumerate(_denials(verb)))
        for (_, affirmed), (_, denied) in sorted(pairs, key=lambda p: abs(p[0][0] - p[1][0])):
            for match in re.finditer(rf"(?<!\w){re.escape(_literal(affirmed))}(?!\w)", text):
                yield text[: match.start()] + _literal(denied) + text[match.end() :]


def _verbs(event_type: EventType) -> list[Choice]:
    """The places of the event type's openings that affirm or deny."""
    return [
        node
        for template in (*event_type.reports, *event_type.digests)
        for node in template.sequence
        if isinstance(node, Choice) and node.negated_from is not None
    ]


def _denials(verb: Choice) -> tuple[Sequence, ...]:
    return verb.options[verb.negated_from :]


def _literal(option: Sequence) -> str:
    return "".join(part for part in option if isinstance(part, str))


def replace_values(text: str, values: dict[str, str]) -> str:
    """The text with some values replaced, all at once, where they stand in whole words."""
    longest_first = sorted(values, key=len, reverse=True)
    pattern = "|".join(
        rf"(?<!\w)(?<!\d[.,]){re.escape(value)}(?!\w)(?![.,]\d)" for value in longest_first
    )
    return re.sub(pattern, lambda match: values[match[0]], text)
