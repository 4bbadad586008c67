"""Where do the texts come from? JSON lines (plain or gzip, a file or a stream) in fixed chunks."""

import gzip
import io
import sys
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count, islice
from pathlib import Path
from typing import BinaryIO

from tqdm import tqdm

from quals.chunks import digest
from quals.jsonl import DataError, parse_row
from quals.scoring.ids import SeenIds

STREAM = "-"
FIELDS = {"id": str, "document": str, "summary": str}
_GZIP = b"\x1f\x8b"


@dataclass(frozen=True)
class Item:
    """A summary to be scored against its document."""

    id: str
    document: str
    summary: str


@dataclass(frozen=True)
class Chunk:
    """Consecutive lines of the input, scored and stored together.

    Line numbers alone say where a chunk ends, so that a run that was interrupted or shared cuts
    the input as a whole run does.
    """

    number: int
    first_line: int
    lines: tuple[bytes, ...]

    def digest(self) -> str:
        return digest(b"".join(self.lines))

    def items(self, name: str) -> list[Item]:
        """The checked rows; a bad one raises `DataError` with `name`, line and field."""
        return [
            parse_item(line, f"{name}:{number}")
            for number, line in enumerate(self.lines, start=self.first_line)
        ]


@dataclass(frozen=True)
class Survey:
    """What a first pass over the whole input says: it is sound, and what its chunks hold."""

    rows: int
    digests: tuple[str, ...]


class Source:
    """The input of a run: standard input for `-`, else a file. It is never held in memory."""

    def __init__(self, path: str, chunk_rows: int):
        self.path = path
        self.chunk_rows = chunk_rows
        self.name = "standard input" if path == STREAM else path
        if path != STREAM and Path(path).is_dir():
            raise DataError(f"{path}: a folder, not a file of JSON lines")
        if path != STREAM and not Path(path).exists():
            raise DataError(f"{path}: no such file")

    @property
    def is_file(self) -> bool:
        """Whether it can be read twice; pipes cannot."""
        return self.path != STREAM and Path(self.path).is_file()

    def chunks(self) -> Iterator[Chunk]:
        with self._open() as lines:
            rows = iter(lines)
            for number in count():
                part = tuple(islice(rows, self.chunk_rows))
                if not part:
                    return
                yield Chunk(number, 1 + number * self.chunk_rows, part)

    def survey(self) -> Survey:
        """Check every line of a file before any is scored: an error should not cost hours."""
        seen, digests, rows = SeenIds(), [], 0
        with tqdm(desc="check", unit=" rows", unit_scale=True, delay=2, leave=False) as progress:
            for chunk in self.chunks():
                self.check_ids(chunk, chunk.items(self.name), seen)
                digests.append(chunk.digest())
                rows += len(chunk.lines)
                progress.update(len(chunk.lines))
        return Survey(rows, tuple(digests))

    def check_ids(self, chunk: Chunk, items: list[Item], seen: SeenIds) -> None:
        """Add the chunk's ids to those `seen`; an id that was there raises `DataError`."""
        at = seen.add([item.id for item in items])
        if at is not None:
            first = f", first in line {self._line_of(items[at].id)}" if self.is_file else ""
            raise DataError(
                f"{self.name}:{chunk.first_line + at}: field 'id': '{items[at].id}' occurs twice"
                + first
            )

    def _line_of(self, id_: str) -> int:
        for chunk in self.chunks():
            for number, item in enumerate(chunk.items(self.name), start=chunk.first_line):
                if item.id == id_:
                    return number
        raise DataError(f"{self.name}: changed while it was read")

    @contextmanager
    def _open(self) -> Iterator[Iterable[bytes]]:
        """The lines, unpacked where the content (not the name) is gzip."""
        if self.path == STREAM:
            yield self._lines(sys.stdin.buffer)
        else:
            with open(self.path, "rb") as file:
                yield self._lines(file)

    def _lines(self, file: BinaryIO) -> Iterator[bytes]:
        buffered = file if isinstance(file, io.BufferedReader) else io.BufferedReader(file)
        if buffered.peek(2)[:2] != _GZIP:
            yield from buffered
            return
        try:
            with gzip.GzipFile(fileobj=buffered) as unpacked:
                yield from unpacked
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise DataError(f"{self.name}: truncated or damaged gzip ({error})") from error


def parse_item(line: bytes, where: str) -> Item:
    """One line of the input; `where` goes into the error."""
    if not line.strip():
        raise DataError(f"{where}: a blank line")
    try:
        row = parse_row(line.decode("utf-8"), where, FIELDS)
    except UnicodeDecodeError as error:
        raise DataError(f"{where}: not UTF-8 ({error.reason})") from error
    for field in FIELDS:
        try:
            row[field].encode("utf-8")
        except UnicodeEncodeError as error:  # JSON can escape half a character: "\ud83d"
            raise DataError(f"{where}: field '{field}' holds half a character") from error
    return Item(row["id"], row["document"], row["summary"])
