"""Laws of training adapters: only they change, they start as nothing, and parts add up."""

import copy
import importlib.util
import random
import sys
from itertools import islice
from pathlib import Path

import pytest
import torch
from adapters import ALL, logits, make_base, save_adapter, save_base

from quals.decoding.scoring import score_targets
from quals.errors import InputError
from quals.models import adapter_folder, checkpoint
from quals.models.adapter import add, merge
from quals.models.checkpoint import Checkpoint
from quals.models.tokenizer import pad
from quals.params import validated
from quals.training.batches import Example
from quals.training.loop import Schedule
from quals.training.lora import (
    Lora,
    LoraTraining,
    batches_in_parts,
    extract,
    inject,
    train_lora,
)
from quals.training.running import PLAIN, Running

with_peft = pytest.mark.skipif(
    importlib.util.find_spec("peft") is None, reason="peft is an optional package"
)
LORA = Lora(rank=3, alpha=6.0, dropout=0.0, targets=list(ALL))
SCHEDULE = Schedule(
    beta2=0.98,
    warmup_steps=2,
    final_share=0.1,
    weight_decay=0.1,
    clip_norm=1.0,
)
SETTINGS = LoraTraining(
    lora=LORA,
    steps=6,
    batch_size=4,
    part_size=2,
    lr=1e-2,
    schedule=SCHEDULE,
)
EXAMPLES = [Example([4, at, 5], [[at, 6, 1], [5, at, 4, 4, 1]]) for at in range(4, 16)]


@pytest.fixture
def start(tokenizer):
    return Checkpoint(make_base(tokenizer.backend.get_vocab_size()), tokenizer)


def weights(model):
    """All parameters by the names that they have without an adapter."""
    return {
        name.replace(".base_layer", ""): parameter.detach().clone()
        for name, parameter in model.named_parameters()
        if "lora_" not in name
    }


@with_peft
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_only_the_adapter_changes_in_training(start, capsys, dtype):
    before = weights(start.model)
    how = Running(PLAIN.model_copy(update={"dtype": dtype}))
    adapter, losses = train_lora(start, EXAMPLES, SETTINGS, seed=0, title="toy", running=how)
    after = weights(start.model)
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert len(losses) == 6
    assert all(b.any() for _, b in adapter.pairs.values())
    assert all(matrix.dtype == torch.float32 for pair in adapter.pairs.values() for matrix in pair)
    trained = {name for name, p in start.model.named_parameters() if p.requires_grad}
    assert trained
    assert all(".lora_" in name for name in trained)
    assert ("toy: bfloat16 (as asked)" in capsys.readouterr().out) == (dtype == "bfloat16")


@with_peft
def test_an_injected_adapter_starts_as_nothing(start):
    before = logits(start.model)
    config = start.model.config
    inject(start.model, LORA, seed=0)
    assert torch.equal(logits(start.model), before)
    assert start.model.config is config
    with pytest.raises(ValueError, match="no gradient reaches its adapter"):
        extract(start.model, LORA)


@with_peft
def test_the_loss_falls_and_the_same_seed_gives_the_same_bits(start):
    settings = SETTINGS.model_copy(
        update={"steps": 40, "lora": LORA.model_copy(update={"dropout": 0.1})}
    )
    runs = [
        train_lora(copy.deepcopy(start), EXAMPLES, settings, seed=seed, title="toy")
        for seed in (0, 0, 1)
    ]
    (one, losses), (again, same), (other, _) = runs
    assert losses == same
    assert sum(losses[-5:]) < 0.7 * sum(losses[:5])
    for name, pair in one.pairs.items():
        assert all(map(torch.equal, pair, again.pairs[name]))
        assert not all(map(torch.equal, pair, other.pairs[name]))


@with_peft
@pytest.mark.parametrize("tied", [True, False])
def test_merging_is_the_trained_networks_forward_pass_and_pefts_own(tokenizer, tmp_path, tied):
    """The network with its adapter inside, our merged folder, and peft on `transformers` agree."""
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    start = Checkpoint(make_base(tokenizer.backend.get_vocab_size(), tied=tied), tokenizer)
    base = save_base(start.model, tokenizer, tmp_path / "base")
    untrained = logits(start.model)
    plain = copy.deepcopy(start.model)
    adapter, _ = train_lora(start, EXAMPLES, SETTINGS, seed=0, title="toy")
    folder = save_adapter(plain, adapter, tmp_path / "adapter", folder=str(base))
    merge(base, folder, tmp_path / "out")
    merged = checkpoint.load(tmp_path / "out").model
    torch.testing.assert_close(logits(merged), logits(start.model), atol=1e-5, rtol=0)
    assert (untrained - logits(merged)).abs().max() > 1e-2

    theirs = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(base), folder)
    ids = torch.tensor([[5, 9, 4, 30, 31, 2, 5, 6, 8]])
    with torch.inference_mode():
        apart = theirs.eval()(ids).logits[0, 5:]
        together = theirs.merge_and_unload()(ids).logits[0, 5:]
    torch.testing.assert_close(logits(merged)[0], apart, atol=1e-5, rtol=0)
    torch.testing.assert_close(logits(merged)[0], together, atol=1e-5, rtol=0)


