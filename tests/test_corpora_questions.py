"""Laws of real questions: answers stand where they say, vain questions have none, none is lost."""

import json
import os
from collections import Counter
from pathlib import Path
from random import Random
from types import SimpleNamespace

import pytest
from pipeline import ROOT
from ruamel.yaml import YAML

from quals.corpora.columns import Located
from quals.corpora.contexts import make_contexts
from quals.corpora.newsqa import stories
from quals.corpora.questions import load_questions
from quals.corpora.settings import RealQuestions
from quals.corpora.splits import text_print
from quals.corpora.squad import Passage, locate, passages
from quals.corpora.vain import Donors
from quals.corpus import Asked, Context, read_contexts
from quals.errors import InputError
from quals.jsonl import DataError
from quals.params import load_section
from quals.stages import questions as stage

PLACES = ("Kelby", "Marlow", "Thornby", "Ashford", "Wexley", "Durn")


def squad_row(name, context, question, *answers, title="Mills"):
    """A row as on the hub; an answer is a text, or a text with a start of its own."""
    pairs = [a if isinstance(a, tuple) else (a, context.find(a)) for a in answers]
    listed = {"text": [text for text, _ in pairs], "answer_start": [start for _, start in pairs]}
    return {
        "id": name,
        "title": title,
        "context": context,
        "question": question,
        "answers": listed,
    }


def located(*rows):
    return [Located(f"file:{number}", row) for number, row in enumerate(rows, start=1)]


def mill_rows(split, number=6, title="Mills"):
    """Passages of six sentences, each with six questions whose answers no other passage holds."""
    rows = []
    for at in range(number):
        place = f"{PLACES[at]} {split}"
        facts = [
            (f"The mill of {place} was built by Ada{at}{split} Holt.", f"Ada{at}{split} Holt"),
            (f"It burnt down in {1800 + at}{len(title)}{len(split)}.", None),
            (f"Owner number {at} of {split} was Ivan{at}{split}.", f"Ivan{at}{split}"),
            (f"It made {at}00 kinds of cloth for {split}.", f"{at}00 kinds"),
            (f"The river there is the Rill{at}{split}.", f"Rill{at}{split}"),
            (f"A {split} museum stands in {place} now.", place),
        ]
        context = " ".join(sentence for sentence, _ in facts)
        for line, (sentence, answer) in enumerate(facts):
            answer = answer or sentence.split()[-1].strip(".")
            name = f"{split}-{title}-{at}-{line}"
            rows.append(squad_row(name, context, f"What of {name}?", answer, title=title))
    return rows


def mills(split="train", **changed):
    found, _ = passages(located(*mill_rows(split, **changed)))
    return found


def made(found, seed=1, short_share=0.5, **changed):
    settings = {
        "short_sentences": 3,
        "longest_words": 200,
        "unanswerable_share": 0.5,
        "unanswerable_nearest": 20,
    }
    return make_contexts(found, seed=seed, short_share=short_share, **{**settings, **changed})


# SQuAD's rows


@pytest.mark.parametrize(
    ("answer", "start", "expected"),
    [
        ("mill", 4, ("mill", 4)),
        ("mill", 14, ("mill", 14)),
        ("mill", 3, ("mill", 4)),  # off by one
        ("mill", 12, ("mill", 14)),  # the nearer of two
        ("mill", 99, ("mill", 14)),
        ("mill", -1, ("mill", 4)),
        (" mill ", 3, ("mill", 4)),  # spaces belong to no answer
        ("a", 0, ("a", 12)),
        ("river", 4, None),
        ("", 0, None),
        ("  ", 3, None),
    ],
)
def test_an_answer_is_found_where_it_says_or_nearest_to_it(answer, start, expected):
    assert locate("The mill is a mill.", answer, start) == expected


