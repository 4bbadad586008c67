"""QUALS against a naive reference, and the laws of its filter."""

import json
from pathlib import Path

import naive
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quals.decoding.diverse import diverse_decode
from quals.decoding.sequences import Hypothesis, Limits
from quals.metrics.quals import PAPER, Quals, QualsSettings, load_settings, save_settings
from quals.models import checkpoint
from quals.models.checkpoint import Checkpoint, CheckpointError
from quals.models.tokenizer import END, SEPARATOR
from quals.params import ParamsError, load_section

SCALE = Path(__file__).parents[1] / "scales" / "testbed.yaml"
SMALL = {"groups": 10, "shortest": 1, "longest": 5, "max_pairs": 4, "max_source_tokens": 8}
CASES = [  # document, summary
    ("Ada beat Ivan in Kelby on Monday", "Ada beat Ivan"),
    ("Ivan beat Ada on Monday", "Ada beat Ivan"),
    ("Ada beat Ivan in Kelby on Monday", "Monday in Kelby Ada beat Ivan on"),
    ("Ada beat Ivan in Kelby on Monday", "Kelby"),
    ("Ada", "Who beat Ada on Monday"),
    ("in Kelby on Monday " * 5, "Ivan in Kelby"),
    ("in Kelby on Monday " * 2, "Ivan in Kelby"),
    ("Ada beat Ivan", "Ada beat Ivan"),
    ("Zoe beat nobody", "Zoe beat Ivan"),
    ("", "Ada beat Ivan in Kelby"),
    ("Ada beat Ivan", ""),
    ("", ""),
    ("Ada beat Ivan in Kelby on Monday", "Ada beat Ivan"),
]


@pytest.fixture(scope="module")
def quals_settings():
    """The scale's settings at toy size."""
    return load_section(SCALE, "quals", QualsSettings).model_copy(update=SMALL)


@pytest.fixture(scope="module", params=[{}, {"groups": 14, "max_pairs": 50}])
def quals(request, make_qagen, few_words, quals_settings):
    settings = quals_settings.model_copy(update=request.param)
    model = make_qagen(settings.groups)
    return Quals(Checkpoint(model, few_words), few_words.id_of(SEPARATOR), settings)


@pytest.fixture(scope="module")
def filter_of(make_model, tokenizer, quals_settings):
    """`select` on hand-made (question, answer, total log p); None stands for no separator."""
    model = make_model(tokenizer.backend.get_vocab_size())
    separator = tokenizer.id_of(SEPARATOR)

    def select(summary, rows, **changed):
        metric = Quals(
            Checkpoint(model, tokenizer), separator, quals_settings.model_copy(update=changed)
        )
        hypotheses = []
        for question, answer, total in rows:
            ids = [*tokenizer.encode([question])[0]]
            for part in [] if answer is None else answer.split("|"):
                ids += [separator, *tokenizer.encode([part])[0]]
            hypotheses.append(Hypothesis([*ids, 1], [total, *[0.0] * len(ids)]))
        return [(c.question, c.answer) for c in metric.select(summary, hypotheses)]

    return select


@pytest.fixture(scope="module")
def naive_quals(next_logprobs):
    def compute(quals, document, summary):
        return naive.quals(
            lambda text, prefix: next_logprobs(quals.model, text, prefix),
            quals,
            document,
            summary,
        )

    return compute


def assert_same(found, expected):
    pairs, score = expected
    assert [(p.question, p.answer) for p in found.pairs] == [pair[:2] for pair in pairs]
    values = [value for p in found.pairs for value in (p.summary_logprob, p.document_logprob)]
    assert values == pytest.approx([value for pair in pairs for value in pair[2:]], abs=1e-4)
    assert found.quals == (None if score is None else pytest.approx(score, abs=1e-4))
    assert (found.reason is None) == (score is not None)


def test_quals_equals_the_naive_reference(quals, naive_quals):
    found = quals.score(*map(list, zip(*CASES, strict=True)))
    for (document, summary), result in zip(CASES, found, strict=True):
        assert_same(result, naive_quals(quals, document, summary))
    assert sum(len(result.pairs) for result in found) >= 30
    undefined = [summary for (_, summary), r in zip(CASES, found, strict=True) if r.quals is None]
    assert set(undefined) == {""}


