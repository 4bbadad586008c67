"""What is in an adapter folder? LoRA matrices as peft stores them, and what this project adds.

- `adapter_config.json`, `adapter_model.safetensors`: peft's own, which peft reads too;
- `adapter.json`: the base model (where it may be, which weights it must have) and special tokens;
- `quals.json`: settings of the metric, `README.md`: the model card; both optional.
"""

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import torch
from pydantic import Field
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from quals.errors import InputError
from quals.jsonl import read_json, write_json, write_whole
from quals.params import Section, validated

CONFIG = "adapter_config.json"
WEIGHTS = "adapter_model.safetensors"
RECORD = "adapter.json"
TRAINING = "training.json"  # of a release: the metrics file of its training
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}

_PREFIX = "base_model.model."  # peft wraps a network twice
_KEY = re.compile(re.escape(_PREFIX) + r"(.+)\.lora_([AB])\.weight")
_READ = {"peft_type", "r", "lora_alpha", "lora_dropout", "target_modules", "init_lora_weights"}
_WITHOUT_EFFECT = {  # on what is added to the weights
    "auto_mapping",
    "base_model_name_or_path",
    "inference_mode",
    "megatron_core",
    "peft_version",
    "qalora_group_size",
    "revision",
    "runtime_config",
    "task_type",
}
_OFF = (None, False, "none", [], {})
_TASKS = {"t5": "SEQ_2_SEQ_LM", "bart": "SEQ_2_SEQ_LM"}


class AdapterError(InputError):
    """An adapter cannot be used; the message names the file, the key and what is wrong."""


class Places(Section):
    """Where a model may be, in this order.

    `variable` is an environment variable that names a folder, `folder` is relative to the project,
    `hub` is a hub id (`owner/name@revision`).
    """

    variable: str | None
    folder: str | None
    hub: str | None


class Base(Places):
    """The model that an adapter belongs to; `weights` are the content hashes that are accepted."""

    weights: Annotated[list[str], Field(min_length=1)]


class Record(Section):
    """What `adapter.json` says. `special_tokens` maps a role (`separator`) to a token.

    The tokens are words of the base's vocabulary that its texts never hold: none is added, so that
    the embeddings stay the base's.
    """

    base: Base
    special_tokens: dict[str, str]


@dataclass(frozen=True)
class Adapter:
    """What linear layers gain: layer `name` adds `scale * B @ A` to its weight [out, in].

    `pairs` maps names to A [rank, in] and B [out, rank], in float32. `targets` are the ends of the
    names, as peft's `target_modules`.
    """

    rank: int
    alpha: float
    dropout: float
    targets: tuple[str, ...]
    pairs: dict[str, tuple[Tensor, Tensor]]

    @property
    def scale(self) -> float:
        return self.alpha / self.rank

    def wants(self, name: str) -> bool:
        """Whether a layer of this name is adapted."""
        return any(name == end or name.endswith("." + end) for end in self.targets)


def key_of(name: str, matrix: str) -> str:
    """The tensor's key in the file; `matrix` is A or B."""
    return f"{_PREFIX}{name}.lora_{matrix}.weight"


def load(folder: Path | str) -> Adapter:
    """The adapter in `folder`; `AdapterError` names file and key where it is not plain LoRA."""
    folder = Path(folder)
    raw = _read_config(folder / CONFIG)
    rank, path = raw["r"], folder / WEIGHTS
    halves: dict[str, dict[str, Tensor]] = {}
    for key, tensor in _read_tensors(path).items():
        match = _KEY.fullmatch(key)
        if match is None:
            raise AdapterError(f"{path}: '{key}' is no matrix of LoRA")
        if tensor.ndim != 2 or tensor.shape[match[2] == "B"] != rank:
            raise AdapterError(f"{path}: '{key}' is {list(tensor.shape)}, but the rank is {rank}")
        if not tensor.is_floating_point() or not tensor.isfinite().all():
            raise AdapterError(f"{path}: '{key}' holds values that are no finite numbers")
        halves.setdefault(match[1], {})[match[2]] = tensor.float()
    for name, found in halves.items():
        if len(found) == 1:
            missing = key_of(name, "B" if "A" in found else "A")
            raise AdapterError(f"{path}: '{missing}' is missing")
    pairs = {name: (found["A"], found["B"]) for name, found in sorted(halves.items())}
    targets = tuple(sorted(raw["target_modules"]))
    return Adapter(rank, raw["lora_alpha"], raw.get("lora_dropout") or 0.0, targets, pairs)


