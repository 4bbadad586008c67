"""How does a stage work through more rows than memory holds? Chunk by chunk, and it can be killed.

The rows of a chunk are read, worked on and stored before the next are read. What is stored is not
made again when the same stage is started again; what other rows, settings, models or code made is
refused. In the end all chunks become the outputs.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import astuple, dataclass
from itertools import islice
from pathlib import Path
from typing import TypeVar

from tqdm import tqdm

from quals.chunks import ChunkError, ChunkFiles
from quals.fingerprint import of_stage
from quals.jsonl import Row, dump, lines_of
from quals.signature import versions

Item = TypeVar("Item")  # a dataclass of texts


@dataclass(frozen=True)
class Kept:
    """Where the chunks of a piece of work wait, and all that they depend on besides their rows."""

    folder: Path
    identity: Row


def identity_of(stage: str, **depends: object) -> Row:
    """What a stage's chunks depend on: its code, the packages, and what else is named."""
    return {"code": of_stage(stage), "versions": versions(), **depends}


@dataclass(frozen=True)
class Done:
    """What came of a chunk: rows for each output, and counts that are added up."""

    outputs: Sequence[Iterable[Row]]
    counts: dict[str, int]


def work_through(
    items: Callable[[], Iterator[Item]],
    size: int,
    work: Callable[[int, list[Item]], Done],
    *,
    kept: Kept,
    outs: Sequence[Path],
    title: str,
) -> Counter[str]:
    """Let `work` make the rows of `outs` from at most `size` items at a time; the sums of counts.

    `items` is called twice: the first pass finds bad rows before any work is done. `work` gets the
    number of items before the chunk. The chunks stay in their folder: `unfinished` removes it.
    """
    files, identity = ChunkFiles(kept.folder), json.loads(dump(kept.identity))
    made_of = [{**identity, "rows": found} for found in _digests(items(), size)]
    todo = {n for n, wanted in enumerate(made_of) if not _has(files, n, wanted)}
    rest = items()

    def make(number: int) -> None:  # a function, so that nothing of a chunk outlives it
        chunk = list(islice(rest, size))
        if number in todo:
            done = work(number * size, chunk)
            header = {"made_of": made_of[number], "counts": done.counts}
            files.write(number, header, [lines_of(rows) for rows in done.outputs])
            progress.update()

    with tqdm(desc=title, total=len(todo), unit="chunk", delay=5, leave=False) as progress:
        for number in range(max(todo, default=-1) + 1):
            make(number)
    counts: Counter[str] = Counter()
    for header in files.join(len(made_of), outs):
        counts.update(header["counts"])
    return counts


def _has(files: ChunkFiles, number: int, wanted: Row) -> bool:
    """Whether the chunk is there; `ChunkError` where other work made it."""
    header = files.header(number)
    if header is None:
        return False
    found = header["made_of"]
    # Rows come last: another setting says more than that their digests differ.
    for key in sorted(found.keys() | wanted.keys(), key=lambda key: (key == "rows", key)):
        if found.get(key) != wanted.get(key):
            raise ChunkError(
                f"{files.path(number)}: of other work: {key} was {_short(found.get(key))}, is "
                f"{_short(wanted.get(key))}; give the same, or remove {files.folder}"
            )
    return True


def _digests(items: Iterable[object], size: int) -> list[str]:
    """Of the items of each chunk."""
    found = []
    for at, item in enumerate(items):
        if at % size == 0:
            found.append(hashlib.sha256())
        found[-1].update(json.dumps(astuple(item)).encode())
    return [one.hexdigest()[:32] for one in found]


def _short(value: object) -> str:
    text = dump(value)
    return text if len(text) <= 300 else text[:297] + "..."
