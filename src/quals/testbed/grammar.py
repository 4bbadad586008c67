"""How are sentences written and read back? One template language serves both directions.

    {role}              a slot, filled with the value of that role
    [a|b|]              alternatives, which may hold slots or be empty
    <a|b/c|d>           the verb: affirmed (a, b) or negated (c, d)
    %                   the event type's modifiers, any number in any order

Because the reader accepts every alternative and every order of modifiers, a model may combine
wordings that no article used and is still understood.
"""

import random
import re
from dataclasses import dataclass
from functools import cached_property

_TOKEN = re.compile(r"[{}\[\]<>|/%]|[^{}\[\]<>|/%]+")


@dataclass(frozen=True)
class Slot:
    role: str


@dataclass(frozen=True)
class Choice:
    """Alternatives; those from `negated_from` on negate the sentence (None: no polarity)."""

    options: tuple["Sequence", ...]
    negated_from: int | None = None

    @cached_property
    def states(self) -> tuple[tuple[set[str], set[str]], ...]:
        """For each option the roles that it may state and those that it must."""
        return tuple((slots(option), required_slots(option)) for option in self.options)


@dataclass(frozen=True)
class Modifiers:
    pass


Sequence = tuple["str | Slot | Choice | Modifiers", ...]


def parse_template(text: str) -> Sequence:
    """The template as nested nodes; unbalanced brackets raise `ValueError`."""
    return _sequence(_TOKEN.findall(text), 0, closing="")[0]


def _sequence(tokens: list[str], at: int, closing: str) -> tuple[Sequence, int]:
    nodes: list[str | Slot | Choice | Modifiers] = []
    while at < len(tokens) and not (closing and tokens[at] in closing):
        token = tokens[at]
        if token == "{" and tokens[at + 2 : at + 3] == ["}"]:
            nodes.append(Slot(tokens[at + 1]))
            at += 3
        elif token in "[<":
            choice, at = _choice(tokens, at + 1, end="]" if token == "[" else ">")
            nodes.append(choice)
        elif token == "%":
            nodes.append(Modifiers())
            at += 1
        elif token in "{}]>|/":
            raise ValueError(f"unbalanced {token} in the template {''.join(tokens)}")
        else:
            nodes.append(token)
            at += 1
    return tuple(nodes), at


def _choice(tokens: list[str], at: int, end: str) -> tuple[Choice, int]:
    options: list[Sequence] = []
    negated_from = None
    while True:
        option, at = _sequence(tokens, at, closing="|/" + end)
        options.append(option)
        if at >= len(tokens):
            raise ValueError(f"a choice is not closed in the template {''.join(tokens)}")
        if tokens[at] == "/":
            negated_from = len(options)
        at += 1
        if tokens[at - 1] == end:
            return Choice(tuple(options), negated_from), at


def slots(sequence: Sequence) -> set[str]:
    """Every role that the sequence may state."""
    found: set[str] = set()
    for node in sequence:
        if isinstance(node, Slot):
            found.add(node.role)
        elif isinstance(node, Choice):
            found.update(*(slots(option) for option in node.options))
    return found


def required_slots(sequence: Sequence) -> set[str]:
    """The roles that every wording of the sequence states."""
    found: set[str] = set()
    for node in sequence:
        if isinstance(node, Slot):
            found.add(node.role)
        elif isinstance(node, Choice):
            found |= set.intersection(*(required_slots(option) for option in node.options))
    return found


def render(
    sequence: Sequence,
    values: dict[str, str],
    rng: random.Random,
    *,
    modifiers: tuple["Template", ...] = (),
    negated: bool = False,
) -> str:
    """One wording that states as many of `values` as the sequence has places for.

    The values that the core has no slot for go into modifiers, in random order.
    """
    parts = []
    for node in sequence:
        if isinstance(node, Slot):
            parts.append(values[node.role])
        elif isinstance(node, Modifiers):
            stated = values.keys() - slots(sequence)
            loose = [m for m in modifiers if m.slots <= stated]
            rng.shuffle(loose)
            parts += [render(m.sequence, values, rng) for m in loose]
        elif isinstance(node, Choice):
            parts.append(render(_pick(node, values, rng, negated), values, rng, negated=negated))
        else:
            parts.append(node)
    return "".join(parts)


def _pick(choice: Choice, values: dict[str, str], rng: random.Random, negated: bool) -> Sequence:
    options = list(zip(choice.options, choice.states, strict=True))
    if choice.negated_from is not None:
        cut = choice.negated_from
        options = options[cut:] if negated else options[:cut]
    possible = [(o, len(may)) for o, (may, must) in options if must <= values.keys()]
    most = max(count for _, count in possible)
    return rng.choice([option for option, count in possible if count == most])


@dataclass(frozen=True)
class Template:
    """A template with the regular expressions that read it back."""

    text: str

    @cached_property
    def sequence(self) -> Sequence:
        return parse_template(self.text)

    @cached_property
    def slots(self) -> set[str]:
        return slots(self.sequence)

    @cached_property
    def required(self) -> set[str]:
        return required_slots(self.sequence)

    @cached_property
    def keywords(self) -> tuple[tuple[str, ...], ...]:
        """Literals to look for before the costly match: of each entry one must be present."""
        found = []
        for node in self.sequence:
            if isinstance(node, str) and len(node.strip()) > 3:
                found.append((node,))
            elif isinstance(node, Choice):
                literals = tuple(
                    max((part for part in option if isinstance(part, str)), key=len, default="")
                    for option in node.options
                )
                if all(literals):
                    found.append(literals)
        return tuple(found)

    def may_match(self, sentence: str) -> bool:
        """A cheap necessary condition for `pattern` to match."""
        return all(any(word in sentence for word in entry) for entry in self.keywords)

    def pattern(self, kinds: dict[str, str], modifiers: tuple["Template", ...]) -> re.Pattern[str]:
        """Groups: one per slot `role`, `_not` where the verb is negated, `_modifiers`.

        `kinds` maps each role to the regular expression of its values.
        """
        loose = "|".join(_expression(m.sequence, kinds, "", named=False) for m in modifiers)
        return re.compile(_expression(self.sequence, kinds, loose, named=True))


def _expression(sequence: Sequence, kinds: dict[str, str], loose: str, *, named: bool) -> str:
    parts = []
    for node in sequence:
        if isinstance(node, Slot):
            kind = kinds[node.role]
            parts.append(f"(?P<{node.role}>{kind})" if named else f"(?:{kind})")
        elif isinstance(node, Modifiers):
            parts.append(f"(?P<_modifiers>(?:{loose})*)" if loose else "(?P<_modifiers>)")
        elif isinstance(node, Choice):
            parts.append(_alternatives(node, kinds, named))
        else:
            parts.append(re.escape(node))
    return "".join(parts)


def _alternatives(choice: Choice, kinds: dict[str, str], named: bool) -> str:
    options = [_expression(option, kinds, "", named=named) for option in choice.options]
    if choice.negated_from is None or not named:
        return f"(?:{'|'.join(options)})"
    cut = choice.negated_from
    return f"(?:{'|'.join(options[:cut])}|(?P<_not>{'|'.join(options[cut:])}))"
