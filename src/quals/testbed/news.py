"""How is a story told? Articles, noisy reference summaries in two styles, questions."""

import random
from dataclasses import dataclass

from quals.params import Section, Share
from quals.testbed.events import EventType
from quals.testbed.grammar import Template, render
from quals.testbed.lexicon import KINDS, Kind
from quals.testbed.world import Event, Story

# A distractor's opening carries a cue, or no reader could know which event is the main one.
CUES = ("Elsewhere, ", "In other news, ", "Separately, ")
BACKGROUND = tuple(
    Template(line)
    for line in (
        "Nobody was available for comment.",
        "Reporters were told that more news would follow.",
        "Shops nearby stayed open all day.",
        "People on the streets said they were surprised.",
        "The police made no statement.",
        "Local radio had reported the story first.",
        "Officials promised a full report within weeks.",
        "Few people had expected the news.",
    )
)
NUMBER_LABELS = {"CARDINAL", "MONEY", "PERCENT", "TIME"}


class Noise(Section):
    """How reference summaries of a style go wrong.

    `preference_kinds` add an aside with chance `preference_share` whether or not the article
    states it; an invented aside takes the kind's habitual value with chance `prior_share`.
    `swap_share` of the references without an invented aside carry one intrinsic error.
    """

    preference_kinds: list[str]
    preference_share: Share
    prior_share: Share
    swap_share: Share


@dataclass(frozen=True)
class Told:
    """A summary's text with what it states, and the error put into it, if any."""

    text: str
    event: Event
    negated: bool
    error: str | None


def habitual(event_type: EventType) -> str:
    """The aside that writers add without looking: always the same one for an event type."""
    return KINDS[event_type.roles[event_type.aside]].draw(random.Random(event_type.name))


def write_article(story: Story, rng: random.Random) -> str:
    """The main event among background sentences; the distractor closes, as a round-up does.

    Distractors in between would be fair too, yet small networks then take ten times as long to
    learn which names belong together.
    """
    blocks = [[sentence] for sentence in _background(rng)]
    blocks.insert(rng.choice((0, 0, 1, len(blocks))), _tell(story.main, rng, cue=""))
    blocks += [_tell(event, rng, cue=rng.choice(CUES)) for event in story.events[1:]]
    return " ".join(sentence for block in blocks for sentence in block)


def _background(rng: random.Random) -> list[str]:
    chosen = rng.sample(BACKGROUND, rng.choice((1, 2)))
    return [
        render(
            template.sequence, {role: KINDS[role].draw(rng) for role in sorted(template.slots)}, rng
        )
        for template in chosen
    ]


def _tell(event: Event, rng: random.Random, *, cue: str) -> list[str]:
    """An opening and the details that state all roles of the event.

    A distractor (it has a cue) is told in a single sentence: a detail that stands alone is always
    about the main event, as in real news.
    """
    loose = len(event.values) if cue else rng.choice((0, 1, 2))
    opening, rest = _open(event, event.type.reports, rng, loose=loose)
    details = [_detail(event, role, rng) for role in rest]
    rng.shuffle(details)
    if cue and not opening.startswith(tuple(event.values.values())):
        opening = opening[0].lower() + opening[1:]  # "Elsewhere, a sentence ...", but names stay
    return [cue + opening, *details]


def _open(
    event: Event,
    templates: tuple[Template, ...],
    rng: random.Random,
    *,
    loose: int,
    always: set[str] = frozenset(),
    negated: bool = False,
) -> tuple[str, list[str]]:
    """An opening that states its own roles, `always`, and up to `loose` more; the roles left."""
    template = rng.choice([t for t in templates if t.required <= event.values.keys()])
    optional = [r for r in event.values if r not in template.slots]
    free = [r for r in optional if r not in always]
    chosen = set(rng.sample(free, min(loose, len(free)))) | always
    stated = {r: v for r, v in event.values.items() if r in template.slots or r in chosen}
    text = render(template.sequence, stated, rng, modifiers=event.type.modifiers, negated=negated)
    return text, [role for role in optional if role not in chosen]


def _detail(event: Event, role: str, rng: random.Random) -> str:
    template = rng.choice([t for t in event.type.details if t.slots == {role}])
    return render(template.sequence, event.values, rng)


def write_summary(story: Story, style: str, noise: Noise, rng: random.Random) -> Told:
    """A reference summary of the main event in the style `xsum` or `cnndm`, with its noise."""
    kind, aside_role = story.main.type, story.main.type.aside
    values = dict(story.main.values)
    true_aside = values.pop(aside_role, None)
    aside = _choose_aside(kind, true_aside, noise, rng)
    always: set[str] = set()
    negated, error = False, None
    if aside is not None and aside != true_aside:
        error = "extrinsic" if true_aside is None else error_of(kind, aside_role)
    elif rng.random() < noise.swap_share:
        error = rng.choice(_possible_swaps(kind, values))
        negated = error == "negation"
        changed = _swapped(story, values, error, rng)
        always = {role for role in values if values[role] != changed[role]}
        values = changed
    if aside is not None:
        values[aside_role] = aside
        always.add(aside_role)
    text, stated = _summarize(Event(kind.name, values), style, rng, always, negated=negated)
    return Told(text, Event(kind.name, stated), negated, error)


