"""Minimal edits are false in exactly one way and change nothing else; rows count them plainly."""

import random
from difflib import SequenceMatcher

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quals.ablations.contrast_rows import ALL, contrast_rows
from quals.testbed.edits import EDITS, contrast, replace_values
from quals.testbed.news import write_article
from quals.testbed.truth import judge, read_sentence
from quals.testbed.world import draw_story
from quals.text import sentences

STYLES = ("xsum", "cnndm")


def made(style, count=150):
    """Stories with their articles and contrasts."""
    rng = random.Random(style)
    found = []
    for at in range(count):
        story = draw_story(rng, f"{at}", "test", detail_share=0.9, aside_share=0.5)
        article = write_article(story, rng)
        found.append((story, article, contrast(story, style, article, rng, drafts=20, tries=200)))
    return found


@pytest.fixture(scope="module")
def contrasts():
    return {style: made(style) for style in STYLES}


def changes(one, other):
    """The stretches of words in which two texts differ."""
    first, second = one.split(), other.split()
    blocks = SequenceMatcher(None, first, second, autojunk=False).get_opcodes()
    return [(first[a:b], second[c:d]) for tag, a, b, c, d in blocks if tag != "equal"]


def stated(text):
    """What a text says, whichever way it is worded; details may come in any order."""
    return {value for sentence in sentences(text) for value in read_sentence(sentence)[0].values}


@pytest.mark.parametrize("style", STYLES)
def test_originals_and_paraphrases_are_true_and_say_the_same(contrasts, style):
    for story, article, made in contrasts[style]:
        assert judge(made.original, story, article).consistent
        if made.paraphrase is not None:
            assert judge(made.paraphrase, story, article).consistent
            assert made.paraphrase != made.original
            assert stated(made.paraphrase) == stated(made.original)


@pytest.mark.parametrize("style", STYLES)
def test_an_edit_has_exactly_the_error_of_its_name(contrasts, style):
    for story, article, made in contrasts[style]:
        for kind, text in made.edits.items():
            assert judge(text, story, article).errors == (kind,)


@pytest.mark.parametrize("style", STYLES)
def test_an_edit_changes_one_place_or_exchanges_two_values(contrasts, style):
    for _, _, made in contrasts[style]:
        for kind, text in made.edits.items():
            found = changes(made.original, text)
            assert found, kind
            limit = 4 if kind == "role" else 2
            assert len(found) <= limit, (kind, made.original, text)
            assert sum(max(len(a), len(b)) for a, b in found) <= 8, (made.original, text)
            if kind == "role":
                assert sorted(text.replace(".", "").split()) == sorted(
                    made.original.replace(".", "").split()
                )


@pytest.mark.parametrize("style", STYLES)
def test_every_kind_of_edit_and_the_control_are_common(contrasts, style):
    found = [made for _, _, made in contrasts[style]]
    for kind in EDITS:
        assert sum(kind in made.edits for made in found) > len(found) / 3, kind
    assert sum("negation" in made.edits for made in found) == len(found)
    assert sum(made.paraphrase is not None for made in found) > 0.8 * len(found)


def test_edits_are_the_same_for_the_same_random_numbers():
    assert [made for *_, made in made("xsum", 20)] == [made for *_, made in made("xsum", 20)]


@pytest.mark.parametrize(
    ("text", "values", "expected"),
    [
        ("Ada beat Ivan.", {"Ada": "Ivan", "Ivan": "Ada"}, "Ivan beat Ada."),
        ("Ada Abbot beat Ada.", {"Ada": "X", "Ada Abbot": "Y"}, "Y beat X."),
        ("500 of 1,500 and 2.500 left 500.", {"500": "9"}, "9 of 1,500 and 2.500 left 9."),
        ("It cost £5 million.", {"£5 million": "£6 million"}, "It cost £6 million."),
        ("art in party", {"art": "x"}, "x in party"),
        ("nothing", {"some": "x"}, "nothing"),
    ],
)
def test_values_are_replaced_at_once_in_whole_words(text, values, expected):
    assert replace_values(text, values) == expected


SCORE = st.one_of(st.none(), st.sampled_from([0.0, 0.5, 1.0]))
DOCUMENT = st.fixed_dictionaries(
    {"original": SCORE}, optional={kind: SCORE for kind in (*EDITS, "paraphrase")}
)


@given(st.lists(DOCUMENT, min_size=1, max_size=6))
def test_rows_are_plain_counts(documents):
    rows = contrast_rows("xsum", {"m": documents}, resamples=20, seed=0, level=0.9)
    assert [row["edit"] for row in rows] == [*EDITS, ALL, "paraphrase"]
    for row in rows:
        kinds = EDITS if row["edit"] == ALL else [row["edit"]]
        pairs = [(d["original"], d[kind]) for d in documents for kind in kinds if kind in d]
        assert row["n"] == len(pairs)
        assert row["undefined"] == sum(None in pair for pair in pairs)
        assert row["ties"] == sum(a == b and a is not None for a, b in pairs)
        if row["edit"] != ALL:
            right = [None not in pair and pair[0] > pair[1] for pair in pairs]
            assert row["right"] == (pytest.approx(np.mean(right)) if right else None)
        if row["right"] is not None:
            assert 0 <= row["low"] <= row["right"] <= row["high"] <= 1


def test_all_is_the_mean_over_the_edits_of_a_document():
    documents = [
        {"original": 1.0, "entity": 0.0, "role": 1.0, "paraphrase": 0.5},
        {"original": 1.0, "entity": 0.0},
        {"original": 1.0},
    ]
    rows = {
        row["edit"]: row
        for row in contrast_rows("xsum", {"m": documents}, resamples=20, seed=0, level=0.9)
    }
    assert rows[ALL]["right"] == pytest.approx((0.5 + 1) / 2)
    assert (rows[ALL]["n"], rows[ALL]["ties"]) == (3, 1)
    assert rows["entity"]["paraphrase_right"] == 1
    assert rows["role"]["paraphrase_right"] == 0
    assert rows["paraphrase"]["right"] == 1
    assert rows["paraphrase"]["paraphrase_right"] is None
    assert rows["date"]["right"] is None
