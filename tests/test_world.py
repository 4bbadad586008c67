"""The world keeps its splits apart, repeats itself by seed, and errs as often as it is told to."""

import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quals.testbed.events import EVENT_TYPES
from quals.testbed.lexicon import KINDS
from quals.testbed.news import Noise, ask, ask_in_vain, habitual, write_article, write_summary
from quals.testbed.truth import ERRORS
from quals.testbed.world import SPLIT_BUCKETS, Story, bucket, draw_event, draw_story
from quals.text import contains_whole_words, sentences

STYLES = ("xsum", "cnndm")
FAMILIES = {"sport", "business", "courts", "politics", "weather", "science", "transport", "health"}
HABITUAL = ("sport", "politics", "health")
NOISE = Noise(
    preference_kinds=list(HABITUAL), preference_share=0.7, prior_share=0.6, swap_share=0.3
)
SILENT = Noise(preference_kinds=[], preference_share=0.0, prior_share=0.0, swap_share=0.0)

seeds = st.integers(0, 10**6)


def draw(seed, split="train", **shares):
    shares = {"detail_share": 0.9, "aside_share": 0.35, **shares}
    return draw_story(random.Random(seed), f"story-{seed}", split, **shares)


def principal_pairs(split, count):
    """The principal pairs of all events that the split's articles state in full."""
    pairs = set()
    for seed in range(count):
        for event in draw(f"{split} {seed}", split).events:
            first, second = list(event.type.roles)[:2]
            if {first, second} <= event.values.keys():
                pairs.add((event.kind, event.values[first], event.values[second]))
    return pairs


def test_there_are_at_least_eight_event_types_of_all_families():
    assert len(EVENT_TYPES) >= 8
    assert set(EVENT_TYPES) >= FAMILIES


def test_every_bucket_belongs_to_exactly_one_split():
    assert sorted(b for buckets in SPLIT_BUCKETS.values() for b in buckets) == list(range(20))


def test_no_principal_pair_occurs_in_two_splits():
    found = {split: principal_pairs(split, 1500) for split in SPLIT_BUCKETS}
    assert all(len(pairs) > 1000 for pairs in found.values())
    assert not found["train"] & found["validation"]
    assert not found["train"] & found["test"]
    assert not found["validation"] & found["test"]


@given(seeds, st.sampled_from(sorted(SPLIT_BUCKETS)), st.sampled_from(sorted(EVENT_TYPES)))
def test_an_event_falls_into_its_own_split(seed, split, kind):
    values = draw_event(random.Random(seed), kind, split)
    assert bucket(kind, values) in SPLIT_BUCKETS[split]
    assert values.keys() == EVENT_TYPES[kind].roles.keys()


def test_all_splits_share_grammar_and_names():
    for split in SPLIT_BUCKETS:
        stories = [draw(f"{split} {seed}", split) for seed in range(600)]
        assert {story.main.kind for story in stories} == set(EVENT_TYPES)
        people = {e.values.get("chief") for s in stories for e in s.events} - {None}
        assert len(people) > 0.7 * len(KINDS["person"].values())


@given(seeds)
def test_no_value_of_a_pool_occurs_twice_in_a_story(seed):
    events = draw(seed, detail_share=1.0, aside_share=1.0).events
    pools = Counter(
        (event.type.roles[role], value) for event in events for role, value in event.values.items()
    )
    assert max(pools.values()) == 1


@given(seeds)
def test_every_text_states_the_core_of_both_events(seed):
    story = draw(seed, detail_share=0.0, aside_share=0.0)
    assert len(story.events) == 2
    assert all(event.kind == story.main.kind for event in story.events)
    assert all(event.values.keys() == event.type.core for event in story.events)


@given(seeds)
def test_a_story_survives_its_row(seed):
    story = draw(seed)
    assert Story.from_row(story.to_row()) == story


@given(seeds, st.sampled_from(STYLES))
def test_the_same_seed_writes_the_same_text(seed, style):
    def everything():
        rng, story = random.Random(seed), draw(seed)
        told = write_summary(story, style, NOISE, rng)
        questions = ask(story.main, rng, 5), ask_in_vain(story, rng)
        return story, told, write_article(story, rng), questions

    assert everything() == everything()


