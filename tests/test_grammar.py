"""Whatever the grammar writes, it reads back: every wording of every template."""

import random
from itertools import permutations, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quals.testbed.events import EVENT_TYPES
from quals.testbed.grammar import (
    Choice,
    Slot,
    Template,
    parse_template,
    render,
    required_slots,
    slots,
)
from quals.testbed.truth import read_sentence
from quals.testbed.world import draw_event

KINDS = sorted(EVENT_TYPES)
SAMPLE = "{who} <ran|walked/did not run> [far|] to {place}[ on {day}|]%."
MODIFIERS = (Template(" in {hours} hours"), Template(" [with|beside] {friend}"))


def wordings(sequence, values, negated=False, loose=""):
    """Every (text, stated roles) that a sequence allows, by plain expansion."""
    found = [("", {})]
    for node in sequence:
        if isinstance(node, str):
            ways = [(node, {})]
        elif isinstance(node, Slot):
            ways = [(values[node.role], {node.role: values[node.role]})]
        elif isinstance(node, Choice):
            options = node.options
            if node.negated_from is not None:
                cut = node.negated_from
                options = options[cut:] if negated else options[:cut]
            ways = [way for option in options for way in wordings(option, values)]
        else:
            ways = [(loose, {})]
        found = [(a + b, {**x, **y}) for (a, x), (b, y) in product(found, ways)]
    return found


def openings(kind):
    return (*kind.reports, *kind.digests)


def is_read(text, kind, opens, stated, negated):
    """Whether one reading of the sentence states exactly this."""
    return any(
        (reading.kind, reading.opens, reading.negated) == (kind.name, opens, negated)
        and set(reading.values) == set(stated.items())
        for reading in read_sentence(text)
    )


@pytest.fixture(params=KINDS)
def kind(request):
    return EVENT_TYPES[request.param]


@pytest.fixture
def values(kind):
    return draw_event(random.Random(5), kind.name, "train")


@pytest.mark.parametrize("negated", [False, True])
def test_every_wording_of_an_opening_is_read_as_meant(kind, values, negated):
    for template in openings(kind):
        for text, stated in wordings(template.sequence, values, negated):
            assert is_read(text, kind, True, stated, negated), text


def test_every_wording_of_a_detail_is_read_as_meant(kind, values):
    for template in kind.details:
        for text, stated in wordings(template.sequence, values):
            assert is_read(text, kind, False, stated, False), text


def test_modifiers_are_read_in_every_number_wording_and_order(kind, values):
    ways = [wordings(modifier.sequence, values) for modifier in kind.modifiers]
    for template in openings(kind):
        for size in range(len(ways) + 1):
            for order in permutations(ways, size):
                for turn in range(2):
                    chosen = [way[turn % len(way)] for way in order]
                    loose = "".join(text for text, _ in chosen)
                    text, stated = wordings(template.sequence, values, loose=loose)[-1]
                    added = {role: v for _, roles in chosen for role, v in roles.items()}
                    assert is_read(text, kind, True, {**stated, **added}, False), text


def test_a_repeated_modifier_states_its_role_twice(kind, values):
    others = draw_event(random.Random(6), kind.name, "train", (values,))
    modifier = kind.modifiers[-1]
    (role,) = modifier.slots
    loose = "".join(wordings(modifier.sequence, v)[0][0] for v in (values, others))
    text, _ = wordings(openings(kind)[0].sequence, values, loose=loose)[0]
    assert {(role, values[role]), (role, others[role])} <= set(read_sentence(text)[0].values)


def test_every_wording_of_a_question_is_read_by_its_own_form(kind, values):
    for form in kind.questions:
        pattern = form.template.pattern(kind.expressions, ())
        for text, stated in wordings(form.template.sequence, values):
            assert form.template.may_match(text)
            found = pattern.fullmatch(text)
            assert found, text
            assert {role: v for role, v in found.groupdict().items() if v} == stated


def test_a_question_never_gives_its_answer_away(kind):
    assert all(form.role not in form.template.slots for form in kind.questions)


def test_every_role_can_be_stated_and_asked_for(kind):
    optional = set(kind.roles) - kind.core
    assert optional <= {role for modifier in kind.modifiers for role in modifier.slots}
    assert optional <= {role for detail in kind.details for role in detail.slots}
    assert set(kind.roles) == {form.role for form in kind.questions}


@given(st.sampled_from(KINDS), st.integers(0, 10**6), st.booleans(), st.data())
def test_rendering_states_all_values_it_has_places_for(name, seed, negated, data):
    kind, rng = EVENT_TYPES[name], random.Random(seed)
    template = data.draw(st.sampled_from(openings(kind)))
    everything = draw_event(rng, name, "train")
    kept = template.required | data.draw(st.sets(st.sampled_from(sorted(kind.roles))))
    values = {role: value for role, value in everything.items() if role in kept}
    text = render(template.sequence, values, rng, modifiers=kind.modifiers, negated=negated)
    has_place = template.slots | {role for m in kind.modifiers for role in m.slots}
    stated = {role: value for role, value in values.items() if role in has_place}
    assert is_read(text, kind, True, stated, negated), text


@given(st.integers(0, 10**6), st.booleans(), st.sets(st.sampled_from(["day", "hours", "friend"])))
def test_a_rendered_sample_matches_its_own_pattern(seed, negated, extra):
    everything = {"who": "Ada", "place": "Kelby", "day": "Monday", "hours": "3", "friend": "Ivan"}
    values = {r: v for r, v in everything.items() if r in {"who", "place", *extra}}
    template = Template(SAMPLE)
    text = render(
        template.sequence, values, random.Random(seed), modifiers=MODIFIERS, negated=negated
    )
    kinds = dict.fromkeys(everything, "[A-Z][a-z]+|[0-9]")
    match = template.pattern(kinds, MODIFIERS).fullmatch(text)
    assert template.may_match(text)
    assert (match["_not"] is not None) == negated
    assert (match["who"], match["place"], match["day"]) == ("Ada", "Kelby", values.get("day"))
    assert all(v in text for v in values.values())


def test_slots_are_told_apart_into_possible_and_required():
    sequence = parse_template(SAMPLE)
    assert slots(sequence) == {"who", "place", "day"}
    assert required_slots(sequence) == {"who", "place"}


@pytest.mark.parametrize(
    "text",
    ["a [b", "a <b|c", "a b]", "a > b", "{role", "a {", "role}", "a [b|<c]", "a | b", "a / b"],
)
def test_unbalanced_templates_raise(text):
    with pytest.raises(ValueError, match=r"unbalanced|closed"):
        parse_template(text)


@pytest.mark.parametrize(
    "sentence",
    [
        "",
        "Albion Rovers beat Argent United.",
        "Albion Rovers beat Argent United 3-1",
        "Albion Rovers beat Argent United 3-1 in Mars.",
        "Albion Rovers beat Argent United 9-9.",
        "Albion Rovers beat Argent United 3-1 in Marlow on Monday and then went home.",
        "albion rovers beat argent united 3-1.",
        "Albion Rovers Albion Rovers beat Argent United 3-1.",
        "Albion Rovers did not beat and beat Argent United 3-1.",
    ],
)
def test_what_the_grammar_cannot_say_has_no_reading(sentence):
    assert read_sentence(sentence) == []
