"""Where does a network live, and how do its inputs get there?

Networks are loaded to the process's own GPU where there is one. All that is computed from them
follows: readers take the network's device, decoders that of the memory they are given.
"""

import os
from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar

import torch
from torch import Tensor

# Which of the machine's GPUs is a process's: `quals.parallel` says it by the first, torchrun and
# accelerate by the second, MPI by the rest.
PLACE = "QUALS_GPU"
_LOCAL_RANKS = (
    PLACE,
    "LOCAL_RANK",
    "OMPI_COMM_WORLD_LOCAL_RANK",
    "MPI_LOCALRANKID",
    "MV2_COMM_WORLD_LOCAL_RANK",
)

T = TypeVar("T")


def gpus() -> int:
    """How many GPUs there are to compute on; none where accelerate is told to use the CPU."""
    cpu_only = os.environ.get("ACCELERATE_USE_CPU", "").lower() in ("1", "true", "yes")
    return 0 if cpu_only or not torch.cuda.is_available() else torch.cuda.device_count()


def home() -> torch.device:
    """This process's GPU, or the CPU where there is none."""
    if not gpus():
        return torch.device("cpu")
    ranks = (os.environ[name] for name in _LOCAL_RANKS if name in os.environ)
    return torch.device("cuda", int(next(ranks, "0")))


def device_of(model: Any) -> torch.device:
    """Where a network's values are; a network without values counts as on the CPU."""
    first = next(iter(model.parameters()), None)
    return torch.device("cpu") if first is None else first.device


def moved(value: T, device: torch.device) -> T:
    """The same batch with every tensor on `device`: in dataclasses, tuples, lists and mappings."""
    if isinstance(value, Tensor):
        return value.to(device)
    if isinstance(value, list | tuple):
        return type(value)(moved(item, device) for item in value)
    if isinstance(value, dict):
        return {key: moved(item, device) for key, item in value.items()}
    if is_dataclass(value) and not isinstance(value, type):
        found = {field.name: moved(getattr(value, field.name), device) for field in fields(value)}
        return replace(value, **found)
    return value