@with_peft
def test_an_adapter_that_peft_writes_is_read(start, tmp_path):
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    base = save_base(start.model, start.tokenizer, tmp_path / "base")
    config = LoraConfig(r=3, lora_alpha=6, target_modules=list(ALL), task_type="CAUSAL_LM")
    theirs = get_peft_model(AutoModelForCausalLM.from_pretrained(base), config)
    with torch.no_grad():
        for name, parameter in theirs.named_parameters():
            if "lora_B" in name:
                parameter.normal_(std=0.3)
    theirs.save_pretrained(tmp_path / "adapter")
    found = adapter_folder.load(tmp_path / "adapter")
    add(start.model, found, folder=tmp_path / "adapter")
    ids = torch.tensor([[5, 9, 4, 30, 31, 2, 5, 6, 8]])
    with torch.inference_mode():
        expected = theirs.eval()(ids).logits[0, 5:]
    torch.testing.assert_close(logits(start.model)[0], expected, atol=1e-5, rtol=0)


@with_peft
def test_an_encoder_decoder_learns_an_adapter_too(make_model, few_words):
    model = make_model(16, scale=1.0)
    lora = Lora(rank=2, alpha=2.0, dropout=0.0, targets=["q", "k", "v", "o", "wi", "wo"])
    fresh = copy.deepcopy(model)
    adapter, _ = train_lora(
        Checkpoint(model, few_words),
        EXAMPLES,
        SETTINGS.model_copy(update={"lora": lora}),
        seed=0,
        title="toy",
    )
    with torch.inference_mode():
        memory = model.read(*pad([[5, 6]], 0))
        expected = score_targets(model, memory, [[[7, 8, 1]]])
    add(fresh, adapter, folder=Path("adapter"))
    with torch.inference_mode():
        found = score_targets(fresh, fresh.read(*pad([[5, 6]], 0)), [[[7, 8, 1]]])
    assert found[0][0] == pytest.approx(expected[0][0], abs=1e-5)


@with_peft
def test_a_target_that_is_no_linear_layer_is_refused(start):
    for target in ("embed_tokens", "lm_head", "proj"):
        lora = LORA.model_copy(update={"targets": [*ALL, target]})
        with pytest.raises(InputError, match=f"lora.targets: '{target}' is no linear layer"):
            inject(start.model, lora, seed=0)


@with_peft
def test_a_layer_that_is_passed_over_is_found_out(tokenizer):
    """An untied head is used by its weight alone, which no adapter changes."""
    start = Checkpoint(make_base(tokenizer.backend.get_vocab_size(), tied=False), tokenizer)
    lora = LORA.model_copy(update={"targets": ["q_proj", "lm_head"]})
    settings = SETTINGS.model_copy(update={"lora": lora, "steps": 2})
    with pytest.raises(ValueError, match="'lm_head' has learned nothing"):
        train_lora(start, EXAMPLES, settings, seed=0, title="toy")


def test_without_peft_one_line_says_how_to_get_it(start, monkeypatch):
    monkeypatch.setitem(sys.modules, "peft", None)
    with pytest.raises(InputError, match=r"needs peft: pip install -r requirements-laptop\.lock$"):
        train_lora(start, EXAMPLES, SETTINGS, seed=0, title="toy")


def test_pieces_hold_examples_of_like_length_and_every_example_once():
    rng = random.Random(1)
    lengths = [rng.randint(1, 40) for _ in range(64)]
    examples = [Example([4] * n, [[at + 5, 1]]) for at, n in enumerate(lengths)]
    batches = list(
        islice(
            batches_in_parts(examples, batch_size=8, part_size=3, pad_id=0, rng=random.Random(0)), 8
        )
    )
    assert all([len(part.ids) for part in batch.batches] == [3, 3, 2] for batch in batches)
    parts = [part for batch in batches for part in batch.batches]
    assert sorted(i for part in parts for i in part.targets[:, 0, 0].tolist()) == [
        at + 5 for at in range(64)
    ]
    padding = sum(int((~part.mask).sum()) for part in parts)
    assert padding < 0.1 * sum(lengths)


def test_the_targets_length_counts_too():
    examples = [Example([4] * 3, [[5] * n]) for n in range(1, 41)]
    sizes = {"batch_size": 40, "part_size": 10}
    batch = next(batches_in_parts(examples, **sizes, pad_id=0, rng=random.Random(0)))
    assert [part.targets.shape[-1] for part in batch.batches] == [10, 20, 30, 40]


@pytest.mark.parametrize(
    ("changed", "key"),
    [
        ({"rank": 0}, "lora.rank"),
        ({"alpha": 0.0}, "lora.alpha"),
        ({"dropout": 2.0}, "lora.dropout"),
        ({"targets": []}, "lora.targets"),
        ({"bias": "all"}, "lora.bias"),
    ],
)
def test_wrong_settings_are_named(changed, key):
    raw = SETTINGS.model_dump()
    assert validated(raw, LoraTraining, path="x.yaml") == SETTINGS
    raw["lora"] |= changed
    with pytest.raises(InputError, match=rf"x\.yaml: {key}: "):
        validated(raw, LoraTraining, path="x.yaml")
