"""The oracle finds exactly the errors that were put in, and nothing it cannot read is true."""

import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quals.corpus import Article
from quals.jsonl import write_jsonl
from quals.testbed.lexicon import PEOPLE
from quals.testbed.news import BACKGROUND, CUES, Noise, ask, ask_in_vain, write_article
from quals.testbed.news import write_summary as write
from quals.testbed.oracle import Oracle
from quals.testbed.truth import ERRORS, judge, judge_answer, read_sentence
from quals.testbed.world import Event, Story, draw_story
from quals.text import sentences

STYLES = ("xsum", "cnndm")
# More of every error than the pipeline has, so that 10,000 summaries show many of each.
NOISE = Noise(
    preference_kinds=["sport", "courts", "politics", "weather"],
    preference_share=0.5,
    prior_share=0.5,
    swap_share=0.6,
)
MAIN = Event(
    "sport",
    {
        "winner": "Albion Rovers",
        "loser": "Argent United",
        "score": "3-1",
        "scorer": "Ada Abbot",
        "place": "Marlow",
        "day": "Monday",
    },
)
OTHER = Event(
    "sport",
    {"winner": "Cedar Rovers", "loser": "Delta Wanderers", "score": "5-0", "place": "Kelby"},
)
STORY = Story("hand", (MAIN, OTHER))
ARTICLE = (
    "Albion Rovers beat Argent United 3-1 in Marlow on Monday. The winner was scored by Ada Abbot. "
    "Shops nearby stayed open all day. Local radio had reported the story first. "
    "Elsewhere, Cedar Rovers defeated Delta Wanderers 5-0. The game took place in Kelby."
)
TRUE = "Albion Rovers beat Argent United 3-1"

seeds = st.integers(0, 10**6)


def draw(seed, split="test"):
    return draw_story(random.Random(seed), f"s{seed}", split, detail_share=0.9, aside_share=0.35)


def errors_of(text):
    return judge(text, STORY, ARTICLE).errors


@pytest.mark.parametrize("style", STYLES)
def test_the_oracle_finds_the_error_of_each_of_5000_summaries(style):
    counts = Counter()
    for seed in range(5000):
        rng = random.Random(f"{style} {seed}")
        story = draw(f"{style} {seed}", "train")
        told = write(story, style, NOISE, rng)
        article = write_article(story, rng) if seed % 10 == 0 else ""
        verdict = judge(told.text, story, article)
        assert verdict.error == told.error, told
        assert verdict.consistent == (told.error is None), told
        assert len(verdict.errors) <= 1, told
        assert not article or judge(article, story, article).consistent, article
        counts[told.error] += 1
    assert all(counts[error] > 100 for error in (*ERRORS[1:], None))


@pytest.mark.parametrize(
    ("text", "errors"),
    [
        (TRUE + ".", ()),
        (TRUE + " on Monday in Marlow thanks to a goal from Ada Abbot.", ()),
        ("Albion Rovers downed Argent United 3-1.", ()),
        (TRUE + ". Ada Abbot struck the winner.", ()),
        ("Cedar Rovers beat Delta Wanderers 5-0 in Kelby.", ()),
        ("The match was played in Marlow.", ()),
        ("Albion Rovers did not beat Argent United 3-1.", ("negation",)),
        ("Argent United beat Albion Rovers 3-1.", ("role",)),
        ("Albion Rovers beat Delta Wanderers 3-1.", ("entity",)),
        ("Albion Rovers beat Beacon Wanderers 3-1.", ("entity",)),
        (TRUE + " in Kelby.", ("entity",)),
        ("Albion Rovers beat Argent United 5-0.", ("number",)),
        (TRUE + " on Friday.", ("date",)),
        (TRUE + " in front of 4000 fans.", ("extrinsic",)),
        (TRUE + " on Monday on Friday.", ("date",)),
        ("Albion Rovers beat Argent United 4-0 in Upwell.", ("entity", "number")),
        ("Albion Rovers did not beat Argent United 3-1 on Friday.", ("negation", "date")),
        ("Albion Foods has bought Atlas Bank for £20 million.", ("entity", "extrinsic")),
        ("Albion Rovers nearly beat Argent United 3-1.", ("unparsed",)),
        (TRUE, ("unparsed",)),
        (TRUE + ". Cheers broke out.", ("unparsed",)),
        ("Shops nearby stayed open the whole day.", ("unparsed",)),
        ("Elsewhere, shops nearby stayed open all day.", ("unparsed",)),
        ("", ("unparsed",)),
        ("  ", ("unparsed",)),
        (TRUE + ". The talks were held in Marlow.", ("unparsed",)),
    ],
)
def test_every_error_is_called_by_its_name(text, errors):
    assert errors_of(text) == errors
    assert judge(text, STORY, ARTICLE).error == (errors[0] if errors else None)


