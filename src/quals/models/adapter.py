"""How does an adapter become an ordinary model? Its products are added to the base's weights."""

import fcntl
import hashlib
import os
import shutil
from collections.abc import Iterator, Set
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import nn

from quals.models import adapter_folder, checkpoint
from quals.models.adapter_folder import CONFIG, RECORD, WEIGHTS, Adapter, AdapterError, key_of

SETTINGS = "quals.json"  # the metric's, which go with the weights


def merge(
    base: Path | str, adapter: Path | str, out: Path | str, *, exist_ok: bool = False
) -> None:
    """Write the model folder `out`: the base's weights plus (alpha / r) * B @ A, in float32.

    `out` appears whole or not at all; where it is there already it stays (`exist_ok`) or
    `AdapterError` is raised. So it is where base and adapter do not fit: another base, unknown or
    missing layers, other shapes.
    """
    base, adapter, out = Path(base), Path(adapter), Path(out)
    record = adapter_folder.load_record(adapter)
    found = adapter_folder.load(adapter)
    with _alone(out.parent):
        if out.exists():
            if exist_ok:
                return
            raise AdapterError(f"{out}: exists already")
        start = checkpoint.load(base)
        weights = weights_hash(start.model)
        if weights not in record.base.weights:
            expected = " or ".join(record.base.weights)
            raise AdapterError(
                f"{adapter / RECORD}: base.weights is {expected}, but {base} holds another base "
                f"({weights})"
            )
        ids = {}
        for role, token in record.special_tokens.items():
            try:
                ids[f"{role}_token_id"] = start.tokenizer.id_of(token)
            except ValueError as error:
                raise AdapterError(f"{adapter / RECORD}: special_tokens.{role}: {error}") from error
        add(start.model, found, folder=adapter)
        with whole_folder(out) as part:
            checkpoint.save(start.model, start.tokenizer, part, **ids)
            if (adapter / SETTINGS).is_file():
                shutil.copyfile(adapter / SETTINGS, part / SETTINGS)


@torch.no_grad()
def add(model: nn.Module, adapter: Adapter, *, folder: Path) -> None:
    """Add the adapter to the weights of its layers; `folder` is where it comes from, for errors.

    Products are taken in float64 and rounded once, so that neither threads nor machines show in
    the result.
    """
    layers = {name: part for name, part in model.named_modules() if isinstance(part, nn.Linear)}
    _check_names(layers.keys(), adapter, folder)
    for name, (a, b) in adapter.pairs.items():
        weight = layers[name].weight
        for matrix, found, size in (("A", a.shape[1], weight.shape[1]), ("B", len(b), len(weight))):
            if found != size:
                raise AdapterError(
                    f"{folder / WEIGHTS}: '{key_of(name, matrix)}' fits a layer with {found} "
                    f"{'inputs' if matrix == 'A' else 'outputs'}, the base has {size}"
                )
        gain = adapter.scale * (b.double() @ a.double())
        weight.copy_(weight.double() + gain.to(weight.device))


def _check_names(layers: Set[str], adapter: Adapter, folder: Path) -> None:
    for target in adapter.targets:
        if not any(name == target or name.endswith("." + target) for name in layers):
            raise AdapterError(
                f"{folder / CONFIG}: target_modules: '{target}' is no linear layer of the base"
            )
    for name in adapter.pairs:
        if name not in layers:
            raise AdapterError(
                f"{folder / WEIGHTS}: '{key_of(name, 'A')}': the base has no linear layer '{name}'"
            )
    wanted = {name for name in layers if adapter.wants(name)}
    for name in sorted(wanted ^ adapter.pairs.keys()):
        state = "missing" if name in wanted else "not among the target_modules"
        raise AdapterError(f"{folder / WEIGHTS}: '{key_of(name, 'A')}' is {state}")


def weights_hash(model: nn.Module) -> str:
    """The first 16 hex digits of a SHA-256 over names, shapes and float32 values of all weights.

    It is the network's, not the files': one file or several, tied copies kept or left out, and
    16-bit or 32-bit storage of the same values are the same.
    """
    digest = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        digest.update(f"{name}\0{list(tensor.shape)}\0".encode())
        digest.update(tensor.float().flatten().cpu().numpy())
    return digest.hexdigest()[:16]


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Only one process at a time is here; the system frees the lock of one that is killed."""
    folder.mkdir(parents=True, exist_ok=True)
    held = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield
    finally:
        os.close(held)


@contextmanager
def whole_folder(out: Path) -> Iterator[Path]:
    """A hidden folder that becomes `out` at the end; what a killed process left is removed.

    An older `out` stays until the new one is whole.
    """
    part, old = (out.parent / f".{out.name}.{state}" for state in ("partial", "old"))
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    try:
        yield part
        if out.exists():
            os.replace(out, old)
        os.replace(part, out)
    finally:
        shutil.rmtree(part, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)
