"""How do rows become batches? Texts with one or several targets, padded and bucketed."""

import hashlib
import random
from array import array
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, fields, is_dataclass
from itertools import islice
from typing import Any, TypeVar

from torch import Tensor

from quals.models.tokenizer import pad

Item = TypeVar("Item")
Made = TypeVar("Made")
Other = TypeVar("Other")


@dataclass(frozen=True)
class Example:
    """Token ids of a text and of its targets; every target ends with the end token."""

    source: list[int]
    targets: list[list[int]]


@dataclass(frozen=True)
class TargetBatch:
    """B texts [B, S] and G targets each [B, G, T], with masks of what is not padding."""

    ids: Tensor
    mask: Tensor
    targets: Tensor
    target_mask: Tensor


def collate(examples: list[Example], pad_id: int) -> TargetBatch:
    """One padded batch; texts with fewer targets than others get empty ones, which never count."""
    ids, mask = pad([e.source for e in examples], pad_id)
    rows = max(len(e.targets) for e in examples)
    flat = [t for e in examples for t in e.targets + [[]] * (rows - len(e.targets))]
    targets, target_mask = pad(flat, pad_id)
    shape = (len(examples), rows, -1)
    return TargetBatch(ids, mask, targets.view(shape), target_mask.view(shape))


class Batches(Iterator[Made]):
    """Batches that are made when they are asked for, so that passing over some costs nothing.

    `chosen` says what each is made of; `identity` is all that this depends on.
    """

    def __init__(self, chosen: Iterator[Any], make: Callable[[Any], Made], identity: object):
        self.chosen, self.make, self.identity = chosen, make, identity

    def __next__(self) -> Made:
        return self.make(next(self.chosen))

    def map(self, function: Callable[[Made], Other]) -> "Batches[Other]":
        """What a function makes of each batch."""
        return Batches(self.chosen, lambda chosen: function(self.make(chosen)), self.identity)


def together(*parts: Batches[Made]) -> Batches[tuple[Made, ...]]:
    """A batch of each at a time."""
    return Batches(
        zip(*(part.chosen for part in parts), strict=True),
        lambda chosen: tuple(p.make(one) for p, one in zip(parts, chosen, strict=True)),
        [part.identity for part in parts],
    )


def skip(batches: Iterable[Made], count: int) -> Iterator[Made]:
    """The batches after the first `count`."""
    if isinstance(batches, Batches):
        next(islice(batches.chosen, count, count), None)
        return batches
    return islice(batches, count, None)


def digest(batches: object) -> str:
    """16 hex digits over what batches are made of; an iterator that cannot tell raises TypeError.

    Batches from the same items, sizes and seed have the same.
    """
    found = hashlib.sha256()
    _feed(found, batches.identity if isinstance(batches, Batches) else batches)
    return found.hexdigest()[:16]


def _feed(found: Any, value: object) -> None:
    if isinstance(value, Tensor):
        found.update(f"{value.dtype} {list(value.shape)} ".encode())
        found.update(value.contiguous().cpu().numpy().tobytes())
    elif isinstance(value, list | tuple):
        found.update(f"{len(value)} ".encode())
        if value and all(type(item) is int for item in value):
            found.update(array("q", value).tobytes())
        else:
            for item in value:
                _feed(found, item)
    elif is_dataclass(value) and not isinstance(value, type):
        for field in fields(value):
            _feed(found, getattr(value, field.name))
    elif value is None or isinstance(value, str | int | float):
        found.update(f"{value!r} ".encode())
    else:
        raise TypeError(
            f"a {type(value).__name__} does not tell what it is made of: to be resumed, training "
            "needs `Batches` or a list"
        )


def bucketed(
    items: list[Item],
    size: int,
    length: Callable[[Item], int],
    rng: random.Random,
    bucket: int = 16,
) -> Batches[list[Item]]:
    """Shuffled batches for ever; items of like length meet within pools of `bucket` batches.

    Fewer items than a batch holds raise ValueError.
    """
    if len(items) < size:
        raise ValueError(f"a batch of {size} was asked for, there are only {len(items)} examples")
    lengths = [length(item) for item in items]

    def chosen() -> Iterator[list[int]]:
        while True:
            order = list(range(len(items)))
            rng.shuffle(order)
            for start in range(0, len(order), size * bucket):
                pool = sorted(order[start : start + size * bucket], key=lengths.__getitem__)
                chunks = [pool[at : at + size] for at in range(0, len(pool), size)]
                rng.shuffle(chunks)
                yield from chunks

    return Batches(
        chosen(),
        lambda places: [items[at] for at in places],
        [items, size, bucket, rng.getstate()],
    )


def epochs(
    examples: list[Example], size: int, pad_id: int, rng: random.Random, bucket: int = 16
) -> Batches[TargetBatch]:
    """Batches of examples whose sources are of like length, for ever."""
    batches = bucketed(examples, size, lambda e: len(e.source), rng, bucket)
    return batches.map(lambda chosen: collate(chosen, pad_id))
