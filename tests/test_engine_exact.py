"""The whole engine against QUALS in plain loops over the models of `transformers`.

One pair at a time, every document read anew for every token, no cache, no padding, no company:
T5, BART and decoder-only shapes find the same pairs and, within 1e-4, the same scores.
"""

from functools import cache
from pathlib import Path

import naive
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from network import Network

from quals.assets.smollm2 import NETWORK
from quals.metrics.quals import Quals, QualsSettings
from quals.models import checkpoint
from quals.models.bart import BART, BartConfig
from quals.models.causal import CausalConfig, CausalModel
from quals.models.checkpoint import Checkpoint
from quals.models.tokenizer import SEPARATOR
from quals.params import load_section

SCALE = Path(__file__).parents[1] / "scales" / "testbed.yaml"
SMALL = {"groups": 8, "shortest": 2, "longest": 5, "max_pairs": 5, "max_source_tokens": 7}
IDS = {"pad_token_id": 0, "eos_token_id": 1}
SIZES = {"hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2, "head_dim": 4}
LLAMA = CausalConfig(
    vocab_size=12,
    **SIZES,
    num_attention_heads=4,
    num_key_value_heads=2,
    **{**NETWORK, "rms_norm_eps": 1e-6, "rope_theta": 100.0},
    **IDS,
    decoder_start_token_id=3,  # the separator also begins a target
)
CAUSAL = {
    "llama": {},
    "qwen2": {"query_bias": True, "tie_word_embeddings": False, "num_key_value_heads": 4},
    "qwen3": {"query_norm": True, "head_dim": 6, "num_key_value_heads": 1},
}
FAMILIES = ["t5", "bart", *CAUSAL]
INPUTS = 45  # at least, for each family


def make_bart():
    shared = {"encoder_layers": 2, "decoder_layers": 2, "max_position_embeddings": 16}
    heads = {"encoder_attention_heads": 2, "decoder_attention_heads": 4}
    inner = {"encoder_ffn_dim": 24, "decoder_ffn_dim": 20}
    sizes = {"vocab_size": 12, "d_model": 16, "scale_embedding": True}
    return BART(BartConfig(**sizes, **shared, **heads, **inner, **IDS, decoder_start_token_id=1))


@pytest.fixture(scope="module", params=FAMILIES)
def metric(request, make_qagen, teach, few_words):
    """QUALS over a small model of each family after a moment of training."""
    kind = request.param
    with torch.random.fork_rng():
        torch.manual_seed(5)
        if kind == "t5":
            model = make_qagen(5)
        elif kind == "bart":
            model = teach(make_bart(), 5)
        else:
            model = teach(CausalModel(LLAMA.model_copy(update=CAUSAL[kind])), 5)
    chosen = load_section(SCALE, "quals", QualsSettings).model_copy(update=SMALL)
    return Quals(Checkpoint(model, few_words), few_words.id_of(SEPARATOR), chosen)


@pytest.fixture(scope="module")
def next_by_transformers(metric, tmp_path_factory):
    """Log p of every token after a prefix by `transformers`: one text, one full pass."""
    folder = tmp_path_factory.mktemp("model")
    checkpoint.save(metric.model, metric.tokenizer, folder)
    network = Network(folder, attention="eager")

    @cache
    def compute(text, prefix):
        return network.next_logprobs(list(text), list(prefix))

    return lambda text, prefix: compute(tuple(text), tuple(prefix))


WORDS = st.sampled_from(["Who", "Ada", "ada", "Ivan", "in", "Kelby", "on", "Monday"])
TEXT = st.lists(WORDS, min_size=2, max_size=10).map(" ".join)
SHORT = st.one_of(st.just(""), WORDS)
CASE = st.one_of(st.tuples(TEXT, TEXT), st.tuples(TEXT, TEXT), st.tuples(SHORT | TEXT, SHORT))


def test_the_engine_equals_plain_loops_over_transformers(metric, next_by_transformers):
    seen = {"inputs": 0, "pairs": 0, "scored": 0, "cut": 0, "short": 0}

    @settings(max_examples=9)
    @given(st.lists(CASE, min_size=5, max_size=8), st.integers(0, 4))
    def agree(cases, twice):
        cases = [*cases, cases[twice]]
        found = metric.score(*map(list, zip(*cases, strict=True)))
        for (document, summary), result in zip(cases, found, strict=True):
            pairs, score = naive.quals(next_by_transformers, metric, document, summary)
            assert [(p.question, p.answer) for p in result.pairs] == [p[:2] for p in pairs]
            for pair, (_, _, under_summary, under_document) in zip(
                result.pairs, pairs, strict=True
            ):
                assert pair.summary_logprob == pytest.approx(under_summary, abs=1e-4)
                assert pair.document_logprob == pytest.approx(under_document, abs=1e-4)
            assert result.quals == (None if score is None else pytest.approx(score, abs=1e-4))
            seen["pairs"] += len(pairs)
            seen["scored"] += score is not None
            seen["cut"] += len(document.split()) > metric.settings.max_source_tokens
            seen["short"] += len(summary.split()) < 2
        assert found[-1] == found[twice]
        seen["inputs"] += len(cases) - 1

    agree()
    # Nothing is shown by texts without pairs.
    assert seen["inputs"] >= INPUTS, seen
    assert seen["scored"] >= seen["inputs"] // 3, seen
    assert seen["pairs"] >= 2 * seen["scored"], seen
    assert min(seen["cut"], seen["short"]) >= 3, seen


CASES = [
    ("Ada Ivan in Kelby on Monday", "Ada Ivan"),
    ("Ivan Ada on Monday in Kelby Who Ada Ivan", "Ada Ivan Kelby Monday"),
    ("", "Ivan Ada Who"),
    ("Kelby", ""),
    ("in Kelby on Monday", "Monday"),
    ("Ivan in Kelby on Monday", "Who Ada in Kelby on Monday Ivan Ada Ada"),
    ("Ada Ivan in Kelby on Monday", "Ada Ivan"),
]


def close(one, other):
    assert [(p.question, p.answer) for p in one.pairs] == [
        (p.question, p.answer) for p in other.pairs
    ]
    assert [p.score for p in one.pairs] == pytest.approx([p.score for p in other.pairs], abs=1e-4)
    assert one.quals == (None if other.quals is None else pytest.approx(other.quals, abs=1e-4))


@pytest.mark.parametrize("row_budget", [1, 20, 10**6])
def test_batch_size_order_and_company_change_no_score(metric, row_budget):
    documents, summaries = map(list, zip(*CASES, strict=True))
    expected = metric.score(documents, summaries)
    assert sum(result.quals is not None for result in expected) >= 4
    changed = metric.settings.model_copy(update={"row_budget": row_budget})
    other = Quals(Checkpoint(metric.model, metric.tokenizer), metric.separator, changed)
    for one, two in zip(expected[::-1], other.score(documents[::-1], summaries[::-1]), strict=True):
        close(one, two)
    for case, one in zip(CASES, expected, strict=True):
        close(one, other.score([case[0]], [case[1]])[0])


def test_a_rerun_gives_the_same_bits(metric):
    documents, summaries = map(list, zip(*CASES, strict=True))
    first = metric.score(documents, summaries)
    assert [result.to_row() for result in metric.score(documents, summaries)] == [
        result.to_row() for result in first
    ]