TEXT = st.lists(st.sampled_from(["Ada", "Ivan", "in", "Kelby", "Zoe"]), max_size=10).map(" ".join)


@settings(max_examples=6)
@given(st.lists(st.tuples(TEXT, TEXT), min_size=1, max_size=2))
def test_quals_equals_the_naive_reference_on_random_texts(quals, naive_quals, texts):
    found = quals.score(*map(list, zip(*texts, strict=True)))
    for (document, summary), result in zip(texts, found, strict=True):
        assert_same(result, naive_quals(quals, document, summary))


def close(one, other):
    assert [(p.question, p.answer) for p in one.pairs] == [
        (p.question, p.answer) for p in other.pairs
    ]
    assert [p.score for p in one.pairs] == pytest.approx([p.score for p in other.pairs], abs=1e-4)
    assert (one.quals is None) == (other.quals is None)
    assert one.quals is None or one.quals == pytest.approx(other.quals, abs=1e-4)


@pytest.mark.parametrize("row_budget", [1, 25, 100000])
def test_scores_depend_on_neither_batches_nor_order(quals, row_budget):
    documents, summaries = map(list, zip(*CASES, strict=True))
    expected = quals.score(documents, summaries)
    changed = quals.settings.model_copy(update={"row_budget": row_budget})
    other = Quals(Checkpoint(quals.model, quals.tokenizer), quals.separator, changed)
    for one, two in zip(expected, other.score(documents, summaries), strict=True):
        close(one, two)
    for one, two in zip(expected[::-1], other.score(documents[::-1], summaries[::-1]), strict=True):
        close(one, two)
    for case, one in zip(CASES, expected, strict=True):
        close(one, other.score([case[0]], [case[1]])[0])


def test_equal_inputs_get_equal_results(quals):
    first, *_, last = quals.score(*map(list, zip(*CASES, strict=True)))
    assert CASES[0] == CASES[-1]
    assert first == last


def test_a_document_equal_to_its_summary_scores_zero(quals):
    found = quals.score(["Ada beat Ivan"], ["Ada beat Ivan"])[0]
    assert found.pairs
    assert found.quals == pytest.approx(0, abs=1e-4)


def test_what_exceeds_the_limit_is_not_read(quals):
    long = "in Kelby on Monday " * 5
    cut = " ".join(long.split()[: quals.settings.max_source_tokens])
    close(*quals.score([long, cut], ["Ivan in Kelby"] * 2))


def test_the_score_is_the_mean_over_pairs(quals):
    for result in quals.score(*map(list, zip(*CASES, strict=True))):
        row = result.to_row()
        if result.quals is None:
            assert row == {"quals": None, "pairs": [], "reason": result.reason}
            assert result.reason
        else:
            scores = [pair["document_logprob"] - pair["summary_logprob"] for pair in row["pairs"]]
            assert row["quals"] == pytest.approx(sum(scores) / len(scores))
            assert len(scores) <= quals.settings.max_pairs


@pytest.mark.parametrize("summary", ["", " ", "?!"])
def test_a_summary_without_words_has_no_score_but_a_reason(quals, summary):
    found = quals.score(["Ada beat Ivan", ""], [summary, summary])
    assert [(r.quals, r.pairs) for r in found] == [(None, ())] * 2
    assert all("no question-answer pair" in r.reason for r in found)


def test_nothing_to_score_gives_nothing(quals):
    assert quals.score([], []) == []


def test_uneven_inputs_are_refused(quals):
    with pytest.raises(ValueError, match="2 documents, but 1 summaries"):
        quals.score(["a", "b"], ["c"])


