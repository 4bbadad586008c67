"""Laws of the explained share: what it is, its bounds, and that no company changes it."""

import pytest
import torch
from adapters import make_base
from hypothesis import given
from hypothesis import strategies as st
from test_quals import CASES

from quals.decoding import likelihoods
from quals.decoding.scoring import target_logprobs
from quals.metrics import quals
from quals.metrics.explained import ExplainedQuals, explained_share
from quals.metrics.quals import PAPER
from quals.models.checkpoint import Checkpoint
from quals.models.tokenizer import SEPARATOR, pad

LONGEST = 12
LOGPROBS = st.lists(st.floats(-20, -0.01), min_size=1, max_size=8)
DOCUMENTS, SUMMARIES = map(list, zip(*(case for case in CASES if case[1]), strict=True))


@pytest.fixture(params=["T5", "Llama"])
def metric(request, make_qagen, few_words):
    """The metric over an encoder-decoder and over a decoder; it cuts texts."""
    decoder = request.param == "Llama"
    model = make_base(few_words.backend.get_vocab_size()) if decoder else make_qagen(10)
    settings = PAPER.model_copy(update={"max_source_tokens": LONGEST, "row_budget": 40})
    return ExplainedQuals(Checkpoint(model, few_words), few_words.id_of(SEPARATOR), settings)


def shares(metric, documents, summaries) -> list[float | None]:
    return [one.quals for one in metric.score(documents, summaries)]


@torch.inference_mode()
def naive(metric, document: str, summary: str) -> float:
    """One text at a time, nothing shared."""
    target, mask = pad(metric.tokenizer.encode([summary], LONGEST), 0)
    sums = []
    for text in metric.tokenizer.encode([document], LONGEST), [[]]:
        memory = metric.model.read(*pad(text, 0))
        sums.append(target_logprobs(metric.model, memory, target[None], mask[None]).sum().item())
    return 1 - sums[0] / sums[1]


def test_the_share_is_of_the_summary_s_own_surprise(metric):
    found = shares(metric, DOCUMENTS, SUMMARIES)
    expected = [naive(metric, *case) for case in zip(DOCUMENTS, SUMMARIES, strict=True)]
    assert found == pytest.approx(expected, abs=1e-4)
    assert len({round(share, 3) for share in found}) > 3
    assert any(len(ids) == LONGEST for ids in metric.tokenizer.encode(DOCUMENTS, LONGEST))


def test_score_ignores_batch_order_company_and_budget(metric):
    found = shares(metric, DOCUMENTS, SUMMARIES)
    assert shares(metric, DOCUMENTS[::-1], SUMMARIES[::-1])[::-1] == found
    for at, pair in enumerate(zip(DOCUMENTS, SUMMARIES, strict=True)):
        assert shares(metric, *([text] for text in pair)) == pytest.approx([found[at]], abs=1e-4)
    for budget in (1, 10_000):
        metric.settings = metric.settings.model_copy(update={"row_budget": budget})
        assert shares(metric, DOCUMENTS, SUMMARIES) == pytest.approx(found, abs=1e-4)


def test_an_empty_document_explains_nothing(metric):
    assert shares(metric, [""] * len(SUMMARIES), SUMMARIES) == pytest.approx(
        [0] * len(SUMMARIES), abs=1e-5
    )


def test_a_document_is_read_once_and_no_question_is_written(metric, monkeypatch):
    monkeypatch.setattr(quals, "diverse_decode", None)
    reads = []
    read_in_batches = likelihoods.read_in_batches

    def counting(model, sources, **options):
        reads.append([source for source in sources if source])
        return read_in_batches(model, sources, **options)

    monkeypatch.setattr(likelihoods, "read_in_batches", counting)
    found = metric.score([DOCUMENTS[0]] * len(SUMMARIES), SUMMARIES)
    assert sum(map(len, reads)) == 1
    assert all(one.pairs == () for one in found)


def test_a_summary_without_words_has_no_score_but_a_reason(metric):
    empty, other = metric.score([DOCUMENTS[0]] * 2, ["", SUMMARIES[0]])
    assert empty.quals is None
    assert "says nothing" in empty.reason
    assert other.quals is not None
    assert metric.score([], []) == []
    with pytest.raises(ValueError, match="2 documents, but 1 summaries"):
        metric.score(["a", "b"], ["a"])


@given(LOGPROBS, st.data())
def test_the_share_rises_with_every_token_up_to_one(alone, data):
    size = {"min_size": len(alone), "max_size": len(alone)}
    under = data.draw(st.lists(st.floats(-20, 0), **size))
    gains = data.draw(st.lists(st.floats(0, 5), **size))
    better = [min(0.0, u + g) for u, g in zip(under, gains, strict=True)]
    share = explained_share(under, alone)
    assert share <= explained_share(better, alone) <= 1
    assert explained_share([0.0] * len(alone), alone) == 1
    assert explained_share(alone, alone) == 0


def test_what_is_certain_in_any_case_has_no_share():
    assert explained_share([], []) is None
    assert explained_share([-1.0], [0.0]) is None
