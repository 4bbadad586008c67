"""How do rows become batches? Texts with one or several targets, padded and bucketed."""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from torch import Tensor

from quals.models.tokenizer import pad

Item = TypeVar("Item")


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


def bucketed(
    items: list[Item],
    size: int,
    length: Callable[[Item], int],
    rng: random.Random,
    bucket: int = 16,
) -> Iterator[list[Item]]:
    """Shuffled batches for ever; items of like length meet within pools of `bucket` batches.

    Fewer items than a batch holds raise ValueError.
    """
    if len(items) < size:
        raise ValueError(f"a batch of {size} was asked for, there are only {len(items)} examples")
    while True:
        order = list(range(len(items)))
        rng.shuffle(order)
        for start in range(0, len(order), size * bucket):
            pool = sorted(order[start : start + size * bucket], key=lambda i: length(items[i]))
            chunks = [pool[at : at + size] for at in range(0, len(pool), size)]
            rng.shuffle(chunks)
            for chunk in chunks:
                yield [items[i] for i in chunk]


def epochs(
    examples: list[Example], size: int, pad_id: int, rng: random.Random, bucket: int = 16
) -> Iterator[TargetBatch]:
    """Batches of examples whose sources are of like length, for ever."""
    for chosen in bucketed(examples, size, lambda e: len(e.source), rng, bucket):
        yield collate(chosen, pad_id)