def test_rows_of_a_passage_become_one_with_what_is_wrong_counted():
    text, other = "Ada Holt built the mill of Kelby.", "It burnt down in 1901."
    found, counts = passages(
        located(
            squad_row("1", text, " Who built it? ", "Ada Holt"),
            squad_row("2", text, "Where is it?", ("Kelby", 3)),  # repaired
            squad_row("3", text, "When was it?", ("1901", 0)),  # not held: dropped
            squad_row("4", text, "who built it?", "Ada"),  # asked already
            squad_row("1", text, "What is new?", "mill"),  # id seen
            squad_row("5", text, "  ", "mill"),
            squad_row("6", " ", "What?", (" ", 0)),
            squad_row("7", other, "When did it burn?", ("in 1899", 14), "1901"),  # the second
            squad_row("8", other, "Who lit it?"),  # as in v2.0
        )
    )
    assert [(p.text, p.title) for p in found] == [(text, "Mills"), (other, "Mills")]
    assert found[0].questions == (
        Asked("Who built it?", "Ada Holt", 0),
        Asked("Where is it?", "Kelby", 27),
    )
    assert found[1].questions == (
        Asked("When did it burn?", "1901", 17),
        Asked("Who lit it?", None, None),
    )
    assert +counts == {
        "read": 9,
        "start repaired": 1,
        "answer not in the context": 1,
        "repeated question": 1,
        "repeated id": 1,
        "empty context or question": 2,
    }


def test_a_passage_keeps_its_id_whatever_else_is_read():
    rows = located(*mill_rows("train"))
    found, _ = passages(rows)
    assert len({p.id for p in found}) == len(PLACES)
    assert passages(rows[::-1])[0] == found
    assert passages(rows[:6])[0] == found[:1]


GOOD = squad_row("1", "A mill.", "What?", "mill")


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"id": None}, "field 'id' must be str, not NoneType"),
        ({"title": 3}, "field 'title' must be str, not int"),
        ({"context": ["A"]}, "field 'context' must be str, not list"),
        ({"question": None}, "field 'question' must be str, not NoneType"),
        ({"answers": None}, "field 'answers' must be an object with 'text' and 'answer_start'"),
        ({"answers": {"text": []}}, "field 'answers' must be an object with 'text' and"),
        (
            {"answers": {"text": ["mill"], "answer_start": []}},
            "field 'answers': 'text' and 'answer_start' must be lists of one length",
        ),
        (
            {"answers": {"text": "mill", "answer_start": [2]}},
            "field 'answers': 'text' and 'answer_start' must be lists of one length",
        ),
        (
            {"answers": {"text": [3], "answer_start": [2]}},
            "field 'answers': each 'text' must be str, not int",
        ),
        (
            {"answers": {"text": ["mill"], "answer_start": [2.0]}},
            "field 'answers': 'answer_start' must hold int, not float",
        ),
        (
            {"answers": {"text": ["mill"], "answer_start": [True]}},
            "field 'answers': 'answer_start' must hold int, not bool",
        ),
    ],
)
def test_a_bad_row_is_named_by_place_and_field(changed, problem):
    with pytest.raises(DataError) as caught:
        passages(located(GOOD, GOOD | changed))
    assert str(caught.value).startswith(f"file:2: {problem}")


@pytest.mark.parametrize("field", GOOD)
def test_a_missing_field_is_named(field):
    with pytest.raises(DataError, match=f"file:1: field '{field}' is missing"):
        passages(located({name: value for name, value in GOOD.items() if name != field}))


# Contexts


@pytest.mark.parametrize("seed", range(5))
def test_every_answer_stands_where_its_context_says(seed):
    contexts, _ = made(mills(), seed)
    asked = [(c.text, q) for c in contexts for q in c.questions if q.answer is not None]
    assert asked
    for text, question in asked:
        assert text[question.start : question.start + len(question.answer)] == question.answer


@pytest.mark.parametrize("seed", range(5))
def test_every_question_is_asked_once_or_counted(seed):
    """Each of these answers stands within a sentence, so no window can cut one."""
    found = mills()
    contexts, counts = made(found, seed)
    asked = [q.question for c in contexts for q in c.questions if q.answer is not None]
    assert sorted(asked) == sorted(q.question for p in found for q in p.questions)
    assert counts["answered"] == 36
    assert "question across windows" not in counts


def test_an_answer_across_windows_is_counted():
    text = "The mill is old. It shut."
    crossing = Passage("p", "t", text, (Asked("What?", "old. It", 12), Asked("How?", "old", 12)))
    contexts, counts = made([crossing], short_share=1.0, short_sentences=1, unanswerable_share=0.0)
    assert [(c.text, c.questions) for c in contexts] == [
        ("The mill is old.", (Asked("How?", "old", 12),))
    ]
    assert counts["question across windows"] == 1


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("most", [1, 2, 3])
def test_windows_are_whole_sentences_of_their_passage_and_at_most_so_many(seed, most):
    found = mills()
    contexts, _ = made(found, seed, short_share=1.0, short_sentences=most)
    assert {c.kind for c in contexts} == {"summary"}
    for context in contexts:
        source = [p for p in found if context.id.startswith(f"summary-{p.id}-")]
        assert len(source) == 1
        assert context.text in source[0].text
        sentences = source[0].text.split(". ")
        parts = context.text.removesuffix(".").split(". ")
        assert 1 <= len(parts) <= most
        assert all(part in [s.removesuffix(".") for s in sentences] for part in parts)


