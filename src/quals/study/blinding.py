"""Which summary is shown where? Documents drawn, sides shuffled; only the key can tell them apart.

The order of the documents depends on the seed alone, so that studies of other methods meet the same
documents. The sides depend on every text besides: whoever knows the seed and this code, but not
which method wrote what, learns nothing.
"""

import hashlib
import json
import random
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from quals.jsonl import DataError
from quals.study.questions import QUESTIONS


@dataclass(frozen=True)
class Compared:
    """What the two methods wrote, by document id; a document may lack a summary."""

    documents: Mapping[str, str]
    first: Mapping[str, str]
    second: Mapping[str, str]

    @property
    def ids(self) -> list[str]:
        """The documents that both methods summarized, in an order that no file decides."""
        return sorted(self.documents.keys() & self.first.keys() & self.second.keys())

    def identical(self, id_: str) -> bool:
        """Whether a reader sees the same text twice."""
        return self.first[id_].split() == self.second[id_].split()


@dataclass(frozen=True)
class Item:
    """One document with both summaries; `flipped` puts the second method on side A."""

    number: str
    document_id: str
    document: str
    first: str
    second: str
    flipped: bool

    @property
    def sides(self) -> dict[str, str]:
        """The texts as a reader sees them."""
        pair = (self.second, self.first) if self.flipped else (self.first, self.second)
        return dict(zip("AB", pair, strict=True))


@dataclass(frozen=True)
class Study:
    """The items in the order of the form, and what was left out on the way."""

    items: tuple[Item, ...]
    names: tuple[str, str]
    seed: int
    both: int  # documents with a summary of each method
    identical: int  # of those, the ones whose two summaries are the same
    identical_kept: bool

    @property
    def form(self) -> dict[str, object]:
        """All that the page may know, with the hash that binds answers to it."""
        content = {
            "questions": [question._asdict() for question in QUESTIONS],
            "items": [
                {"item": item.number, "document": item.document, **item.sides}
                for item in self.items
            ],
        }
        return {"form": _digest(content)[:16], **content}

    @property
    def key(self) -> dict[str, object]:
        """What un-blinds the answers: who wrote A and B of each item, and the texts themselves."""
        items = []
        for item in self.items:
            names = self.names[::-1] if item.flipped else self.names
            items.append(
                {
                    "item": item.number,
                    "document_id": item.document_id,
                    "A": names[0],
                    "B": names[1],
                    "summaries": dict(zip(self.names, (item.first, item.second), strict=True)),
                }
            )
        return {
            "form": self.form["form"],
            "names": list(self.names),
            "seed": self.seed,
            "both": self.both,
            "identical": self.identical,
            "identical_kept": self.identical_kept,
            "items": items,
        }


def draw(
    compared: Compared,
    names: tuple[str, str],
    *,
    count: int,
    seed: int,
    keep_identical: bool = False,
) -> Study:
    """`count` documents in random order, each method on side A of half of them.

    With an odd count one method has one more, by lot. Too few documents raise `DataError`.
    """
    ids = compared.ids
    same = {id_ for id_ in ids if compared.identical(id_)}
    random.Random(f"documents {seed}").shuffle(ids)
    usable = ids if keep_identical else [id_ for id_ in ids if id_ not in same]
    if len(usable) < count:
        raise DataError(_too_few(count, len(usable), len(ids)))
    chosen = usable[:count]
    items = [
        Item(
            str(number),
            id_,
            compared.documents[id_],
            compared.first[id_],
            compared.second[id_],
            flipped,
        )
        for number, (id_, flipped) in enumerate(
            zip(chosen, _flips(compared, names, count, seed), strict=True), start=1
        )
    ]
    return Study(tuple(items), names, seed, len(ids), len(same), keep_identical)


def _too_few(count: int, usable: int, both: int) -> str:
    """What was asked for, and what can be had."""
    asked = f"{count} documents are asked for"
    if usable == both:
        return f"{asked}, and {both} have summaries of both methods"
    ways = [f"--count {usable} takes these"] if usable else []
    ways += [f"--keep-identical draws from all {both}"] if both >= count else []
    if both < count:
        ways.append(f"--keep-identical with --count {both} takes all")
    return (
        f"{asked}, and on {usable} of {both} the two methods' summaries differ: {', '.join(ways)}"
    )


def _flips(compared: Compared, names: tuple[str, str], count: int, seed: int) -> list[bool]:
    """Half true, half false, in an order that takes all texts to foretell."""
    lot = random.Random(f"sides {seed} {_digest([asdict(compared), names])}")
    flips = [at % 2 == 0 for at in range(count - count % 2)]
    flips += [lot.random() < 0.5] * (count % 2)
    lot.shuffle(flips)
    return flips


def _digest(content: object) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
