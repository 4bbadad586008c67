"""A second device without a GPU: tensors that say they are elsewhere and refuse the CPU's company.

As on a GPU, an operation on tensors of two devices raises, but for single values of the CPU and for
indices; values come back where they are asked for. What is computed is what the CPU computes.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

DEVICE = torch.device("lazy", 0)  # every build knows it, and nothing here uses it
ATEN = torch.ops.aten
MOVES = (ATEN._to_copy.default, ATEN.copy_.default)
INDEXING = (ATEN.index.Tensor, ATEN.index_put_.default)


class Elsewhere(Tensor):
    """A tensor of `DEVICE` around one of the CPU."""

    inner: Tensor

    @staticmethod
    def __new__(cls, inner: Tensor) -> "Elsewhere":
        made = Tensor._make_wrapper_subclass(
            cls,
            inner.shape,
            strides=inner.stride(),
            storage_offset=inner.storage_offset(),
            dtype=inner.dtype,
            device=DEVICE,
        )
        made.inner = inner
        return made

    def __repr__(self) -> str:
        return f"Elsewhere({self.inner!r})"

    @classmethod
    def __torch_dispatch__(cls, func, types, args=(), kwargs=None):
        return _run(func, args, kwargs or {})


class _MadeThere(TorchDispatchMode):
    """Tensors without a model, such as zeros, are made where they are asked for."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        return _run(func, args, kwargs or {})


class _Python(TorchFunctionMode):
    """What torch does with Python's values behind the dispatcher's back."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if func is Tensor.tolist and isinstance(args[0], Elsewhere):
            return args[0].inner.tolist()
        if func is torch.tensor and _is_there(kwargs.get("device")):
            return Elsewhere(torch.tensor(*args, **{**kwargs, "device": "cpu"}))
        return func(*args, **kwargs)


def _is_there(device: object) -> bool:
    return device is not None and torch.device(device).type == DEVICE.type


def _run(func, args, kwargs):
    given = [x for x in tree_leaves((args, kwargs)) if isinstance(x, Tensor)]
    there = [x for x in given if isinstance(x, Elsewhere)]
    strangers = [x for x in given if not isinstance(x, Elsewhere) and x.dim() > 0]
    indexed = func in INDEXING and isinstance(given[0], Elsewhere)
    if there and strangers and func not in MOVES and not indexed:
        raise RuntimeError(f"{func}: tensors on {DEVICE} and on the CPU")
    wanted = bool(there)
    if kwargs.get("device") is not None:
        wanted = _is_there(kwargs["device"])
        kwargs = {**kwargs, "device": torch.device("cpu")}
    args, kwargs = tree_map(lambda x: x.inner if isinstance(x, Elsewhere) else x, (args, kwargs))
    with torch.inference_mode(False), torch.no_grad():  # views of its tensors are never watched
        found = func(*args, **kwargs)
    if func is ATEN.copy_.default:
        return given[0]
    known = {id(x.inner): x for x in there}  # an operation in place gives the tensor itself

    def outside(x: object) -> object:
        if not isinstance(x, Tensor):
            return x
        with torch.inference_mode(False):
            return known[id(x)] if id(x) in known else Elsewhere(x)

    return tree_map(outside, found) if wanted else found


@contextmanager
def second_device() -> Iterator[torch.device]:
    """A block in which `DEVICE` can be used."""
    with _Python(), _MadeThere():
        yield DEVICE