def test_a_share_of_passages_is_cut():
    found = mills()
    assert {c.kind for c in made(found, short_share=0.0)[0]} == {"article"}
    whole, _ = made(found, short_share=0.0, unanswerable_share=0.0)
    assert {(c.id, c.text) for c in whole} == {(f"article-{p.id}", p.text) for p in found}
    both = {c.kind for seed in range(5) for c in made(found, seed, short_share=0.5)[0]}
    assert both == {"article", "summary"}


@pytest.mark.parametrize("short_share", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("seed", range(5))
def test_an_unanswerable_question_never_has_its_answer_in_the_context(seed, short_share):
    found = mills() + mills(title="Looms")
    answers = {q.question: (p, q.answer) for p in found for q in p.questions}
    contexts, counts = made(found, seed, short_share, unanswerable_share=1.0)
    vain = [(c, q.question) for c in contexts for q in c.questions if q.answer is None]
    assert len(vain) == counts["unanswerable"] == 72  # one for each of 2 x 36 answered
    for context, question in vain:
        passage, answer = answers[question]
        assert answer.lower() not in context.text.lower()
        assert passage.title in context.id  # of the same article
    for context in contexts:
        asked = [q.question for q in context.questions]
        assert len(asked) == len(set(asked))


@pytest.mark.parametrize("answer", ["MILL", "the mill", "The Mill!", "a mill", "the"])
def test_an_answer_that_stands_there_in_other_dress_counts_as_held(answer):
    here = Passage("1", "t", "The mill shut.", (Asked("What shut?", "shut", 9),))
    there = Passage("2", "t", f"{answer}: x", (Asked("Which?", answer, 0),))
    contexts, counts = made([here, there], short_share=0.0, unanswerable_share=1.0)
    assert [q.question for q in contexts[0].questions] == ["What shut?"]
    assert counts["no partner for an unanswerable question"] == 1
    assert [q.question for q in contexts[1].questions] == ["Which?", "What shut?"]


def test_a_title_of_one_passage_gets_no_unanswerable_question():
    _, counts = made(mills(number=1), short_share=0.0, unanswerable_share=1.0)
    assert counts["no partner for an unanswerable question"] == 6
    assert "unanswerable" not in counts


def test_the_share_of_unanswerable_questions_is_kept():
    found = [p for title in ("A", "B", "C", "D", "E") for p in mills(title=title)]
    _, counts = made(found, unanswerable_share=0.33)
    assert abs(counts["unanswerable"] / counts["answered"] - 0.33) < 0.1
    assert "unanswerable" not in made(found, unanswerable_share=0.0)[1]


def test_contexts_depend_on_the_seed_and_not_on_order():
    found = mills()
    assert made(found)[0] == made(Random(1).sample(found, len(found)))[0]
    assert made(found)[0] != made(found, seed=2)[0]
    ids = [context.id for context in made(found)[0]]
    assert ids == sorted(ids)
    assert len(set(ids)) == len(ids)


def test_a_question_that_the_passage_cannot_answer_goes_with_one_window():
    text = "The mill is old. It shut in May. Ada left."
    asked = (Asked("Who left?", "Ada", 33), Asked("When?", "May", 28), Asked("Why?", None, None))
    contexts, counts = made(
        [Passage("p", "t", text, asked)], short_share=1.0, short_sentences=1, unanswerable_share=0.0
    )
    assert [q.question for c in contexts for q in c.questions].count("Why?") == 1
    assert counts["unanswerable"] == 1


@pytest.mark.parametrize("short_share", [0.0, 1.0])
@pytest.mark.parametrize("longest", [8, 15, 20, 200])
def test_no_answer_ends_beyond_the_longest_context(short_share, longest):
    found = mills()
    contexts, counts = made(found, short_share=short_share, longest_words=longest)
    for context in contexts:
        for q in context.questions:
            if q.answer is not None:
                end = q.start + len(q.answer)
                assert context.text[q.start : end] == q.answer
                assert len(context.text[:end].split()) <= longest
    # No sentence is longer than nine words: from there on none is lost.
    assert counts["answered"] == 36 if longest > 9 else counts["answered"] < 36
    lost = counts["answer beyond the longest context"]
    assert counts["answered"] + lost == 36
    if longest == 200 and not short_share:
        assert {(c.id, c.text) for c in contexts} == {(f"article-{p.id}", p.text) for p in found}


def test_a_long_passage_is_cut_into_windows_as_long_as_allowed():
    text = "The mill is old. It shut in May. Ada left. Nobody knows why she did."
    asked = (Asked("How?", "old", 12), Asked("Who?", "Ada", 33), Asked("What?", "she did", 60))
    contexts, counts = made(
        [Passage("p", "t", text, asked)], short_share=0.0, longest_words=10, unanswerable_share=0.0
    )
    # Four words and four, two more fit; then five.
    assert [(c.id, c.kind, c.text) for c in contexts] == [
        ("article-p-0", "article", "The mill is old. It shut in May. Ada left."),
        ("article-p-1", "article", "Nobody knows why she did."),
    ]
    assert [q.question for c in contexts for q in c.questions] == ["How?", "Who?", "What?"]
    assert counts["long passage cut"] == 1


@pytest.mark.parametrize("short", ["Hill v.", "Euclid, c.", "Homer ca."])
def test_no_window_ends_in_an_abbreviation_that_goes_on(short):
    text = f"It was {short} 1901 then. It shut."
    asked = tuple(Asked(f"{word}?", word, text.index(word)) for word in ("was", "1901", "shut"))
    contexts, _ = made(
        [Passage("p", "t", text, asked)],
        short_share=1.0,
        short_sentences=1,
        unanswerable_share=0.0,
    )
    assert [c.text for c in contexts] == [f"It was {short} 1901 then.", "It shut."]


@pytest.mark.parametrize("seed", range(5))
def test_unanswerable_questions_are_among_those_nearest_to_the_context(seed):
    """Of one wide title, as where titles are lost: mills and looms, each about their own."""
    things = ["mill", "loom", "barn", "quay"]
    found = [
        Passage(
            f"{thing}{at}",
            "",
            f"The {thing} made item{thing}{at}.",
            (Asked(f"What did the {thing} of year {at} make?", f"item{thing}{at}", 14),),
        )
        for thing in things
        for at in range(5)
    ]
    # Each word "mill" is in a fourth of the questions: too many for a title of this size.
    padding = [
        Passage(f"x{at}", "", f"Nothing {at}.", (Asked(f"Is {at}?", "Nothing", 0),))
        for at in range(60)
    ]
    contexts, _ = made(
        found + padding, seed, short_share=0.0, unanswerable_share=1.0, unanswerable_nearest=4
    )
    seen = Counter()
    for context in contexts:
        for thing in things:
            if f"The {thing} " in context.text:
                (vain,) = [q.question for q in context.questions if q.answer is None]
                assert thing in vain
                seen[vain] += 1
    assert sum(seen.values()) == 20
    assert len(seen) > 4  # drawn, not always the first


def test_unanswerable_questions_are_drawn_by_the_seed_from_that_many():
    questions = [Asked(f"Why is {at} so?", f"answer{at}", 0) for at in range(30)]
    context = Context("c", "article", "Of 3 and 5 and 7 and 9 it speaks.", ())
    donors = Donors(questions)
    drawn = {donors.pick(context, 1, nearest=4, rng=Random(at))[0].question for at in range(60)}
    assert drawn == {f"Why is {at} so?" for at in (3, 5, 7, 9)}


def test_no_unanswerable_question_is_asked_twice_or_beside_its_answer():
    """Two passages may ask the same in other letters, with other answers."""
    asked = [("a", "Who won?", "Ada"), ("b", "who WON?", "Ben"), ("c", "Why?", "luck")]
    found = [Passage(name, "t", f"It was {a}.", (Asked(q, a, 7),)) for name, q, a in asked]
    contexts, _ = made(found, short_share=0.0, unanswerable_share=1.0)
    by_id = {c.id: [q.question for q in c.questions if q.answer is None] for c in contexts}
    assert by_id["article-a"] == by_id["article-b"] == ["Why?"]
    picked = Donors([q for p in found for q in p.questions]).pick(
        Context("x", "article", "Nothing.", ()), 3, nearest=3, rng=Random(1)
    )
    assert len(picked) == 2


# NewsQA


def newsqa_file(tmp_path, *data):
    path = tmp_path / "combined.json"
    path.write_text(json.dumps({"version": "1", "data": list(data)}), encoding="utf-8")
    return path


def story(kind, *questions, text="\n\nAda Holt shut the mill.\n", name="s1"):
    asked = [{"q": q, "consensus": consensus} for q, consensus in questions]
    return {"storyId": name, "type": kind, "text": text, "questions": asked}


def test_newsqa_is_read_by_consensus_with_test_stories_aside(tmp_path):
    path = newsqa_file(
        tmp_path,
        story(
            "train",
            ("Who shut it?", {"s": 2, "e": 11}),  # "Ada Holt " behind two line breaks
            ("What shut?", {"s": 16, "e": 25}),
            ("who SHUT it?", {"s": 2, "e": 5}),
            ("Why?", {"noAnswer": True}),
            ("Huh?", {"badQuestion": True}),
            ("Where?", {"s": 0, "e": 1}),
            (" ", {"s": 2, "e": 5}),
        ),
        story("dev", ("Who?", {"s": 2, "e": 5}), name="s2"),
        story("test", ("Who?", {"s": 2, "e": 5}), name="s3"),
    )
    found, counts = stories(path)
    assert found["train"] == [
        Passage(
            "newsqa-s1",
            "s1",
            "Ada Holt shut the mill.",
            (
                Asked("Who shut it?", "Ada Holt", 0),
                Asked("What shut?", "the mill.", 14),
                Asked("Why?", None, None),
            ),
        )
    ]
    assert found["validation"][0].questions == (Asked("Who?", "Ada", 0),)
    assert counts["train"] == {
        "read": 7,
        "repeated question": 1,
        "no consensus": 1,
        "answer not in the context": 1,
        "empty context or question": 1,
    }


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (3, r"data\.0 must be an object"),
        ({**story("train"), "type": "new"}, r"data\.0\.type must be train, dev or test, not 'new'"),
        ({**story("train"), "text": None}, r"data\.0\.text must be str, not NoneType"),
        ({**story("train"), "storyId": 3}, r"data\.0\.storyId must be str, not int"),
        ({**story("train"), "questions": None}, r"data\.0\.questions must be a list"),
        (story("train", ("Who?", None)), r"data\.0\.questions\.0\.consensus must be an object"),
        (story("train", (None, {})), r"data\.0\.questions\.0\.q must be str"),
        (story("train", ("Who?", {"s": "2", "e": 3})), r"questions\.0\.consensus: 's' and 'e'"),
        (story("train", ("Who?", {"s": -2, "e": 3})), r"questions\.0\.consensus: 's' and 'e'"),
    ],
)
def test_a_bad_story_is_named_by_its_place(tmp_path, data, problem):
    with pytest.raises(DataError, match=problem):
        stories(newsqa_file(tmp_path, data))


