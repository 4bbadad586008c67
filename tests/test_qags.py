"""QAGS with stubs whose answers are known, its real reader, and its real question generator."""

from itertools import permutations
from pathlib import Path
from types import SimpleNamespace

import pytest
import spacy
import torch
from hypothesis import given
from hypothesis import strategies as st

from quals.metrics.qags import Qags, QagsSettings, QuestionGenerator
from quals.metrics.reader import Reader, ReaderSettings, best_spans
from quals.models import checkpoint
from quals.models.checkpoint import Checkpoint
from quals.models.tokenizer import SEPARATOR
from quals.params import load_section

SCALE = Path(__file__).parents[1] / "scales" / "testbed.yaml"
NAMES = ("Ada Holt", "Ivan", "Kelby", "Monday")
SUMMARY = "Ada Holt beat Ivan in Kelby."


class Generator:
    """Asks what a table says about each answer, or whether the answer is there."""

    def __init__(self, table=None):
        self.table, self.asked = table, []

    def generate(self, work):
        self.asked += work
        found = []
        for _, answer in work:
            rows = [(f"Is {answer} there?", -1.0)] if self.table is None else self.table[answer]
            found.append([SimpleNamespace(text=t, answer=answer, logprob=p) for t, p in rows])
        return found


class Replies:
    """A reader with fixed replies; without a table it finds the name asked for if it is there."""

    def __init__(self, table=None):
        self.table = table

    def answer(self, questions, contexts):
        return [self.reply(q, c) for q, c in zip(questions, contexts, strict=True)]

    def reply(self, question, context):
        if self.table is not None:
            return self.table.get(question, "")
        return next((name for name in NAMES if name in question and name in context), "")


@pytest.fixture(scope="module")
def nlp():
    pipeline = spacy.blank("en")
    ruler = pipeline.add_pipe("entity_ruler")
    ruler.add_patterns([{"label": "PERSON", "pattern": name} for name in NAMES])
    return pipeline


@pytest.fixture(scope="module")
def make_qags(nlp):
    """QAGS with stubs and the scale's settings."""

    def make(generator=None, replies=None, **changed):
        chosen = load_section(SCALE, "qags", QagsSettings).model_copy(update=changed)
        return Qags(nlp, generator or Generator(), replies or Replies(), chosen)

    return make


def test_a_perfect_reader_of_a_faithful_summary_scores_one(make_qags):
    document = "On Monday Ivan lost to Ada Holt, who had come to Kelby."
    found = make_qags().score([document, SUMMARY], [SUMMARY, SUMMARY])
    assert [(r.qags, r.reason) for r in found] == [(1.0, None)] * 2
    assert [c.question for c in found[0].comparisons] == [
        "Is Ada Holt there?",
        "Is Ivan there?",
        "Is Kelby there?",
    ]


def test_the_score_is_the_mean_token_f1_of_both_answers(make_qags):
    questions = {name: [(f"Where is {name}?", -1.0)] for name in NAMES}

    class Partial(Replies):
        def reply(self, question, context):
            if context == SUMMARY:
                return next(name for name in NAMES if name in question)
            return {"Where is Ada Holt?": "the Holt", "Where is Ivan?": "Ivan."}.get(question, "")

    (found,) = make_qags(Generator(questions), Partial()).score(["A document."], [SUMMARY])
    assert [(c.summary_answer, c.document_answer) for c in found.comparisons] == [
        ("Ada Holt", "the Holt"),
        ("Ivan", "Ivan."),
        ("Kelby", ""),
    ]
    assert [c.f1 for c in found.comparisons] == pytest.approx([2 / 3, 1, 0])
    assert found.qags == pytest.approx((2 / 3 + 1 + 0) / 3)


