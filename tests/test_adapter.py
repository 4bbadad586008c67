"""Laws of adapters: merging adds alpha / r times B A and nothing else, whole or not at all."""

import copy
import json
import os
import signal
import subprocess
import sys

import numpy as np
import pytest
import torch
from adapters import (
    ALL,
    files,
    logits,
    make_adapter,
    make_base,
    record_for,
    save_adapter,
    save_base,
)
from safetensors.torch import load_file, save_file

from quals.assets.smollm2 import NETWORK
from quals.models import adapter_folder, checkpoint
from quals.models.adapter import add, merge, weights_hash
from quals.models.adapter_folder import (
    CONFIG,
    RECORD,
    WEIGHTS,
    Adapter,
    AdapterError,
    key_of,
    load,
    shrunk,
)
from quals.models.causal import CausalConfig
from quals.models.tokenizer import SEPARATOR, load_special_ids

LAYER = "model.layers.1.mlp.up_proj"


@pytest.fixture(scope="module")
def model(tokenizer):
    return make_base(tokenizer.backend.get_vocab_size())


@pytest.fixture(scope="module")
def base(model, tokenizer, tmp_path_factory):
    return save_base(model, tokenizer, tmp_path_factory.mktemp("base") / "base")


@pytest.fixture
def adapter(model, tmp_path):
    return save_adapter(model, make_adapter(model), tmp_path / "adapter")


def naively_adapted(model, adapter):
    """Logits of the untouched network, whose layers each get their contribution from a loop."""

    scale = adapter.alpha / adapter.rank

    def dot(line, row):
        return sum(x * y for x, y in zip(line, row, strict=True))

    def contribute(name):
        a, b = (matrix.tolist() for matrix in adapter.pairs[name])

        def hook(_, inputs, output):
            extra = []
            for row in inputs[0].reshape(-1, inputs[0].shape[-1]).tolist():
                inner = [dot(line, row) for line in a]
                extra.append([scale * dot(line, inner) for line in b])
            return output + torch.tensor(extra, dtype=output.dtype).view(output.shape)

        return hook

    parts = dict(model.named_modules())
    hooks = [parts[name].register_forward_hook(contribute(name)) for name in adapter.pairs]
    try:
        return logits(model)
    finally:
        for hook in hooks:
            hook.remove()


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("targets", [ALL, ("q_proj", "v_proj"), ("down_proj",)])
def test_merged_logits_are_the_bases_plus_the_adapters_contribution(
    tokenizer, tmp_path, tied, targets
):
    model = make_base(tokenizer.backend.get_vocab_size(), tied=tied)
    added = make_adapter(model, targets=targets)
    save_base(model, tokenizer, tmp_path / "base")
    merge(tmp_path / "base", save_adapter(model, added, tmp_path / "adapter"), tmp_path / "out")
    merged = checkpoint.load(tmp_path / "out").model
    # In float64 only the rounding of merged weights is left: sums of float32 also differ by
    # where in memory their numbers lie, by up to 1.9e-5 here.
    exact = copy.deepcopy(model).double()
    expected = naively_adapted(exact, added)
    found = logits(copy.deepcopy(merged).double())
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)
    assert (expected - logits(exact)).abs().max() > 0.1
    changed = {
        name.removesuffix(".weight")
        for name, tensor in merged.state_dict().items()
        if not torch.equal(tensor, model.state_dict()[name])
    }
    assert changed == added.pairs.keys()


def test_a_zero_B_changes_nothing(model, base, tmp_path):
    added = make_adapter(model)
    zero = {name: (a, torch.zeros_like(b)) for name, (a, b) in added.pairs.items()}
    idle = Adapter(added.rank, added.alpha, 0.0, added.targets, zero)
    merge(base, save_adapter(model, idle, tmp_path / "adapter"), tmp_path / "out")
    assert (tmp_path / "out" / checkpoint.WEIGHTS).read_bytes() == (
        base / checkpoint.WEIGHTS
    ).read_bytes()


def test_a_merged_folder_is_a_qagen_model_with_the_adapters_settings(base, adapter, tmp_path):
    (adapter / "quals.json").write_text('{"groups": 3}\n')
    merge(base, adapter, tmp_path / "out")
    tokenizer = checkpoint.load(tmp_path / "out").tokenizer
    ids = load_special_ids(tmp_path / "out")
    assert ids["separator_token_id"] == tokenizer.id_of(SEPARATOR)
    before = json.loads((base / "config.json").read_text())
    after = json.loads((tmp_path / "out/config.json").read_text())
    assert after == {**before, "separator_token_id": ids["separator_token_id"]}
    assert (tmp_path / "out/quals.json").read_text() == '{"groups": 3}\n'
    assert (tmp_path / "out/tokenizer.json").read_bytes() == (base / "tokenizer.json").read_bytes()