@pytest.mark.parametrize(
    ("summary", "answer", "kept"),
    [
        ("Ada beat Ivan.", "Ada", "Ada"),
        ("Ada beat Ivan.", "ada", "ada"),
        ("Ada beat Ivan.", "beat Ivan", "beat Ivan"),
        ("Ada beat Ivan.", "Ivan.", "Ivan."),
        ("Ada beat Ivan.", None, None),
        ("Ada beat Ivan.", "Ada|Ivan", None),
        ("Ada beat Ivan.", "|Ada", None),
        ("Ada beat Ivan.", "", None),
        ("Ada beat Ivan.", "Iva", None),
        ("Ada beat Ivanov.", "Ivan", None),
        ("Ada beat Ivanov and Ivan.", "Ivan", "Ivan"),
        ("Ada beat Ivan 13-1.", "3-1", None),
        ("Ada beat Ivan 3-1.", "3-1", "3-1"),
        ("1,500 came.", "500", None),
        ("Ada beat Ivan.", "Ada Ivan", None),
        ("", "Ada", None),
    ],
)
def test_only_whole_word_answers_after_one_separator_survive(filter_of, summary, answer, kept):
    expected = [] if kept is None else [("Who?", kept)]
    assert filter_of(summary, [("Who?", answer, -1.0)]) == expected


def test_a_pair_without_a_question_is_dropped(filter_of):
    assert filter_of("Ada beat Ivan.", [("", "Ada", -1.0)]) == []


def test_answers_take_turns_likeliest_first(filter_of):
    rows = [
        ("Who 1?", "Ada", -1.0),
        ("Who 2?", "Ada", -2.0),
        ("Who 3?", "ADA", -3.0),
        ("Who 4?", "Ivan", -4.0),
        ("Who 5?", "Ivan", -5.0),
        ("Who 6?", "beat", -0.5),
    ]
    expected = ["Who 6?", "Who 1?", "Who 4?", "Who 2?", "Who 5?", "Who 3?"]
    for order in (rows, rows[::-1], rows[3:] + rows[:3]):
        assert [q for q, _ in filter_of("Ada beat Ivan.", order, max_pairs=10)] == expected
        for most in range(1, 7):
            found = filter_of("Ada beat Ivan.", order, max_pairs=most)
            assert [q for q, _ in found] == expected[:most]


def test_a_question_counts_once_for_an_answer_at_its_likeliest(filter_of):
    rows = [
        ("Who?", "Ada", -3.0),
        ("WHO?", "ada", -1.0),
        ("Who?", "Ivan", -2.0),
        ("Who?", "Ada", -3.0),
    ]
    assert filter_of("Ada beat Ivan.", rows) == [("WHO?", "ada"), ("Who?", "Ivan")]


def test_total_and_not_mean_likelihood_ranks(filter_of):
    long = "Who was it that beat Ivan Rossi in Kelby?"
    rows = [(long, "Ada", -1.5), ("Who?", "Ivan", -1.0)]
    assert [q for q, _ in filter_of("Ada beat Ivan.", rows)] == ["Who?", long]


def test_token_pairs_have_the_means_of_the_score(quals):
    checked = 0
    for document, summary in CASES:
        (result,) = quals.score([document], [summary])
        tokens = quals.token_pairs(document, summary)
        assert [(t.question, t.answer) for t in tokens] == [
            (p.question, p.answer) for p in result.pairs
        ]
        for token, pair in zip(tokens, result.pairs, strict=True):
            size = len(token.tokens)
            assert sum(token.summary_logprobs) / size == pair.summary_logprob
            assert sum(token.document_logprobs) / size == pair.document_logprob
            assert token.tokens[token.answer_at - 1] == SEPARATOR
            assert token.tokens[-1] == END
            question, answer = "".join(token.tokens).removesuffix(END).split(SEPARATOR)
            assert (question.strip(), answer.strip()) == (token.question, token.answer)
            assert "".join(token.tokens[token.answer_at : -1]).strip() == token.answer
            checked += 1
    assert checked >= 30


@pytest.fixture(scope="module")
def switched(quals):
    """QUALS of the test cases with other settings."""

    def score(**changed):
        settings = quals.settings.model_copy(update=changed)
        metric = Quals(Checkpoint(quals.model, quals.tokenizer), quals.separator, settings)
        return metric.score(*map(list, zip(*CASES, strict=True)))

    return score


