"""How is a batch computed in parts, by several processes, as if it were whole?

A loss that is a mean says what it is a mean over; a part then counts by its share of that. Values
and gradients of the parts add up to those of the batch, wherever it is cut.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, is_dataclass, replace
from functools import update_wrapper
from typing import Any, Generic, TypeVar

from torch import Tensor, nn

from quals.models.device import moved
from quals.scoring.hardware import precision
from quals.training.processes import Processes

Batch = TypeVar("Batch")


@dataclass(frozen=True)
class Pieces(Generic[Batch]):
    """One batch in pieces that are padded apart, so that none need be longer than its own rows.

    The mean is over all of them. A process computes one at a time, and only those that are its own.
    """

    batches: list[Batch]


class Mean(Generic[Batch]):
    """A loss that is a mean over as many things as `count` finds in a batch.

    Or a sum of such means: `terms` are the batches that each has one.
    """

    def __init__(
        self,
        loss: Callable[[Any, Batch], Tensor],
        count: Callable[[Batch], int],
        terms: Callable[[Batch], list[Batch]] = lambda batch: [batch],
    ):
        self.loss, self.count, self.terms = loss, count, terms
        update_wrapper(self, loss)

    def __call__(self, model: Any, batch: Batch) -> Tensor:
        return self.loss(model, batch)


def mean_over(
    count: Callable[[Batch], int], terms: Callable[[Batch], list[Batch]] = lambda batch: [batch]
) -> Callable[[Callable[[Any, Batch], Tensor]], Mean[Batch]]:
    """Decorator: the loss is a `Mean`."""
    return lambda loss: Mean(loss, count, terms)


def one_by_one(parts: tuple[Batch, ...]) -> list[tuple[Batch]]:
    """The terms of a batch whose parts have a mean each."""
    return [(part,) for part in parts]


def shares(
    loss: Callable[[Any, Batch], Tensor],
    batch: Batch | Pieces[Batch],
    *,
    rank: int,
    size: int,
    parts: int,
) -> Iterator[tuple[Batch, float]]:
    """What process `rank` of `size` computes of a batch, in at most `parts` parts of each term.

    Each comes with its share of the whole. Processes take turns at the pieces, or, where there are
    none, at the rows, which lie in order of length: none has all the long ones.
    """
    if not isinstance(loss, Mean):
        raise TypeError(
            "a loss that is computed in parts or by several processes must be a `Mean`: "
            "it must say what it is a mean over"
        )
    pieces = batch.batches if isinstance(batch, Pieces) else [batch]
    for term in zip(*map(loss.terms, pieces), strict=True):
        total = sum(map(loss.count, term))
        own = slice(rank, None, size)
        mine = term[own] if isinstance(batch, Pieces) else [_rows(term[0], own)]
        for part in (part for piece in mine for part in _cut(piece, parts)):
            count = loss.count(part)
            if count:
                yield part, count / total


def differentiate(
    model: nn.Module,
    loss: Callable[[Any, Batch], Tensor],
    batch: Batch | Pieces[Batch],
    *,
    processes: Processes,
    parts: int,
    dtype: str,
) -> Tensor:
    """The loss of a batch, whose gradients are then those of all processes; no graph is left.

    Products are computed in `dtype`.
    """
    device = processes.device
    if processes.size == 1 and parts == 1 and not isinstance(batch, Pieces):
        with precision(dtype):
            value = loss(model, batch if device.type == "cpu" else moved(batch, device))
        value.backward()
        return value.detach()
    total = None
    for part, share in shares(loss, batch, rank=processes.rank, size=processes.size, parts=parts):
        with precision(dtype):
            value = loss(model, moved(part, device)) * share
        value.backward()
        total = value.detach() if total is None else total + value.detach()
    return processes.total(model, total)


def _cut(batch: Batch, parts: int) -> Iterator[Batch]:
    """Consecutive rows of a batch in at most `parts` parts of like size."""
    count = _count(batch)
    size = max(1, -(-count // parts))
    return (_rows(batch, slice(at, at + size)) for at in range(0, count, size))


def _rows(batch: Batch, at: slice) -> Batch:
    """Some rows of a batch: of each of its tensors, or items of a list."""
    if isinstance(batch, Tensor | list):
        return batch[at]
    if isinstance(batch, tuple):
        return tuple(_rows(item, at) for item in batch)
    if is_dataclass(batch) and not isinstance(batch, type):
        found = {field.name: _rows(getattr(batch, field.name), at) for field in fields(batch)}
        return replace(batch, **found)
    raise TypeError(f"a {type(batch).__name__} in a batch has no rows")


def _count(batch: object) -> int:
    if isinstance(batch, Tensor | list):
        return len(batch)
    first = batch[0] if isinstance(batch, tuple) else getattr(batch, fields(batch)[0].name)
    return _count(first)