def test_an_invented_name_is_unparsed_and_no_wrong_entity():
    assert errors_of("Albion Rovers beat Delta United 3-1.") == ("unparsed",)


def test_a_wrong_name_drawn_at_random_is_no_other_name_of_the_event():
    values = {"member": PEOPLE[0], "rival": PEOPLE[1], "party": "Albion Party"}
    main = Event("politics", {**values, "votes": "310", "place": "Kelby"})
    other = {"member": PEOPLE[2], "party": "Argent Alliance", "votes": "320"}  # and no rival
    story = Story("x", (main, Event("politics", {**other, "place": "Marlow"})))
    noise = NOISE.model_copy(update={"preference_kinds": [], "swap_share": 1.0})
    rng = random.Random(0)
    for _ in range(4000):
        told = write(story, "cnndm", noise, rng)
        assert judge(told.text, story, "").error == told.error, told


def test_a_role_without_a_value_in_the_article_is_extrinsic_even_beside_a_known_name():
    story = Story("x", (Event("sport", {k: v for k, v in MAIN.values.items() if k != "day"}),))
    assert judge(TRUE + " on Monday.", story, "").errors == ("extrinsic",)


@pytest.mark.parametrize(
    ("text", "errors"),
    [
        ("{main} The match was played in Marlow.", ()),
        ("{main} The match was played in Kelby.", ("entity",)),
        ("{other} The match was played in Kelby.", ()),
        ("{other} The match was played in Marlow.", ("entity",)),
        ("{main} {other} The match was staged in Kelby.", ()),
        ("{main} {other} The match was staged in Marlow.", ("entity",)),
        ("{main} Elsewhere, the match was played in Kelby.", ("entity",)),
    ],
)
def test_a_detail_belongs_to_the_event_that_was_told_last(text, errors):
    text = text.format(
        main=TRUE + ".", other="Elsewhere, Cedar Rovers defeated Delta Wanderers 5-0."
    )
    assert errors_of(text) == errors


@given(seeds)
def test_a_detail_of_the_distractor_after_the_main_event_is_an_error(seed):
    rng, story = random.Random(seed), draw(seed)
    main, other = story.events
    article = write_article(story, rng)
    for sentence in sentences(article):
        for statement in read_sentence(sentence):
            if statement.opens or any(main.values.get(r) == v for r, v in statement.values):
                continue
            opening = write(story, "xsum", NOISE.model_copy(update={"swap_share": 0.0}), rng)
            assert other.values.items() >= dict(statement.values).items()
            assert not judge(f"{opening.text} {sentence}", story, article).consistent


def test_two_openings_may_be_about_two_events():
    assert errors_of(f"{TRUE}. Cedar Rovers won 5-0 against Delta Wanderers.") == ()
    assert errors_of(f"Cedar Rovers won 5-0 against Delta Wanderers. {TRUE}.") == ()
    assert errors_of("Albion Rovers beat Delta Wanderers 5-0.") == ("entity",)


@pytest.mark.parametrize("cue", ["", *CUES])
def test_a_cue_changes_no_meaning(cue):
    assert errors_of(f"{cue}Albion Rovers sank Argent United 3-1.") == ()
    assert (
        errors_of(
            f"{cue}{'i' if cue else 'I'}t finished 3-1 as Albion Rovers overcame Argent United."
        )
        == ()
    )


@pytest.mark.parametrize(
    ("sentence", "consistent"),
    [
        ("Shops nearby stayed open all day.", True),
        ("Local radio had reported the story first.", True),
        ("The police made no statement.", False),
        ("Few people had expected the news.", False),
    ],
)
def test_background_is_true_only_word_for_word(sentence, consistent):
    assert errors_of(sentence) == (() if consistent else ("extrinsic",))
    assert errors_of(f"{TRUE}. {sentence}") == (() if consistent else ("extrinsic",))


