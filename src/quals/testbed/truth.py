"""Is a text true of its article? The oracle reads sentences back and checks what they state."""

import re
from dataclasses import dataclass
from functools import cache

from quals.testbed.events import EVENT_TYPES, EventType, QuestionForm
from quals.testbed.lexicon import KINDS
from quals.testbed.news import BACKGROUND, CUES, error_of
from quals.testbed.world import Event, Story
from quals.text import sentences

# The first that applies names the error of a text with several.
ERRORS = ("unparsed", "negation", "role", "entity", "number", "date", "extrinsic")


@dataclass(frozen=True)
class Statement:
    """What one sentence says. An opening may start a new event; a detail continues the last."""

    kind: str
    opens: bool
    values: tuple[tuple[str, str], ...]  # a role may occur twice in a model's sentence
    negated: bool


@dataclass(frozen=True)
class Verdict:
    """`errors` lists every kind of error found, in the order of `ERRORS`; empty = consistent."""

    errors: tuple[str, ...]

    @property
    def consistent(self) -> bool:
        return not self.errors

    @property
    def error(self) -> str | None:
        return self.errors[0] if self.errors else None


@cache
def _sentence_readers() -> tuple[tuple, ...]:
    readers = []
    for kind in EVENT_TYPES.values():
        for opens, templates in ((True, kind.reports + kind.digests), (False, kind.details)):
            for template in templates:
                readers.append(
                    (kind, opens, template, template.pattern(kind.expressions, kind.modifiers))
                )
    return tuple(readers)


@cache
def _modifier_readers(kind_name: str) -> tuple[re.Pattern[str], ...]:
    kind = EVENT_TYPES[kind_name]
    return tuple(m.pattern(kind.expressions, ()) for m in kind.modifiers)


@cache
def _background_readers() -> tuple[re.Pattern[str], ...]:
    expressions = {name: pool.expression for name, pool in KINDS.items()}
    return tuple(template.pattern(expressions, ()) for template in BACKGROUND)


def read_sentence(sentence: str) -> list[Statement]:
    """Every reading of the sentence; none if the grammar has no place for it.

    Details such as "{person} will lead the repairs" can belong to one event type only, yet two
    types may share a wording, so that the reader returns all and the judge takes the best.
    """
    for cue in CUES:
        if sentence.startswith(cue):
            sentence = sentence[len(cue) :]
            sentence = sentence[:1].upper() + sentence[1:]
    found = []
    for kind, opens, template, pattern in _sentence_readers():
        if not template.may_match(sentence) or not (match := pattern.fullmatch(sentence)):
            continue
        groups = match.groupdict()
        negated = groups.pop("_not", None) is not None
        loose = groups.pop("_modifiers", None) or ""
        values = [(role, value) for role, value in groups.items() if value is not None]
        values += _read_modifiers(kind.name, loose)
        found.append(Statement(kind.name, opens, tuple(values), negated))
    return found


def _read_modifiers(kind_name: str, text: str) -> list[tuple[str, str]]:
    values = []
    while text:
        match = max(
            filter(None, (reader.match(text) for reader in _modifier_readers(kind_name))),
            key=lambda m: m.end(),
        )
        values += [(r, v) for r, v in match.groupdict().items() if v and not r.startswith("_")]
        text = text[match.end() :]
    return values


def judge(text: str, story: Story, article: str) -> Verdict:
    """Whether every statement of the text is true of the article, and if not, in which ways.

    Statements are read in segments: an opening starts one, details continue it, and all of a
    segment must be true of one and the same event of the article. A negated opening is an error
    (articles affirm everything), a background sentence is true where the article has it word for
    word, and a text that cannot be read, or is empty, is `unparsed`.
    """
    errors: set[str] = set()
    segments: list[list[list[Statement]]] = []
    found = sentences(text)
    for sentence in found:
        if any(reader.fullmatch(sentence) for reader in _background_readers()):
            errors |= set() if sentence in article else {"extrinsic"}
            continue
        readings = read_sentence(sentence)
        if not readings:
            errors.add("unparsed")
        elif readings[0].opens or not segments:
            segments.append([readings])
        else:
            segments[-1].append(readings)
    if not found:
        errors.add("unparsed")
    for segment in segments:
        # The event that explains the segment best; the main event comes first and wins ties.
        errors |= min((_errors(segment, event, story) for event in story.events), key=_weight)
    return Verdict(tuple(error for error in ERRORS if error in errors))


def _weight(errors: set[str]) -> int:
    return len(errors)


def _errors(segment: list[list[Statement]], event: Event, story: Story) -> set[str]:
    found: set[str] = set()
    for readings in segment:
        found |= min((_statement_errors(s, event, story) for s in readings), key=len)
    return found


def _statement_errors(statement: Statement, event: Event, story: Story) -> set[str]:
    if statement.kind != event.kind:
        return {"unparsed"} if not statement.opens else {"extrinsic", "entity"}
    kind = event.type
    errors = {"negation"} if statement.negated else set()
    wrong = [(r, v) for r, v in statement.values if event.values.get(r) != v]
    for role, value in wrong:
        errors.add(_error(kind, role, value, event))
    return errors


def _error(kind: EventType, role: str, value: str, event: Event) -> str:
    if role not in event.values:
        return "extrinsic"
    if kind.exchange and role in kind.exchange:
        other = kind.exchange[1 - kind.exchange.index(role)]
        if event.values.get(other) == value:
            return "role"
    return error_of(kind, role)


@cache
def _question_readers() -> tuple[tuple[EventType, QuestionForm, re.Pattern[str]], ...]:
    return tuple(
        (kind, form, form.template.pattern(kind.expressions, ()))
        for kind in EVENT_TYPES.values()
        for form in kind.questions
    )


def judge_answer(question: str, answer: str, events: tuple[Event, ...]) -> bool | None:
    """Whether the answer is right of the events' text; None if the question cannot be read.

    A question is about the events whose stated roles match its anchors; it is answered rightly
    if one of them has the answer in the role asked for.
    """
    readable = False
    for kind, form, pattern in _question_readers():
        if not form.template.may_match(question) or not (match := pattern.fullmatch(question)):
            continue
        readable = True
        anchors = {role: value for role, value in match.groupdict().items() if value}
        for event in events:
            matches = event.kind == kind.name and anchors.items() <= event.values.items()
            if matches and event.values.get(form.role) == answer:
                return True
    return False if readable else None
