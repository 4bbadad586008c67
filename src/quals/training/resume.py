"""What if training is killed? It goes on from its last checkpoint, as if nothing had happened.

A checkpoint is one safetensors file, which appears whole or not at all: trained values, AdamW's
moments, the losses so far, and the states of all random numbers. Batches are not stored: the same
seed makes them again, and those that were seen are passed over.
"""

import hashlib
import json
import os
import random
import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from quals.errors import InputError
from quals.fingerprint import fingerprint
from quals.jsonl import write_whole
from quals.models.adapter import weights_hash
from quals.training.processes import Processes

FILE = "checkpoint.safetensors"
PACKAGE = Path(__file__).parents[1]


class ResumeError(InputError):
    """A checkpoint cannot be continued from; the message names it and what to do."""


class Resumable:
    """A training whose state can be written down and found again.

    `identity` is all that the training depends on: a checkpoint of another one is refused.
    """

    def __init__(
        self,
        folder: Path,
        identity: dict[str, object],
        model: nn.Module,
        optimizer: torch.optim.Optimizer,
        processes: Processes,
    ):
        self.path = folder / FILE
        self.identity = json.loads(json.dumps(identity))
        self.model, self.optimizer, self.processes = model, optimizer, processes

    def load(self) -> list[float]:
        """The losses of the steps that are done; model, optimiser and random numbers follow.

        `ResumeError` where the checkpoint is damaged, or of another training.
        """
        if self.processes.leads and self.path.parent.is_dir():
            for left in self.path.parent.glob(f".{FILE}.*"):  # by a kill while it was written
                left.unlink(missing_ok=True)
        found = self._read() if self.path.is_file() else None
        losses = [] if found is None else found[0]["losses"].tolist()
        steps = self.processes.gather(torch.tensor(len(losses))).tolist()
        if len(set(steps)) > 1:
            raise ResumeError(
                f"{self.path}: the processes found {steps} steps done; all must see the same folder"
            )
        if found is not None:
            self._restore(*found)
        return losses

    def save(self, losses: list[float]) -> None:
        """Replace the checkpoint; the first process writes for all."""
        device = self.processes.device
        tensors = {"losses": torch.tensor(losses, dtype=torch.float64)}
        for name, value in self._values().items():
            tensors[f"values/{name}"] = value.detach()
        for name, parameter in self._trained().items():
            for key, value in self.optimizer.state.get(parameter, {}).items():
                tensors[f"moments/{name}/{key}"] = value
        tensors["random/cpu"] = self.processes.gather(torch.get_rng_state())
        if device.type == "cuda":
            tensors["random/cuda"] = self.processes.gather(torch.cuda.get_rng_state(device))
        if self.processes.leads:
            about = {"identity": json.dumps(self.identity), "random": _python_state()}
            tensors = {name: value.contiguous() for name, value in tensors.items()}
            write_whole(self.path, lambda path: _write(tensors, path, about))

    def _trained(self) -> dict[str, nn.Parameter]:
        return {name: p for name, p in self.model.named_parameters() if p.requires_grad}

    def _values(self) -> dict[str, Tensor]:
        """What training changes: frozen values are those that it began with."""
        return {**self._trained(), **dict(self.model.named_buffers())}

    def _read(self) -> tuple[dict[str, Tensor], str]:
        try:
            with safe_open(self.path, framework="pt") as file:
                about = file.metadata()
                before = json.loads(about["identity"])
                for key in sorted(before.keys() | self.identity.keys()):
                    if before.get(key) != self.identity.get(key):
                        raise ResumeError(
                            f"{self.path}: of another training: {key} was {before.get(key)!r}, is "
                            f"{self.identity.get(key)!r}; give the same, or remove the file"
                        )
                # Copies, because products depend in the last bit on where values lie in memory.
                names = file.keys()
                tensors = {name: file.get_tensor(name).clone() for name in names}
                return tensors, about["random"]
        except ResumeError:
            raise
        except (SafetensorError, KeyError, TypeError, ValueError) as error:
            raise ResumeError(f"{self.path}: damaged ({error}); remove it to begin anew") from error

    @torch.no_grad()
    def _restore(self, tensors: dict[str, Tensor], state: str) -> None:
        for name, value in self._values().items():
            value.copy_(tensors[f"values/{name}"])
        trained = self._trained()
        for full, value in tensors.items():
            kind, _, rest = full.partition("/")
            if kind == "moments":
                name, _, key = rest.rpartition("/")
                parameter = trained[name]
                self.optimizer.state[parameter][key] = value.to(parameter.device)
        rank, device = self.processes.rank, self.processes.device
        torch.set_rng_state(tensors["random/cpu"][rank].clone())
        if device.type == "cuda":
            torch.cuda.set_rng_state(tensors["random/cuda"][rank].clone(), device)
        _set_python_state(state)


def identity_of(
    model: nn.Module, loss: object, *, data: str, processes: int, **settings: object
) -> dict[str, object]:
    """All that a training depends on: weights, data, settings, processes, versions and code.

    Settings of a loss are known where it is a partial function, or a `Mean` of one.
    """
    function, loss_settings = _taken_apart(loss)
    code = [fingerprint(PACKAGE, path) for path in _modules(function)]
    return {
        "code": hashlib.sha256("".join(code).encode()).hexdigest()[:16],
        "data": data,
        "loss": dict(loss_settings),
        "processes": processes,
        "torch": torch.__version__,
        "weights": weights_hash(model),
        **settings,
    }


def _taken_apart(loss: object) -> tuple[object, Mapping[str, object]]:
    """The function that a loss is made of, and its settings."""
    inner = getattr(loss, "__wrapped__", loss)
    return (inner.func, inner.keywords) if isinstance(inner, partial) else (inner, {})


def _modules(loss: object) -> list[Path]:
    """The loop's module and the loss's, where that is one of the package."""
    name = getattr(loss, "__module__", None) or ""
    file = getattr(sys.modules.get(name), "__file__", None)
    paths = {Path(__file__).parent / "loop.py"}
    if file is not None and PACKAGE in Path(file).parents:
        paths.add(Path(file))
    return sorted(paths)


def _write(tensors: dict[str, Tensor], path: Path, about: dict[str, str]) -> None:
    save_file(tensors, path, metadata=about)
    with open(path, "rb") as file:
        os.fsync(file.fileno())  # a power cut must not leave the name without the content


def _python_state() -> str:
    """The generators of Python and numpy as text."""
    kind, keys, *rest = np.random.get_state()
    return json.dumps([random.getstate(), [kind, keys.tolist(), *rest]])


def _set_python_state(text: str) -> None:
    (version, numbers, spare), (kind, keys, *rest) = json.loads(text)
    random.setstate((version, tuple(numbers), spare))
    np.random.set_state((kind, np.array(keys, dtype=np.uint32), *rest))