def _summarize(
    event: Event, style: str, rng: random.Random, always: set[str], *, negated: bool
) -> tuple[str, dict[str, str]]:
    """One abstractive sentence (`xsum`), or a report and one or two details (`cnndm`)."""
    if style == "xsum":
        text, left = _open(
            event,
            event.type.digests,
            rng,
            loose=rng.choice((0, 0, 1)),
            always=always,
            negated=negated,
        )
    elif style == "cnndm":
        opening, left = _open(event, event.type.reports, rng, loose=0, negated=negated)
        rng.shuffle(left)
        left.sort(key=lambda role: role not in always)  # what must be stated comes first
        kept = left[: max(rng.choice((1, 2)), sum(role in always for role in left))]
        rng.shuffle(kept)
        kept.sort(key=lambda role: role == event.type.aside)  # what writers add stands last
        text = " ".join([opening, *(_detail(event, role, rng) for role in kept)])
        left = [role for role in left if role not in kept]
    else:
        raise ValueError(f"no summary style is called '{style}'")
    return text, {role: value for role, value in event.values.items() if role not in left}


def _choose_aside(
    kind: EventType, true_aside: str | None, noise: Noise, rng: random.Random
) -> str | None:
    if kind.name not in noise.preference_kinds:
        return true_aside if rng.random() < 0.3 else None
    if rng.random() >= noise.preference_share:
        return None
    if true_aside is not None:
        return true_aside
    return habitual(kind) if rng.random() < noise.prior_share else _pool(kind, kind.aside).draw(rng)


def _pool(kind: EventType, role: str) -> Kind:
    return KINDS[kind.roles[role]]


def error_of(kind: EventType, role: str) -> str:
    """What a wrong value of the role is called."""
    label = _pool(kind, role).label
    return "date" if label == "DATE" else "number" if label in NUMBER_LABELS else "entity"


def _possible_swaps(kind: EventType, values: dict[str, str]) -> list[str]:
    found = {error_of(kind, role) for role in values} | {"negation"}
    if kind.exchange and set(kind.exchange) <= values.keys():
        found.add("role")
    return sorted(found)


def _swapped(
    story: Story, values: dict[str, str], error: str, rng: random.Random
) -> dict[str, str]:
    """The values with one intrinsic error: a distractor's value where it has one."""
    kind = story.main.type
    changed = dict(values)
    if error == "role":
        one, other = kind.exchange
        changed[one], changed[other] = values[other], values[one]
    elif error != "negation":
        role = rng.choice(sorted(r for r in values if error_of(kind, r) == error))
        changed[role] = rng.choice(story.events[1:]).values.get(role) or values[role]
        while changed[role] in values.values():  # nor a value of another role: that is `role`
            changed[role] = _pool(kind, role).draw(rng)
    return changed


def ask(
    event: Event, rng: random.Random, most: int, *, negated: bool = False
) -> list[tuple[str, str]]:
    """Up to `most` (question, answer) pairs, each question tied to the event by a stated role.

    Distinct forms; a form is used only where the text states its anchors and its answer.
    """
    forms = [
        form
        for form in event.type.questions
        if form.role in event.values
        and form.template.required <= event.values.keys()
        and (form.negated == negated or form.role not in event.type.core)
    ]
    chosen = rng.sample(forms, min(most, len(forms)))
    return [
        (render(form.template.sequence, event.values, rng), event.values[form.role])
        for form in chosen
    ]


def ask_in_vain(story: Story, rng: random.Random) -> str | None:
    """A question that the article does not answer, or None if it happens to state everything.

    Half ask a stated event for a role that is left out; half ask for an event that is not there.
    """
    event = rng.choice(story.events)
    kind = event.type
    missing = [f for f in kind.questions if f.role not in event.values and not f.negated]
    if missing and rng.random() < 0.5:
        form = rng.choice(missing)
        if form.template.required <= event.values.keys():
            return render(form.template.sequence, event.values, rng)
    form = rng.choice([f for f in kind.questions if not f.negated])
    known = {value for e in story.events for value in e.values.values()}
    # In order: the draws would follow Python's hash seed, which differs from run to run.
    values = {role: _pool(kind, role).draw(rng) for role in sorted(form.template.slots)}
    if any(value in known for value in values.values()):
        return None
    return render(form.template.sequence, values, rng)