def test_a_newsqa_file_that_is_absent_or_of_another_shape_is_named(tmp_path):
    with pytest.raises(InputError, match=r"none\.json: no such file; build it as"):
        stories(tmp_path / "none.json")
    (tmp_path / "list.json").write_text("[]")
    with pytest.raises(DataError, match=r"list\.json: must be an object with a list 'data'"):
        stories(tmp_path / "list.json")


# All together


def write_squad(folder, **rows):
    (folder / "squad").mkdir(parents=True)
    for split, listed in rows.items():
        lines = [json.dumps(row) for row in listed]
        (folder / "squad" / f"{split}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")


def section(folder, **changed):
    return {
        "source": [{"kind": "folder", "folder": str(folder)}],
        "newsqa": None,
        "seed": 1,
        "train": None,
        "validation": None,
        "short_share": 0.5,
        "short_sentences": 3,
        "longest_words": 200,
        "unanswerable_share": 0.5,
        "unanswerable_nearest": 20,
        **changed,
    }


def test_no_passage_is_in_both_splits_and_sizes_are_kept(tmp_path):
    shared_rows = mill_rows("validation", number=2)
    again = [{**row, "id": f"again-{row['id']}"} for row in shared_rows]
    write_squad(
        tmp_path, train=[*mill_rows("train"), *again], validation=mill_rows("validation", number=4)
    )
    chosen = RealQuestions.model_validate(section(tmp_path, train=5, short_share=0.0))
    loaded = load_questions(chosen, {})
    texts = {split: {c.text for c in contexts} for split, contexts in loaded.splits.items()}
    assert not texts["train"] & texts["validation"]
    assert (len(texts["train"]), len(texts["validation"])) == (5, 4)
    # Both passages have ids that validation has, made from their text.
    assert loaded.counts["train"]["repeated id"] == 2
    assert loaded.counts["train"]["beyond the size"] == 1
    assert loaded.counts["train"]["passages"] == 5


