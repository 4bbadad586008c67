"""Which rows belong to a split? No text in two of them, and a choice that order cannot change."""

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Protocol, TypeVar

from quals.corpus import SPLITS


class Identified(Protocol):
    """Anything with an id that does not change."""

    @property
    def id(self) -> str: ...


T = TypeVar("T", bound=Identified)


def chance(name: str, salt: str) -> float:
    """A number in [0, 1) that only these two texts decide."""
    digest = hashlib.sha256(f"{salt}\0{name}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def sample(items: Iterable[T], most: int | None, seed: int) -> list[T]:
    """At most `most` items, those whose id hashes lowest, by id; a larger sample holds a smaller.

    None takes all.
    """
    ranked = sorted(items, key=lambda item: (chance(item.id, f"sample {seed}"), item.id))
    return sorted(ranked[:most], key=lambda item: item.id)


def apart(
    splits: dict[str, list[T]], text_of: Callable[[T], str]
) -> tuple[dict[str, list[T]], dict[str, Counter[str]]]:
    """The splits by id without repeated ids and texts, and how many of each were dropped.

    A text repeats another if both have the same letters and digits in any case. Test rows stay
    before validation rows, and these before training rows: what was seen in training tests nothing.
    """
    ids: set[str] = set()
    prints: set[bytes] = set()
    kept: dict[str, list[T]] = {}
    dropped: dict[str, Counter[str]] = {}
    for split in sorted(splits, key=SPLITS.index, reverse=True):
        kept[split], dropped[split] = [], Counter()
        for item in sorted(splits[split], key=lambda item: (item.id, text_of(item))):
            seen = text_print(text_of(item))
            if item.id in ids:
                dropped[split]["repeated id"] += 1
            elif seen in prints:
                dropped[split]["repeated text"] += 1
            else:
                kept[split].append(item)
                ids.add(item.id)
                prints.add(seen)
    return kept, dropped


def text_print(text: str) -> bytes:
    """Equal for texts that differ in case, spaces and punctuation alone."""
    return hashlib.sha256(re.sub(r"[\W_]+", "", text.casefold()).encode()).digest()[:16]