def test_transformers_reads_a_merged_folder_and_its_tied_head(base, adapter, tmp_path):
    from transformers import AutoModelForCausalLM

    merge(base, adapter, tmp_path / "out")
    assert "lm_head.weight" not in load_file(tmp_path / "out" / checkpoint.WEIGHTS)
    theirs = AutoModelForCausalLM.from_pretrained(tmp_path / "out")
    ours = checkpoint.load(tmp_path / "out").model
    with torch.inference_mode():
        found = theirs(torch.tensor([[5, 9, 4, 30, 31, 2, 5, 6, 8]])).logits[0, 5:]
    torch.testing.assert_close(found, logits(ours)[0], atol=1e-5, rtol=0)


def test_merging_gives_the_same_bytes_whatever_the_threads(base, adapter, tmp_path):
    merge(base, adapter, tmp_path / "one")
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        merge(base, adapter, tmp_path / "two")
    finally:
        torch.set_num_threads(threads)
    assert files(tmp_path / "one") == files(tmp_path / "two")


def test_the_hash_is_that_of_the_weights_not_of_their_files(model, base, tokenizer, tmp_path):
    state = load_file(base / checkpoint.WEIGHTS)
    places = {"lm_head.weight": "b.safetensors"}
    places |= {n: f"{'ab'[at % 2]}.safetensors" for at, n in enumerate(sorted(state))}
    state["lm_head.weight"] = state["model.embed_tokens.weight"].clone()
    for part in ("a.safetensors", "b.safetensors"):
        save_file({n: t for n, t in state.items() if places[n] == part}, tmp_path / part)
    (tmp_path / checkpoint.INDEX).write_text(json.dumps({"weight_map": places}))
    (tmp_path / "config.json").write_bytes((base / "config.json").read_bytes())
    tokenizer.save(tmp_path)
    assert weights_hash(checkpoint.load(tmp_path).model) == weights_hash(model)
    half = checkpoint.load(base, dtype=torch.bfloat16).model
    assert weights_hash(half) == weights_hash(half.float()) != weights_hash(model)
    assert weights_hash(make_base(model.config.vocab_size, seed=1)) != weights_hash(model)


def changed_state(change):
    def apply(folder):
        state = {key: tensor.clone() for key, tensor in load_file(folder / WEIGHTS).items()}
        change(state)
        save_file(state, folder / WEIGHTS)

    return apply


def changed_json(file, **values):
    def apply(folder):
        content = json.loads((folder / file).read_text())
        (folder / file).write_text(json.dumps({**content, **values}))

    return apply