def test_other_seeds_write_other_texts():
    assert len({write_article(draw(seed), random.Random(seed)) for seed in range(300)}) == 300


@given(seeds)
def test_an_article_contains_everything_it_states_in_whole_words(seed):
    story = draw(seed)
    article = write_article(story, random.Random(seed))
    for event in story.events:
        for value in event.values.values():
            assert contains_whole_words(article, value)


@given(seeds, st.sampled_from(STYLES))
def test_a_summary_contains_everything_it_states_in_whole_words(seed, style):
    told = write_summary(draw(seed), style, NOISE, random.Random(seed))
    assert all(contains_whole_words(told.text, value) for value in told.event.values.values())


@given(seeds)
def test_answers_stand_in_their_texts_in_whole_words(seed):
    rng, story = random.Random(seed), draw(seed)
    article = write_article(story, rng)
    told = write_summary(story, "cnndm", NOISE, rng)
    for event in story.events:
        assert all(contains_whole_words(article, answer) for _, answer in ask(event, rng, 30))
    for _, answer in ask(told.event, rng, 30, negated=told.negated):
        assert contains_whole_words(told.text, answer)


@given(seeds)
def test_summaries_have_the_shape_of_their_style(seed):
    story = draw(seed)
    short, long = (write_summary(story, style, NOISE, random.Random(seed)).text for style in STYLES)
    assert len(sentences(short)) == 1
    assert 2 <= len(sentences(long)) <= 3


def test_an_unknown_style_is_refused():
    with pytest.raises(ValueError, match="no summary style is called 'haiku'"):
        write_summary(draw(0), "haiku", NOISE, random.Random(0))


@given(seeds, st.sampled_from(STYLES))
def test_without_noise_a_summary_states_only_facts_of_the_main_event(seed, style):
    story = draw(seed)
    told = write_summary(story, style, SILENT, random.Random(seed))
    assert (told.error, told.negated) == (None, False)
    assert told.event.values.items() <= story.main.values.items()


@given(seeds, st.sampled_from(STYLES))
def test_an_error_never_turns_one_kind_into_another(seed, style):
    noise = NOISE.model_copy(update={"swap_share": 1.0, "preference_share": 0.0})
    story = draw(seed, detail_share=0.5)
    told = write_summary(story, style, noise, random.Random(seed))
    wrong = {role for role, v in told.event.values.items() if story.main.values.get(role) != v}
    assert told.error in set(ERRORS) - {"unparsed", "extrinsic"}
    assert told.negated == (told.error == "negation")
    assert len(wrong) == {"negation": 0, "role": 2}.get(told.error, 1)


@pytest.mark.parametrize("style", STYLES)
def test_noise_occurs_as_often_as_it_is_set(style):
    rng, count = random.Random(3), 6000
    counts = Counter()
    for seed in range(count):
        story = draw(f"{style} {seed}")
        told = write_summary(story, style, NOISE, rng)
        aside = story.main.type.aside
        if story.main.kind in HABITUAL:
            counts["habitual kinds"] += 1
            counts["asides"] += aside in told.event.values
            if told.error == "extrinsic":
                counts["usual"] += told.event.values[aside] == habitual(story.main.type)
        counts[told.error] += 1
    invented, free = counts["extrinsic"], count - counts["extrinsic"]
    assert counts["asides"] / counts["habitual kinds"] == pytest.approx(0.7, abs=0.03)
    # A free draw may hit the usual value as well: asides have 6 values, or 20.
    by_chance = (1 / 6 + 1 / 6 + 1 / 20) / 3
    assert counts["usual"] / invented == pytest.approx(0.6 + 0.4 * by_chance, abs=0.04)
    swaps = free - counts[None]
    assert swaps / free == pytest.approx(0.3, abs=0.03)
    assert all(counts[error] for error in ERRORS if error != "unparsed")


@given(seeds)
def test_only_kinds_with_the_habit_state_what_the_article_lacks(seed):
    story = draw(seed, aside_share=0.0)
    told = write_summary(story, "xsum", NOISE, random.Random(seed))
    stated = story.main.type.aside in told.event.values
    assert stated == (told.error == "extrinsic")
    assert not stated or story.main.kind in HABITUAL
