"""How are networks stored? A folder with config.json, safetensors and tokenizer files."""

from dataclasses import dataclass
from pathlib import Path

import torch
from pydantic import ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from quals.errors import InputError
from quals.jsonl import read_json, write_json, write_whole
from quals.models.device import home
from quals.models.families import FAMILIES, family_of, hub_config
from quals.models.interface import ConditionalModel
from quals.models.tokenizer import TextTokenizer
from quals.params import Section

WEIGHTS = "model.safetensors"
INDEX = "model.safetensors.index.json"


class CheckpointError(InputError):
    """A model folder cannot be used; the message names the file and what is wrong with it."""


@dataclass
class Checkpoint:
    """A network with its tokenizer."""

    model: ConditionalModel
    tokenizer: TextTokenizer


def load(folder: Path | str, dtype: torch.dtype = torch.float32) -> Checkpoint:
    """The network in `folder`, in evaluation mode, on this process's device (`home`).

    Safetensors only, no code is run.
    """
    folder = Path(folder)
    kind, config = read_config(folder)
    model = shell(kind, config)
    load_weights(model, folder, dtype=dtype)
    return Checkpoint(model.to(home()).eval(), TextTokenizer.load(folder))


class _Undrawn(TorchFunctionMode):
    """Random initial values are left out: on `meta`, torch would import its compiler for them."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if getattr(func, "__module__", None) == "torch.nn.init":
            return kwargs["tensor"]
        return args[0] if func is torch.Tensor.normal_ else func(*args, **kwargs)


def shell(kind: str, config: Section) -> ConditionalModel:
    """A network of a family without values, which takes no memory: they come from a file."""
    with torch.device("meta"), _Undrawn():
        return FAMILIES[kind].network(config)


def read_config(folder: Path) -> tuple[str, Section]:
    """Family and sizes from the folder's `config.json`; what is unsupported is refused by name."""
    path = folder / "config.json"
    if not path.is_file():
        raise CheckpointError(f"{path}: no such file; is '{folder}' a model folder?")
    raw = read_json(path)
    if not isinstance(raw, dict):
        raise CheckpointError(f"{path}: must hold an object, not {type(raw).__name__}")
    kind = raw.get("model_type")
    if not isinstance(kind, str) or kind not in FAMILIES:
        known = ", ".join(sorted(FAMILIES))
        raise CheckpointError(f"{path}: model_type is {kind!r}, not one of {known}")
    family = FAMILIES[kind]
    expected = family.required | {k: v for k, v in family.assumed.items() if k in raw}
    for key, value in expected.items():
        if raw.get(key) != value:
            raise CheckpointError(f"{path}: {key} is {raw.get(key)!r}, only {value!r} is supported")
    turning = raw.get("rope_parameters")
    if turning is not None and (
        not isinstance(turning, dict) or turning.get("rope_type", "default") != "default"
    ):
        raise CheckpointError(f"{path}: rope_parameters has a rope_type other than 'default'")
    try:
        return kind, family.config.model_validate(family.read(raw))
    except ValidationError as error:
        raise CheckpointError(f"{path}: {error}") from error


def load_weights(
    model: nn.Module,
    folder: Path,
    *,
    new: tuple[str, ...] = (),
    unused: tuple[str, ...] = (),
    dtype: torch.dtype = torch.float32,
) -> None:
    """Fill `model` from the folder's safetensors; any missing or surplus tensor raises.

    A new head on an old body: parameters that start with one of `new` may be absent from the file,
    tensors that start with one of `unused` may be absent from the model.
    """
    family = FAMILIES[family_of(model)]
    path, state = read_tensors(folder)
    if family.body_prefix and not any(name.startswith(family.body_prefix) for name in state):
        state = {family.body_prefix + name: tensor for name, tensor in state.items()}
    tied = family.tied
    if getattr(model.config, "tie_word_embeddings", False):
        tied += ("lm_head.weight",)
    # Copies are aligned in memory, which the file is not: products depend on it in the last bit.
    state = {
        name: tensor.to(dtype, copy=True)
        for name, tensor in state.items()
        if name not in tied and not name.endswith("rotary_emb.inv_freq")
    }
    for name, buffer in model.named_buffers():
        if name in family.optional:
            state.setdefault(name, torch.zeros(buffer.shape, dtype=dtype, device="cpu"))
    try:
        missing, surplus = model.load_state_dict(state, strict=False, assign=True)
    except RuntimeError as error:
        raise CheckpointError(f"{path}: {error}") from error
    missing = [name for name in missing if not name.startswith(new or "\0")]
    surplus = [name for name in surplus if not name.startswith(unused or "\0")]
    if missing or surplus:
        raise CheckpointError(f"{path}: missing {missing[:3]}, surplus {surplus[:3]}")


def read_tensors(folder: Path) -> tuple[Path, dict[str, Tensor]]:
    """All tensors of a folder and the file that names them; large models come in several files."""
    path, index = folder / WEIGHTS, folder / INDEX
    if not path.is_file() and index.is_file():
        return index, _read_shards(index)
    if not path.is_file():
        pickled = sorted(p.name for p in folder.glob("*.bin")) if folder.is_dir() else []
        hint = f"; {pickled[0]} is pickled and is never loaded" if pickled else ""
        raise CheckpointError(f"{path}: no such weight file{hint}")
    return path, _read_file(path)


def _read_shards(index: Path) -> dict[str, Tensor]:
    content = read_json(index)
    places = content.get("weight_map") if isinstance(content, dict) else None
    if not isinstance(places, dict) or not all(isinstance(p, str) for p in places.values()):
        raise CheckpointError(f"{index}: field 'weight_map' must map tensors to files")
    state: dict[str, Tensor] = {}
    for name in sorted(set(places.values())):
        path = index.parent / name
        if path.name != name or path.suffix != ".safetensors":
            raise CheckpointError(f"{index}: '{name}' is no safetensors file of this folder")
        if not path.is_file():
            raise CheckpointError(f"{path}: no such weight file")
        state |= _read_file(path)
    absent = sorted(places.keys() - state.keys())
    if absent:
        raise CheckpointError(f"{index}: {absent[:3]} are in none of the files")
    return state


def _read_file(path: Path) -> dict[str, Tensor]:
    try:
        return load_file(path)
    except SafetensorError as error:
        raise CheckpointError(f"{path}: not a safetensors file ({error})") from error


def save(model: nn.Module, tokenizer: TextTokenizer, folder: Path, **extra_config: object) -> None:
    """Write a folder that this module loads, and `transformers` too if the head is not ours."""
    folder.mkdir(parents=True, exist_ok=True)
    config = {**hub_config(model), "architectures": [architecture(model)], **extra_config}
    write_json(folder / "config.json", config)
    tokenizer.save(folder)
    state = {name: tensor.contiguous() for name, tensor in model.state_dict().items()}
    write_whole(folder / WEIGHTS, lambda path: save_file(state, path, metadata={"format": "pt"}))


def architecture(model: nn.Module) -> str:
    """The name in `config.json`: that of `transformers`, or of a network with a head of ours."""
    family = FAMILIES[family_of(model)]
    return family.architecture if type(model) is family.network else type(model).__name__


def parameters(model: nn.Module) -> int:
    """Number of trained values."""
    return sum(p.numel() for p in model.parameters())
