"""Laws of tuning: with an adapter or without, what is returned is the network that learnt."""

import importlib.util

import pytest
import torch
from adapters import ALL, logits, make_base, save_base

from quals.models import checkpoint
from quals.training import pretrained
from quals.training.batches import Example
from quals.training.tuning import Tuning, tune

with_peft = pytest.mark.skipif(
    importlib.util.find_spec("peft") is None, reason="peft is an optional package"
)
LORA = {"rank": 3, "alpha": 6.0, "dropout": 0.0, "targets": list(ALL)}
PLAIN = {
    "epochs": 3,
    "part_tokens": 12,
    "parts": 2,
    "label_smoothing": 0.1,
    "dropout": 0.0,
    "attention_dropout": 0.0,
    "lr": 1e-2,
    "schedule": {
        "beta2": 0.98,
        "warmup_steps": 1,
        "final_share": 0.0,
        "weight_decay": 0.0,
        "clip_norm": 1.0,
    },
}
EXAMPLES = [Example([4, at, 5], [[at, 6, 1], [5, at, 4, 4, 1]]) for at in range(4, 12)]
LOSSES = {
    "likelihood": pretrained.likelihood_loss(0.1),
    "contrastive": pretrained.contrastive_loss(
        smoothing=0.1, negative_weight=1.0, negative_tokens="all"
    ),
}


@pytest.fixture
def folder(tokenizer, tmp_path):
    return save_base(make_base(tokenizer.backend.get_vocab_size()), tokenizer, tmp_path / "base")


def tuned(folder, lora, loss="likelihood", **changed):
    start = checkpoint.load(folder)
    settings = Tuning.model_validate({**PLAIN, "lora": lora, **changed})
    found, losses = tune(folder, start, EXAMPLES, LOSSES[loss], settings, seed=3, title="toy")
    return start, found, losses


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("lora", [None, pytest.param(LORA, marks=with_peft)], ids=["all", "lora"])
def test_a_language_model_learns_and_is_returned_as_it_learnt(folder, lora, loss):
    start, found, losses = tuned(folder, lora, loss)
    assert not found.model.training
    assert (found is start) == (lora is None)
    torch.testing.assert_close(logits(found.model), logits(start.model), atol=1e-5, rtol=0)
    assert (logits(checkpoint.load(folder).model) - logits(found.model)).abs().max() > 1e-2
    assert losses[-1] < losses[0]
    again, repeated = tuned(folder, lora, loss)[1:]
    assert repeated == losses
    assert torch.equal(logits(again.model), logits(found.model))


@with_peft
def test_an_adapter_changes_the_weights_of_its_targets_and_no_others(folder):
    before = checkpoint.load(folder).model.state_dict()
    _, found, _ = tuned(folder, {**LORA, "targets": ["q_proj", "down_proj"]})
    after = found.model.state_dict()
    assert before.keys() == after.keys()
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    expected = [n for n in before if n.endswith(("q_proj.weight", "down_proj.weight"))]
    assert changed == set(expected)