def test_background_is_no_statement_about_an_event():
    values = {"person": "Ada Abbot", "place": "Marlow", "company": "Albion Foods"}
    for template in BACKGROUND:
        text = template.text
        for role, value in values.items():
            text = text.replace("{" + role + "}", value)
        assert read_sentence(text) == []


@given(seeds, st.sampled_from(STYLES), st.data())
def test_an_unreadable_sentence_anywhere_makes_a_text_unparsed(seed, style, data):
    story = draw(seed)
    told = write(story, style, NOISE, random.Random(seed))
    words = told.text.split()
    at = data.draw(st.integers(0, len(words) - 1))
    broken = " ".join([*words[:at], "the", *words[at:]])
    for text in (broken, f"{told.text} Nobody was surprised at all.", told.text[:-1]):
        verdict = judge(text, story, "")
        assert verdict.error == "unparsed"
        assert not verdict.consistent


@given(seeds)
def test_a_summary_of_another_story_is_inconsistent(seed):
    told = write(draw(seed), "cnndm", NOISE, random.Random(seed))
    assert not judge(told.text, draw(f"other {seed}"), "").consistent


@given(seeds)
def test_the_order_of_the_events_decides_no_consistency(seed):
    story = draw(seed)
    turned = Story(story.id, story.events[::-1])
    told = write(story, "cnndm", NOISE, random.Random(seed))
    assert judge(told.text, story, "").consistent == judge(told.text, turned, "").consistent


@given(seeds, st.sampled_from(STYLES))
def test_generated_answers_are_right_and_others_wrong(seed, style):
    rng, story = random.Random(seed), draw(seed)
    told = write(story, style, NOISE, rng)
    pairs = [
        *((told.event, p) for p in ask(told.event, rng, 4, negated=told.negated)),
        *((event, p) for event in story.events for p in ask(event, rng, 4)),
    ]
    for event, (question, answer) in pairs:
        assert judge_answer(question, answer, (event,)) is True
        for wrong in ("", "Nobody", answer.lower() + "s", answer + " " + answer):
            assert judge_answer(question, wrong, (event,)) is False
        others = set(event.values.values()) - {answer}
        assert all(judge_answer(question, other, (event,)) is not True for other in others)


@given(seeds)
def test_answers_about_one_event_are_right_of_the_whole_story(seed):
    story = draw(seed)
    for event in story.events:
        for question, answer in ask(event, random.Random(seed), 5):
            assert judge_answer(question, answer, story.events) is True
            elsewhere = tuple(e for e in story.events if e is not event)
            assert judge_answer(question, answer, elsewhere) is False


@given(seeds)
def test_a_question_asked_in_vain_has_no_right_answer(seed):
    rng, story = random.Random(seed), draw(seed)
    for _ in range(5):
        question = ask_in_vain(story, rng)
        if question is not None:
            values = {v for event in story.events for v in event.values.values()}
            assert all(judge_answer(question, v, story.events) is False for v in values)


@pytest.mark.parametrize(
    ("question", "answer", "right"),
    [
        ("Who beat Argent United?", "Albion Rovers", True),
        ("Which team lost to Albion Rovers?", "Argent United", True),
        ("Who beat Argent United?", "Argent United", False),
        ("Who beat Argent United?", "albion rovers", False),
        ("Who beat Argent United?", "Cedar Rovers", False),
        ("Who beat Delta Wanderers?", "Cedar Rovers", True),
        ("Who beat Beacon Wanderers?", "Albion Rovers", False),
        ("How many fans watched Albion Rovers?", "4000", False),
        ("Who beats Argent United?", "Albion Rovers", None),
        ("who beat Argent United?", "Albion Rovers", None),
        ("Who beat Argent United", "Albion Rovers", None),
        ("", "Albion Rovers", None),
    ],
)
def test_answers_are_judged_by_hand_alike(question, answer, right):
    assert judge_answer(question, answer, STORY.events) is right


def test_the_oracle_judges_by_id(tmp_path):
    write_jsonl(tmp_path / "test.jsonl", [STORY.to_row()])
    oracle = Oracle(tmp_path, "test", [Article("hand", ARTICLE, TRUE + ".")])
    assert oracle.judge("hand", TRUE + ".").consistent
    assert oracle.judge("hand", TRUE + " on Friday.").error == "date"
    assert oracle.judge("hand", "Shops nearby stayed open all day.").consistent