def test_questions_pass_the_filter_only_in_good_form_and_answered_alike(make_qags):
    table = {
        "Ada Holt": [
            ("Who beat Ivan?", -4.0),
            ("Who beat Ivan? And when?", -1.0),  # cut, a repeat, and likelier
            ("Who lost it?", -0.5),  # answered otherwise
            ("Who was it?", -0.5),  # not answered
            ("Who beat him", -0.1),  # no question mark
            ("Who won?", -0.1),  # two words
            ("", -0.1),
        ],
        "Ivan": [("Who lost to Ada?", -3.0), ("Who lost the match?", -0.3)],
        "Kelby": [("Where was it played?", -0.3), ("Where did Ada beat Ivan?", -9.0)],
    }
    replies = {
        "Who beat Ivan?": "Ada Holt",
        "Who lost it?": "Ivan",
        "Who beat him": "Ada Holt",
        "Who won?": "Ada Holt",
        "Who lost to Ada?": "Ivan",
        "Who lost the match?": "ivan",  # another string
        "Where was it played?": "Kelby",
        "Where did Ada beat Ivan?": "Kelby",
    }
    expected = [
        ("Where was it played?", "Kelby"),
        ("Who beat Ivan?", "Ada Holt"),
        ("Who lost to Ada?", "Ivan"),
        ("Where did Ada beat Ivan?", "Kelby"),
    ]
    for most in (1, 2, 3, 4, 10):
        qags = make_qags(Generator(table), Replies(replies), max_questions=most)
        assert qags.questions([SUMMARY]) == [expected[:most]]


def test_equally_likely_questions_come_in_order_of_their_text(make_qags):
    late, early = "Who is it there?", "Who did it then?"
    replies = Replies({late: "Ivan", early: "Ivan"})
    qags = make_qags(Generator({"Ivan": [(late, -1.0), (early, -1.0)]}), replies)
    assert qags.questions(["Ivan"]) == [[(early, "Ivan"), (late, "Ivan")]]


def test_one_question_for_two_answers_counts_where_the_reader_agrees(make_qags):
    rows = [("Who was in Kelby?", -1.0)]
    table = {"Ada Holt": rows, "Ivan": rows, "Kelby": []}
    qags = make_qags(Generator(table), Replies({"Who was in Kelby?": "Ivan"}))
    assert qags.questions([SUMMARY]) == [[("Who was in Kelby?", "Ivan")]]


@pytest.mark.parametrize(
    ("summary", "replies"),
    [("Nobody here has a name.", None), ("", None), (SUMMARY, {}), (SUMMARY, {"?": "Ivan"})],
)
def test_without_a_surviving_question_there_is_no_score_but_a_reason(make_qags, summary, replies):
    qags = make_qags(replies=Replies(replies))
    (found,) = qags.score(["Ivan was there."], [summary])
    assert (found.qags, found.comparisons) == (None, ())
    assert found.reason == "no question survives"


def test_nothing_to_score_gives_nothing(make_qags):
    assert make_qags().score([], []) == []


def test_results_depend_on_neither_order_nor_company(make_qags):
    documents = ["Ivan came.", "Kelby", "", "Ada Holt met Ivan on Monday."]
    summaries = [SUMMARY, "Ivan on Monday", SUMMARY, "Nobody."]
    expected = make_qags().score(documents, summaries)
    assert [r.qags for r in expected] == [pytest.approx(1 / 3), 0.0, 0.0, None]
    for order in permutations(range(4)):
        found = make_qags().score([documents[i] for i in order], [summaries[i] for i in order])
        assert found == [expected[i] for i in order]
    for at in range(4):
        assert make_qags().score([documents[at]], [summaries[at]]) == [expected[at]]


def test_every_summary_is_asked_about_once(make_qags):
    generator = Generator()
    make_qags(generator).score(["Ivan", "Kelby", "Ivan"], [SUMMARY] * 3)
    assert sorted(generator.asked) == [(SUMMARY, name) for name in NAMES[:3]]


def test_refilled_answers_cost_questions_and_change_no_score(make_qags):
    plain, refilled = Generator(), Generator()
    texts = ["Ivan came.", "Kelby"], [SUMMARY, "Nobody."]
    expected = make_qags(plain, answers=5).score(*texts)
    assert make_qags(refilled, answers=5, refill_answers=True).score(*texts) == expected
    assert (len(plain.asked), len(refilled.asked)) == (3, 5)


@pytest.fixture(scope="module")
def make_generator(make_model, tokenizer):
    """The real question generator on random weights."""
    model = make_model(tokenizer.backend.get_vocab_size(), seed=4)

    def make(**changed):
        chosen = load_section(SCALE, "qags", QagsSettings).model_copy(update=changed)
        return QuestionGenerator(Checkpoint(model, tokenizer), chosen)

    return make