@pytest.mark.parametrize("part", ["question", "answer"])
def test_likelihood_may_be_that_of_question_or_answer_alone(quals, switched, part):
    for (document, summary), result in zip(CASES, switched(likelihood=part), strict=True):
        for pair, token in zip(result.pairs, quals.token_pairs(document, summary), strict=True):
            at = token.answer_at
            chosen = slice(0, at - 1) if part == "question" else slice(at, -1)
            for found, values in (
                (pair.summary_logprob, token.summary_logprobs[chosen]),
                (pair.document_logprob, token.document_logprobs[chosen]),
            ):
                assert values
                assert found == pytest.approx(sum(values) / len(values), abs=1e-4)


def test_the_penalty_of_the_search_only_lowers_the_summary_side(quals, switched):
    lower = 0
    plain = switched(max_pairs=100)
    for one, other in zip(
        plain, switched(max_pairs=100, penalised_summary_score=True), strict=True
    ):
        fair = {(p.question, p.answer): p for p in one.pairs}
        assert {(p.question, p.answer) for p in other.pairs} == set(fair)
        for pair in other.pairs:
            same = fair[pair.question, pair.answer]
            assert pair.document_logprob == pytest.approx(same.document_logprob, abs=1e-4)
            assert pair.summary_logprob <= same.summary_logprob + 1e-4
            lower += pair.summary_logprob < same.summary_logprob - 0.01
    assert lower > 10


def test_the_penalty_counts_earlier_groups_with_the_same_choice(read, quals):
    strength = 0.5
    memory = read(quals.model, quals.tokenizer.encode([summary for _, summary in CASES]))
    limits = Limits(quals.settings.shortest, quals.settings.longest)
    for group in diverse_decode(quals.model, memory, groups=6, strength=strength, limits=limits):
        for at, hypothesis in enumerate(group):
            for step, token in enumerate(hypothesis.ids):
                before = [h.ids[step] for h in group[:at] if step < len(h.ids)]
                assert hypothesis.penalties[step] == strength * before.count(token)


def test_answers_may_be_parts_of_words_where_that_is_wanted(filter_of):
    rows = [("Who?", "Iva", -1.0), ("Who?", "Zoe", -2.0)]
    assert filter_of("Ada beat Ivan.", rows) == []
    assert filter_of("Ada beat Ivan.", rows, substring_answers=True) == [("Who?", "Iva")]


def test_a_folder_brings_its_settings_and_the_papers_stand_in(quals, tmp_path):
    assert load_settings(tmp_path) == PAPER
    save_settings(quals.settings, tmp_path)
    assert load_settings(tmp_path) == quals.settings
    names = {"separator_token_id": quals.separator}
    checkpoint.save(quals.model, quals.tokenizer, tmp_path, **names)
    assert Quals.from_pretrained(tmp_path).settings == quals.settings
    changed = quals.settings.model_copy(update={"groups": 3})
    assert Quals.from_pretrained(tmp_path, changed).settings == changed


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("groups", 0),
        ("groups", "many"),
        ("likelihood", "all"),
        ("surprise", 1),
        ("penalised_summary_score", 1),
    ],
)
def test_wrong_stored_settings_are_named_by_file_and_key(tmp_path, key, value):
    (tmp_path / "quals.json").write_text(json.dumps({**PAPER.model_dump(), key: value}))
    with pytest.raises(ParamsError, match=rf"quals\.json: {key}: "):
        load_settings(tmp_path)


def test_a_folder_gives_the_same_scores_and_names_its_separator(quals, tmp_path):
    checkpoint.save(quals.model, quals.tokenizer, tmp_path / "plain")
    with pytest.raises(CheckpointError, match=r"plain/config\.json: no separator_token_id"):
        Quals.from_pretrained(tmp_path / "plain", quals.settings)
    checkpoint.save(
        quals.model, quals.tokenizer, tmp_path / "qagen", separator_token_id=quals.separator
    )
    loaded = Quals.from_pretrained(tmp_path / "qagen", quals.settings)
    texts = [list(side) for side in zip(*CASES[:3], strict=True)]
    for one, other in zip(quals.score(*texts), loaded.score(*texts), strict=True):
        close(one, other)
