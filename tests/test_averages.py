"""Laws of the averages over tokens and pairs: the paper's, and those that stand beside it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scored import make_folder, rows

from quals.metrics.averaged import AveragedQuals
from quals.metrics.averages import AVERAGES, PAPER, Tokens
from quals.metrics.quals import Quals, QualsSettings
from quals.params import load_section

LOGPROB = st.floats(-20, 0)


@st.composite
def tokens(draw) -> Tokens:
    """A question's token, a separator, an answer's and the end, of each of the two one at least."""
    gaps = draw(st.lists(st.tuples(LOGPROB, LOGPROB), min_size=4, max_size=8))
    document, summary = zip(*gaps, strict=True)
    return Tokens(document, summary, draw(st.integers(2, len(gaps) - 2)))


PAIRS = st.lists(tokens(), min_size=1, max_size=5)


def naive(pairs, name: str) -> float:
    gaps = []
    for document, summary, answer_at in pairs:
        differences = [d - s for d, s in zip(document, summary, strict=True)]
        if name == "worst_token":
            gaps.append(sorted(differences[answer_at:-1])[0])
        elif name in ("sum", "worst_pair"):
            gaps.append(sum(differences))
        else:
            gaps.append(sum(differences) / len(differences))
    return sorted(gaps)[0] if name in ("lowest", "worst_pair") else sum(gaps) / len(gaps)


@given(PAIRS)
def test_averages_are_what_their_names_say(pairs):
    for name, average in AVERAGES.items():
        assert average.of(pairs) == pytest.approx(naive(pairs, name), abs=1e-9)


@given(PAIRS)
def test_the_worst_pair_is_never_above_the_mean_of_pairs(pairs):
    for worst, mean in (("lowest", PAPER), ("worst_pair", "sum")):
        assert AVERAGES[worst].of(pairs) <= AVERAGES[mean].of(pairs) + 1e-9


@given(PAIRS, tokens())
def test_one_more_pair_never_raises_the_worst(pairs, more):
    for name in ("lowest", "worst_pair"):
        assert AVERAGES[name].of([*pairs, more]) <= AVERAGES[name].of(pairs)


@given(PAIRS, st.integers(0, 4), st.floats(0, 5))
def test_what_a_question_is_like_says_nothing_to_the_worst_token(pairs, which, less):
    document, summary, answer_at = pairs[which % len(pairs)]
    other = [document[0] - less, *document[1:-1], document[-1] - less]
    changed = [*pairs[: which % len(pairs)], Tokens(other, summary, answer_at)]
    changed += pairs[which % len(pairs) + 1 :]
    average = AVERAGES["worst_token"]
    assert average.of(changed) == average.of(pairs)


@given(PAIRS, st.randoms())
def test_no_order_of_pairs_matters(pairs, random):
    other = random.sample(pairs, len(pairs))
    for average in AVERAGES.values():
        assert average.of(other) == pytest.approx(average.of(pairs), abs=1e-9)


def test_without_pairs_there_is_no_score():
    assert {average.of([]) for average in AVERAGES.values()} == {None}


@pytest.fixture(scope="module")
def folder(make_qagen, few_words, tmp_path_factory):
    path = tmp_path_factory.mktemp("averages")
    return make_folder(path / "qagen", make_qagen(10), few_words)


@pytest.fixture(scope="module")
def settings(folder):
    return load_section(folder.parent / "settings.yaml", "quals", QualsSettings)


def test_scores_are_averages_of_the_tokens_that_explain_shows(folder, settings):
    asked = rows(8)
    documents, summaries = ([row[key] for row in asked] for key in ("document", "summary"))
    paper = Quals.from_pretrained(folder, settings)
    shown = [paper.token_pairs(d, s) for d, s in zip(documents, summaries, strict=True)]
    columns = {}
    for name, average in AVERAGES.items():
        metric = AveragedQuals.from_pretrained(folder, settings, name)
        found = metric.score(documents, summaries)
        for one, pairs in zip(found, shown, strict=True):
            found_tokens = [
                Tokens(pair.document_logprobs, pair.summary_logprobs, pair.answer_at)
                for pair in pairs
            ]
            expected = average.of(found_tokens)
            assert one.quals == (None if expected is None else pytest.approx(expected, abs=1e-4))
            assert [pair.question for pair in one.pairs] == [pair.question for pair in pairs]
            for pair, its in zip(one.pairs, found_tokens, strict=True):
                document, summary = average.sides(its)
                assert pair.document_logprob == pytest.approx(document, abs=1e-4)
                assert pair.score == pytest.approx(document - summary, abs=1e-4)
        columns[name] = tuple(one.quals for one in found)
    assert columns[PAPER] == tuple(one.quals for one in paper.score(documents, summaries))
    assert len(set(columns.values())) == len(columns), "every average must matter in this test"


def test_a_part_of_the_pairs_is_refused(folder, settings):
    answers = settings.model_copy(update={"likelihood": "answer"})
    with pytest.raises(ValueError, match="'likelihood' is 'answer'"):
        AveragedQuals.from_pretrained(folder, answers, "sum")
