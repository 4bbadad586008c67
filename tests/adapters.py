"""Tiny Llama-shaped bases and random adapters for them: what the tests of adapters share."""

import copy
from pathlib import Path

import torch

from quals.assets.smollm2 import NETWORK
from quals.models import adapter_folder, checkpoint
from quals.models.adapter import weights_hash
from quals.models.adapter_folder import Adapter, Base, Record
from quals.models.causal import CausalConfig, CausalModel
from quals.models.tokenizer import SEPARATOR, pad

ALL = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
TEXTS = [[5, 9, 4, 30, 31], [7], [*range(10, 20)]]
TARGETS = [[2, 5, 6, 8], [2, 7, 7, 9], [2, 20, 21, 22]]


def make_base(vocabulary: int, *, tied: bool = True, seed: int = 0) -> CausalModel:
    """Two random layers, large enough that logits depend on all of them."""
    config = CausalConfig(
        vocab_size=vocabulary,
        hidden_size=12,
        intermediate_size=20,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=4,
        pad_token_id=0,
        eos_token_id=1,
        decoder_start_token_id=2,
        **{**NETWORK, "rope_theta": 1000.0, "tie_word_embeddings": tied},
    )
    model = CausalModel(config)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=generator) * 0.3)
    return model.eval()


def make_adapter(model, *, targets=ALL, rank=3, alpha=5.0, spread=0.3, seed=1) -> Adapter:
    """Random matrices for all linear layers that the targets name."""
    generator = torch.Generator().manual_seed(seed)

    def draw(*shape):
        return torch.randn(shape, generator=generator) * spread

    pairs = {
        name: (draw(rank, part.in_features), draw(part.out_features, rank))
        for name, part in model.named_modules()
        if isinstance(part, torch.nn.Linear) and name.rpartition(".")[2] in targets
    }
    return Adapter(rank, alpha, 0.0, tuple(sorted(targets)), pairs)


def taken_apart(whole, **choices):
    """A base and the random adapter that makes `whole` of it."""
    adapter = make_adapter(whole, **choices)
    base = copy.deepcopy(whole)
    parts = dict(base.named_modules())
    with torch.no_grad():
        for name, (a, b) in adapter.pairs.items():
            parts[name].weight -= adapter.scale * b @ a
    return base, adapter


def record_for(model, **changed) -> Record:
    """An `adapter.json` for this base; by default it says nothing about where that is."""
    places = {"variable": None, "folder": None, "hub": None, "weights": [weights_hash(model)]}
    return Record(base=Base(**{**places, **changed}), special_tokens={"separator": SEPARATOR})


def save_base(model, tokenizer, folder: Path) -> Path:
    checkpoint.save(model, tokenizer, folder)
    return folder


def save_adapter(
    model, adapter: Adapter, folder: Path, /, *, dtype="float32", **places
) -> Path:  # `folder` is a place, too
    record = record_for(model, **places)
    adapter_folder.save(adapter, record, folder, family="llama", dtype=dtype)
    return folder


@torch.inference_mode()
def logits(model):
    """[B, T, V] of fixed targets under fixed texts."""
    hidden = model.decode(torch.tensor(TARGETS)[:, None], model.read(*pad(TEXTS, 0)))
    return model.logits(hidden)[:, 0]


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}