def _read_config(path: Path) -> dict[str, object]:
    """peft's settings, refused by key where they ask for more than plain LoRA."""
    if not path.is_file():
        raise AdapterError(f"{path}: no such file; is '{path.parent}' an adapter folder?")
    raw = read_json(path)
    if not isinstance(raw, dict):
        raise AdapterError(f"{path}: must hold an object, not {type(raw).__name__}")
    rank, alpha, targets = (raw.get(key) for key in ("r", "lora_alpha", "target_modules"))
    if raw.get("peft_type") != "LORA":
        raise AdapterError(f"{path}: peft_type is {raw.get('peft_type')!r}, not 'LORA'")
    if type(rank) is not int or rank < 1:
        raise AdapterError(f"{path}: r must be a whole number above 0, not {rank!r}")
    if type(alpha) not in (int, float) or alpha <= 0:
        raise AdapterError(f"{path}: lora_alpha must be a number above 0, not {alpha!r}")
    if not isinstance(targets, list) or not targets or not all(isinstance(t, str) for t in targets):
        raise AdapterError(f"{path}: target_modules must be a list of names, not {targets!r}")
    # Other ways to begin (pissa, olora, loftq) change the weights of the base as well.
    if raw.get("init_lora_weights") not in (None, True, False, "gaussian", "orthogonal"):
        raise AdapterError(f"{path}: init_lora_weights is {raw['init_lora_weights']!r}")
    for key, value in raw.items():
        if key not in _READ | _WITHOUT_EFFECT and value not in _OFF:
            raise AdapterError(f"{path}: {key} is {value!r}, only plain LoRA is supported")
    return raw


def _read_tensors(path: Path) -> dict[str, Tensor]:
    if not path.is_file():
        pickled = sorted(found.name for found in path.parent.glob("*.bin"))
        hint = f"; {pickled[0]} is pickled and is never loaded" if pickled else ""
        raise AdapterError(f"{path}: no such weight file{hint}")
    try:
        return load_file(path)
    except SafetensorError as error:
        raise AdapterError(f"{path}: not a safetensors file ({error})") from error


def load_record(folder: Path | str) -> Record:
    """What `adapter.json` says of the base and the special tokens."""
    path = Path(folder) / RECORD
    if not path.is_file():
        raise AdapterError(f"{path}: no such file; it must name the base model")
    return validated(read_json(path), Record, path=path)


def save(
    adapter: Adapter, record: Record, folder: Path, *, family: str, dtype: str = "float32"
) -> None:
    """Write what `load`, `load_record` and peft read; matrices are stored in `dtype`.

    16 bits halve the file and keep 8 (bfloat16) or 11 (float16) binary digits. `family` is the
    base's `model_type`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    base = record.base
    names = (base.hub and base.hub.partition("@")[0], base.folder, base.variable)
    config = {
        "base_model_name_or_path": next(filter(None, names), None),
        "bias": "none",
        "fan_in_fan_out": False,
        "inference_mode": True,
        "lora_alpha": int(adapter.alpha) if adapter.alpha == int(adapter.alpha) else adapter.alpha,
        "lora_dropout": adapter.dropout,
        "peft_type": "LORA",
        "r": adapter.rank,
        "target_modules": sorted(adapter.targets),
        "task_type": _TASKS.get(family, "CAUSAL_LM"),
    }
    state = {
        key_of(name, matrix): tensor.detach().to(DTYPES[dtype]).contiguous()
        for name, pair in adapter.pairs.items()
        for matrix, tensor in zip("AB", pair, strict=True)
    }
    for key, tensor in state.items():
        if not tensor.isfinite().all():
            raise AdapterError(f"{folder / WEIGHTS}: '{key}' is too large for {dtype}")
    write_json(folder / CONFIG, config)
    write_json(folder / RECORD, record.model_dump())
    write_whole(folder / WEIGHTS, lambda path: save_file(state, path, metadata={"format": "pt"}))


def shrunk(adapter: Adapter, rank: int) -> Adapter:
    """The closest adapter of a lower rank: each product B @ A keeps its largest singular values."""
    if not 1 <= rank <= adapter.rank:
        raise ValueError(f"rank {rank} is not in 1 to {adapter.rank}")
    pairs = {name: _truncated(*pair, rank) for name, pair in adapter.pairs.items()}
    return replace(adapter, rank=rank, alpha=adapter.scale * rank, pairs=pairs)


def _truncated(a: Tensor, b: Tensor, rank: int) -> tuple[Tensor, Tensor]:
    """The best A and B of `rank` by Eckart and Young; both bear the root of a singular value."""
    right, right_mixing = torch.linalg.qr(a.double().T)
    left, left_mixing = torch.linalg.qr(b.double())
    u, values, v = torch.linalg.svd(left_mixing @ right_mixing.T)
    roots = values[:rank].sqrt()
    return (
        (roots[:, None] * (v[:rank] @ right.T)).float().contiguous(),
        (left @ u[:, :rank] * roots).float().contiguous(),
    )