@pytest.mark.parametrize(
    ("limit", "expected"), [(9, [5, 6, 7, 8]), (6, [5, 6, 7]), (3, []), (2, []), (1, [])]
)
def test_a_long_text_is_cut_and_its_answer_never(make_generator, tokenizer, limit, expected):
    generator = make_generator(max_source_tokens=limit)
    separator = tokenizer.id_of(SEPARATOR)
    assert generator.source([5, 6, 7, 8], [9, 10]) == [*expected, separator, 9, 10]


def test_a_generated_question_depends_on_its_own_text_and_answer_only(make_generator):
    work = [(SUMMARY, "Ivan"), (SUMMARY, "Ada Holt"), ("Who?", "Who"), (SUMMARY, "Ivan"), ("", "")]
    settings = {"questions_per_answer": 2, "beams": 3, "longest_question": 6}
    together = make_generator(**settings).generate(work)
    slowly = make_generator(**settings, row_budget=1)
    for item, found in zip(work, together, strict=True):
        assert [q.answer for q in found] == [item[1]] * 2
        for one, other in zip(found, slowly.generate([item])[0], strict=True):
            assert one.text == other.text
            assert one.logprob == pytest.approx(other.logprob, abs=1e-4)
        assert found[0].logprob >= found[1].logprob


@given(st.integers(0, 10**6), st.integers(1, 7), st.integers(1, 8), st.floats(-4, 4))
def test_best_spans_are_those_of_a_plain_loop(seed, size, longest, threshold):
    logits = torch.randn(3, size + 1, 2, generator=torch.Generator().manual_seed(seed))
    expected = []
    for row in logits:
        scores = {
            (first, last): (row[first + 1, 0] + row[last + 1, 1]).item()
            for first in range(size)
            for last in range(first, min(size, first + longest))
        }
        best = max(scores, key=scores.get)
        none = (row[0, 0] + row[0, 1]).item()
        expected.append([-1, -1] if none > scores[best] + threshold else list(best))
    assert best_spans(logits, longest, threshold).tolist() == expected


@pytest.fixture(scope="module")
def make_reader(make_model, tokenizer, tmp_path_factory):
    """The real reader: new pointers on random weights."""
    folder = tmp_path_factory.mktemp("reader")
    checkpoint.save(make_model(tokenizer.backend.get_vocab_size()), tokenizer, folder)

    def make(**changed):
        torch.manual_seed(0)
        chosen = load_section(SCALE, "reader", ReaderSettings).model_copy(update=changed)
        return Reader(folder, chosen)

    return make


CONTEXTS = ["Ada Holt beat Ivan Rossi 3-1, in  Marlow.", "A crowd of 2,500", "Who?", "", "Ada"]
QUESTIONS = ["Who beat Ivan Rossi?", "Where was the mill sold?", ""]
ASKED = [(q, c) for q in QUESTIONS for c in CONTEXTS]


def test_a_reader_that_must_answer_gives_short_clean_spans_of_the_context(make_reader):
    reader = make_reader(null_threshold=1e6, longest_answer=3)
    found = reader.answer(*map(list, zip(*ASKED, strict=True)))
    for (_, context), answer in zip(ASKED, found, strict=True):
        assert answer in context
        assert answer == answer.strip()
        assert len(reader.tokenizer.encode([answer])[0]) <= 3
        assert bool(answer) == bool(context)
    assert len(set(found)) > 3


def test_a_reader_that_may_never_answer_is_silent(make_reader):
    found = make_reader(null_threshold=-1e6).answer(*map(list, zip(*ASKED, strict=True)))
    assert set(found) == {""}


def test_a_reader_sees_only_the_start_of_a_long_context(make_reader):
    reader = make_reader(null_threshold=1e6, longest=2, longest_answer=9)
    (found,) = reader.answer(["Who beat Ivan?"], [CONTEXTS[0]])
    assert found in ("Ada", "Holt", "Ada Holt")


def test_an_answer_depends_on_neither_order_nor_company(make_reader):
    reader = make_reader(null_threshold=0.0)
    together = reader.answer(*map(list, zip(*ASKED, strict=True)))
    assert reader.answer(*map(list, zip(*ASKED[::-1], strict=True))) == together[::-1]
    assert [reader.answer([q], [c])[0] for q, c in ASKED] == together
    assert reader.answer([], []) == []