A, B = key_of(LAYER, "A"), key_of(LAYER, "B")
EMBEDDING = "base_model.model.model.embed_tokens.lora_embedding_A"
HARMS = {
    "no config": (lambda f: (f / CONFIG).unlink(), rf"{CONFIG}: no such file"),
    "no object": (lambda f: (f / CONFIG).write_text("[]"), rf"{CONFIG}: must hold an object"),
    "no json": (lambda f: (f / CONFIG).write_text("{"), rf"{CONFIG}:1: not JSON"),
    "no record": (lambda f: (f / RECORD).unlink(), rf"{RECORD}: no such file"),
    "no weights": (lambda f: (f / WEIGHTS).unlink(), rf"{WEIGHTS}: no such weight file$"),
    "pickled": (
        lambda f: (f / WEIGHTS).rename(f / "adapter_model.bin"),
        r"adapter_model\.bin is pickled and is never loaded",
    ),
    "damaged": (lambda f: (f / WEIGHTS).write_bytes(b"0" * 99), rf"{WEIGHTS}: not a safetensors"),
    "kind": (changed_json(CONFIG, peft_type="IA3"), rf"{CONFIG}: peft_type is 'IA3'"),
    "rank": (changed_json(CONFIG, r=True), rf"{CONFIG}: r must be .* not True"),
    "alpha": (changed_json(CONFIG, lora_alpha=0), rf"{CONFIG}: lora_alpha must be"),
    "regex": (changed_json(CONFIG, target_modules="all"), rf"{CONFIG}: target_modules must be"),
    "dora": (changed_json(CONFIG, use_dora=True), rf"{CONFIG}: use_dora is True"),
    "rslora": (changed_json(CONFIG, use_rslora=True), rf"{CONFIG}: use_rslora is True"),
    "bias": (changed_json(CONFIG, bias="all"), rf"{CONFIG}: bias is 'all'"),
    "ranks": (changed_json(CONFIG, rank_pattern={"q": 2}), rf"{CONFIG}: rank_pattern is"),
    "new option": (changed_json(CONFIG, something=1), rf"{CONFIG}: something is 1"),
    "pissa": (changed_json(CONFIG, init_lora_weights="pissa"), r"init_lora_weights is 'pissa'"),
    "other rank": (changed_json(CONFIG, r=4), rf"{WEIGHTS}: '.*' is .*, but the rank is 4"),
    "unknown target": (
        changed_json(CONFIG, target_modules=[*ALL, "head"]),
        rf"{CONFIG}: target_modules: 'head' is no linear layer",
    ),
    "tied head": (
        changed_json(CONFIG, target_modules=[*ALL, "lm_head"]),
        rf"{CONFIG}: target_modules: 'lm_head' is no linear layer",
    ),
    "no target": (
        changed_json(CONFIG, target_modules=list(ALL[:-1])),
        rf"{WEIGHTS}: '.*down_proj.*' is not among the target_modules",
    ),
    "half a pair": (changed_state(lambda s: s.pop(B)), rf"{WEIGHTS}: '.*lora_B.*' is missing"),
    "missing layer": (
        changed_state(lambda s: (s.pop(A), s.pop(B))),
        rf"{WEIGHTS}: '{A}' is missing",
    ),
    "unknown layer": (
        changed_state(
            lambda s: s.update({k.replace("layers.1", "layers.9"): s[k].clone() for k in (A, B)})
        ),
        rf"{WEIGHTS}: '.*layers\.9.*': the base has no linear layer 'model\.layers\.9",
    ),
    "embedding": (
        changed_state(lambda s: s.update({EMBEDDING: torch.ones(3, 4)})),
        rf"{WEIGHTS}: '{EMBEDDING}' is no matrix of LoRA",
    ),
    "shape of A": (
        changed_state(lambda s: s.update({A: torch.ones(3, 13)})),
        rf"{WEIGHTS}: '{A}' fits a layer with 13 inputs, the base has 12",
    ),
    "shape of B": (
        changed_state(lambda s: s.update({B: torch.ones(12, 3)})),
        rf"{WEIGHTS}: '{B}' fits a layer with 12 outputs, the base has 20",
    ),
    "rank of B": (
        changed_state(lambda s: s.update({B: torch.ones(20, 2)})),
        rf"{WEIGHTS}: '{B}' is \[20, 2\], but the rank is 3",
    ),
    "vector": (
        changed_state(lambda s: s.update({A: torch.ones(3)})),
        rf"{WEIGHTS}: '{A}' is \[3\]",
    ),
    "not finite": (
        changed_state(lambda s: s.update({A: torch.full((3, 12), torch.nan)})),
        rf"{WEIGHTS}: '{A}' holds values that are no finite",
    ),
    "another base": (
        changed_json(
            RECORD, base={"variable": None, "folder": None, "hub": None, "weights": ["0" * 16]}
        ),
        rf"{RECORD}: base\.weights is 0{{16}}, but .*base holds another base \([0-9a-f]{{16}}\)",
    ),
    "no base": (changed_json(RECORD, base={"folder": "x"}), rf"{RECORD}: base\.variable: Field"),
    "unknown key": (changed_json(RECORD, more=1), rf"{RECORD}: more: Extra"),
    "unknown token": (
        changed_json(RECORD, special_tokens={"separator": "<none>"}),
        rf"{RECORD}: special_tokens\.separator: the tokenizer has no token '<none>'",
    ),
}


@pytest.mark.parametrize("harm", HARMS)
def test_what_does_not_fit_is_named_by_file_and_key(base, adapter, tmp_path, harm):
    change, message = HARMS[harm]
    change(adapter)
    with pytest.raises(adapter_folder.InputError, match=message):
        merge(base, adapter, tmp_path / "out")
    assert os.listdir(tmp_path) == ["adapter"]


def test_a_missing_base_and_an_existing_folder_are_refused(base, adapter, tmp_path):
    with pytest.raises(checkpoint.CheckpointError, match=r"none/config\.json: no such file"):
        merge(tmp_path / "none", adapter, tmp_path / "out")
    (tmp_path / "out").mkdir()
    with pytest.raises(AdapterError, match="out: exists already"):
        merge(base, adapter, tmp_path / "out")
    merge(base, adapter, tmp_path / "out", exist_ok=True)
    assert not files(tmp_path / "out")


KILLED_WHILE_SAVING = """
import sys, time
from quals.models import checkpoint
from quals.models.adapter import merge
def stop(state, path, metadata):
    path.write_bytes(b"half")
    print("saving", flush=True)
    time.sleep(60)
checkpoint.save_file = stop
merge(*sys.argv[1:])
"""


