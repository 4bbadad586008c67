"""The benchmark runs, its figures have the published fields, its README shows them, it can fail."""

import copy
import subprocess
import sys

import engine
import pytest
import torch
from flops import needed
from pipeline import ROOT
from table import FIELDS, render_block
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode
from work import FirstGroups, bart, smollm

from quals.analysis.readme import filled
from quals.decoding.scoring import score_targets
from quals.decoding.sequences import Hypothesis
from quals.jsonl import read_json
from quals.metrics.quals import PAPER
from quals.models.checkpoint import Checkpoint

FOLDER = ROOT / "benchmarks"


@pytest.fixture(scope="module")
def quick(tmp_path_factory):
    """The folder that `--quick` fills."""
    folder = tmp_path_factory.mktemp("quick")
    command = [FOLDER / "engine.py", "--quick", "--threads", "1", "--scratch", folder]
    subprocess.run([sys.executable, *map(str, command)], check=True, capture_output=True)
    return folder


def test_quick_run_measures_every_implementation_on_every_model(quick):
    rows = read_json(quick / "engine.json")
    assert [(row["model"].split()[0], row["implementation"]) for row in rows] == [
        (model, name)
        for model in ("BART-base", "SmolLM2-135M")
        for name in ("naive", "plain", "engine")
    ]
    for row in rows:
        assert row.keys() == set(FIELDS)
        assert row["seconds_per_summary"] > row["document_scoring_seconds"] > 0
        assert (row["speedup"] == 1) == (row["implementation"] == "naive")
        assert row["pairs_per_second"] > 0
        assert row["peak_mib"] > 50  # torch alone needs more
        assert 0 < row["matmul_share"] < 1
    block = render_block(rows, read_json(quick / "engine_machine.json"))
    assert all(row["model"] in block for row in rows)


def test_readme_block_is_what_the_result_files_give():
    figures, machine = FOLDER / "engine.json", FOLDER / "engine_machine.json"
    if not figures.is_file():
        pytest.skip("benchmarks/engine.json: `make bench` has not been run")
    readme = (FOLDER / "README.md").read_text()
    assert filled(readme, render_block(read_json(figures), read_json(machine))) == readme


RESULT = {
    "quals": -0.5,
    "pairs": [
        {"question": "Who?", "answer": "Ada", "summary_logprob": -1.0, "document_logprob": -1.5}
    ],
}


def differing(quals=None, **pair):
    """RESULT with another score, or other values in its pair."""
    other = copy.deepcopy(RESULT)
    other["quals"] = RESULT["quals"] if quals is None else quals
    other["pairs"][0] |= pair
    return other


@pytest.mark.parametrize(
    "other",
    [
        {"quals": None, "pairs": []},
        differing(quals=-0.502),
        differing(document_logprob=-1.502),
        differing(summary_logprob=-0.998),
        differing(answer="Ivan"),
    ],
)
def test_another_pair_or_score_stops_the_benchmark(other):
    near = differing(quals=-0.5004, document_logprob=-1.4996)
    rows = {"naive": {"common": {"results": [RESULT]}}, "engine": {"common": {"results": [near]}}}
    engine.agree(rows, "a model")
    rows["engine"]["common"]["results"] = [other]
    with pytest.raises(engine.InputError, match="a model, summary 0: 'engine' and 'naive' differ"):
        engine.agree(rows, "a model")


def test_nothing_to_compare_stops_the_benchmark():
    rows = {"naive": {"common": {"results": [{"quals": None, "pairs": []}]}}}
    with pytest.raises(engine.InputError, match="no summary has a pair"):
        engine.agree(rows, "a model")


def test_first_of_equal_hypotheses_keeps_its_place(make_model, few_words):
    checkpoint = Checkpoint(make_model(few_words.backend.get_vocab_size()), few_words)
    metric = FirstGroups(checkpoint, 4, PAPER.model_copy(update={"max_pairs": 2}))
    hypotheses = [Hypothesis([token, 1], [-1.0, -1.0]) for token in (7, 5, 7)]
    assert [c.ids for c in metric.select("", hypotheses)] == [(7, 1), (5, 1)]


@pytest.mark.parametrize("family", ["t5", "bart", "causal"])
def test_needed_operations_are_those_that_torch_counts(family, make_model, few_words):
    """But for what a causal mask hides, which the engine computes and the formula leaves out."""
    vocabulary = few_words.backend.get_vocab_size()
    if family == "t5":
        model = make_model(vocabulary)
    else:
        make = bart if family == "bart" else smollm
        model = make(vocabulary, few_words, tiny=True).eval()
    text, rows, size = [2, 5, 4, 7, 6, 3], 3, 4
    plain_kernel = sdpa_kernel(SDPBackend.MATH)  # the fused one's products are not counted
    with FlopCounterMode(display=False) as counter, torch.inference_mode(), plain_kernel:
        memory = model.read(torch.tensor([text]), torch.ones(1, len(text), dtype=torch.bool))
        score_targets(model, memory, [[[4, 3, 5, 1]] * rows])
    config = model.config
    if family == "causal":
        width, layers = config.num_attention_heads * config.head_dim, config.num_hidden_layers
        hidden = layers * (rows * size * (size - 1) + len(text) * (len(text) - 1)) // 2
    else:
        width = config.d_model if family == "bart" else config.num_heads * config.d_kv
        hidden = 2 * rows * size * (size - 1) // 2
    expected = needed(model, len(text), [size] * rows) + 4 * width * hidden
    assert counter.get_total_flops() == expected