def test_newsqa_joins_where_it_is_named(tmp_path):
    write_squad(tmp_path, train=mill_rows("train"), validation=mill_rows("validation"))
    path = newsqa_file(tmp_path, story("train", ("Who shut it?", {"s": 2, "e": 10})))
    loaded = load_questions(RealQuestions.model_validate(section(tmp_path, newsqa=str(path))), {})
    assert loaded.origin == "folder, newsqa"
    assert [c.id for c in loaded.splits["train"] if "newsqa" in c.id]
    # Or by the environment, where the settings name none; a wrong name is not passed over.
    without = RealQuestions.model_validate(section(tmp_path))
    assert load_questions(without, {"QUALS_NEWSQA": str(path)}).splits == loaded.splits
    assert load_questions(without, {}).origin == "folder"
    with pytest.raises(InputError, match=r"none\.json: no such file"):
        load_questions(without, {"QUALS_NEWSQA": str(tmp_path / "none.json")})


def test_the_stage_writes_what_training_reads_whatever_the_order_of_rows(tmp_path, monkeypatch):
    monkeypatch.delenv("QUALS_DATA", raising=False)
    outs = []
    for name, step in (("one", 1), ("two", -1)):
        rows = {split: mill_rows(split)[::step] for split in ("train", "validation")}
        write_squad(tmp_path / name, **rows)
        params = tmp_path / f"{name}.yaml"
        with open(params, "w") as file:
            YAML(typ="safe", pure=True).dump({"questions": section(tmp_path / name)}, file)
        folders = {key: tmp_path / f"{name}-{key}" for key in ("out", "truth", "pipeline")}
        stage.main(SimpleNamespace(params=params, **folders))
        outs.append(folders)
    for key in outs[0]:
        for path in outs[0][key].iterdir():
            assert path.read_bytes() == (outs[1][key] / path.name).read_bytes()
    contexts = read_contexts(outs[0]["out"] / "train.jsonl")
    assert {c.kind for c in contexts} == {"article", "summary"}
    assert any(q.answer is None for c in contexts for q in c.questions)
    record = json.loads((outs[0]["truth"] / "origin.json").read_text())
    assert record["origin"] == "folder"
    assert record["counts"]["train"]["read"] == 36