def test_a_killed_merge_leaves_nothing_behind(base, adapter, tmp_path, monkeypatch):
    place = tmp_path / "place"
    arguments = [str(base), str(adapter), str(place / "out")]
    with subprocess.Popen(
        [sys.executable, "-c", KILLED_WHILE_SAVING, *arguments], stdout=subprocess.PIPE
    ) as process:
        assert process.stdout.readline() == b"saving\n"
        process.send_signal(signal.SIGKILL)
    assert not (place / "out").exists()  # only a hidden folder, which the next merge removes

    def interrupted(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(checkpoint, "save_file", interrupted)
        with pytest.raises(KeyboardInterrupt):
            merge(base, adapter, place / "out")
    assert os.listdir(place) == []
    merge(base, adapter, place / "out")
    merge(base, adapter, tmp_path / "undisturbed")
    assert os.listdir(place) == ["out"]
    assert files(place / "out") == files(tmp_path / "undisturbed")


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
def test_an_adapter_is_read_as_it_was_written_up_to_its_dtype(model, tmp_path, dtype):
    written = make_adapter(model)
    found = load(save_adapter(model, written, tmp_path, dtype=dtype))
    assert (found.rank, found.alpha, found.targets) == (3, 5.0, tuple(sorted(ALL)))
    assert found.pairs.keys() == written.pairs.keys()
    for name, pair in found.pairs.items():
        for one, other in zip(pair, written.pairs[name], strict=True):
            assert one.dtype == torch.float32
            assert torch.equal(one, other.to(getattr(torch, dtype)).float())
    assert adapter_folder.load_record(tmp_path) == record_for(model)


def test_values_beyond_half_precision_are_refused(model, tmp_path):
    large = make_adapter(model, spread=1e5)
    with pytest.raises(AdapterError, match=rf"{WEIGHTS}: '.*' is too large for float16"):
        save_adapter(model, large, tmp_path / "adapter", dtype="float16")
    assert not (tmp_path / "adapter" / WEIGHTS).exists()


def test_shrinking_to_the_same_rank_changes_no_product(model):
    full = make_adapter(model, rank=6, alpha=3.0)
    again = shrunk(full, 6)
    assert again.scale == full.scale
    for name, (a, b) in full.pairs.items():
        torch.testing.assert_close(
            again.pairs[name][1] @ again.pairs[name][0], b @ a, atol=1e-6, rtol=0
        )


def test_shrinking_loses_only_the_smallest_singular_values(model):
    full = make_adapter(model, rank=6, alpha=3.0)
    small = shrunk(full, 2)
    assert (small.rank, small.scale) == (2, full.scale)
    for name, (a, b) in full.pairs.items():
        product = (b.double() @ a.double()).numpy()
        values = np.linalg.svd(product, compute_uv=False)
        small_a, small_b = small.pairs[name]
        assert (len(small_a), small_b.shape[1]) == (2, 2)
        lost = np.linalg.norm(product - (small_b @ small_a).numpy())
        assert lost == pytest.approx(np.linalg.norm(values[2:]), rel=1e-5)
    for rank in (0, 7):
        with pytest.raises(ValueError, match=f"rank {rank} is not in 1 to 6"):
            shrunk(full, rank)


def smollm2():
    """The shapes of SmolLM2-135M, without values."""
    values = {"vocab_size": 49152, "hidden_size": 576, "intermediate_size": 1536}
    heads = {"num_hidden_layers": 30, "num_attention_heads": 9, "num_key_value_heads": 3}
    ids = {"pad_token_id": 2, "eos_token_id": 2, "decoder_start_token_id": 1}
    return checkpoint.shell("llama", CausalConfig(**values, **heads, head_dim=64, **ids, **NETWORK))


@pytest.mark.parametrize(
    ("rank", "dtype", "fits"),
    [(12, "bfloat16", True), (12, "float16", True), (8, "float32", False), (16, "bfloat16", False)],
)
def test_rank_12_in_16_bits_is_a_released_adapter_below_8_mb(tmp_path, rank, dtype, fits):
    model = smollm2()
    pairs = {
        name: (torch.zeros(rank, part.in_features), torch.zeros(part.out_features, rank))
        for name, part in model.named_modules()
        if isinstance(part, torch.nn.Linear)
    }
    assert len(pairs) == 210
    record = record_for(make_base(10))
    adapter = Adapter(rank, 2.0 * rank, 0.0, ALL, pairs)
    adapter_folder.save(adapter, record, tmp_path, family="llama", dtype=dtype)
    assert ((tmp_path / WEIGHTS).stat().st_size < 8e6) == fits


def test_adding_in_memory_is_merging(model, base, adapter, tmp_path):
    merge(base, adapter, tmp_path / "out")
    in_memory = checkpoint.load(base).model
    add(in_memory, load(adapter), folder=adapter)
    merged = checkpoint.load(tmp_path / "out").model
    for one, other in zip(in_memory.parameters(), merged.parameters(), strict=True):
        assert torch.equal(one, other)