def test_real_questions_stand_where_they_say_and_vain_ones_have_no_answer():
    folder = Path(os.environ.get("QUALS_DATA") or ROOT / "../shared/data")
    if not (folder / "squad").is_dir():
        pytest.skip("no real text here: neither QUALS_DATA nor ../shared/data")
    chosen = load_section(ROOT / "scales/laptop.yaml", "questions", RealQuestions)
    loaded = load_questions(chosen, {"QUALS_DATA": str(folder)})
    prints = {}
    for split, contexts in loaded.splits.items():
        prints[split] = {text_print(context.text) for context in contexts}
        counts = loaded.counts[split]
        assert counts["answered"] > 0.5 * counts["read"] * counts["passages"] / (
            counts["passages"] + counts.get("beyond the size", 0)
        )
        ratio = counts["unanswerable"] / counts["answered"]
        assert abs(ratio - chosen.unanswerable_share) < 0.05
        answers = {}
        for context in contexts:
            for q in context.questions:
                if q.answer is not None:
                    assert context.text[q.start : q.start + len(q.answer)] == q.answer
                    answers.setdefault(q.question, set()).add(q.answer.lower())
        for context in contexts:
            for q in context.questions:
                if q.answer is None:
                    held = [a for a in answers[q.question] if a in context.text.lower()]
                    assert len(held) < len(answers[q.question])
