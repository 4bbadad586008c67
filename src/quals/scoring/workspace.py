"""How is an unfinished run found again? Its chunks wait in a folder beside the output."""

import fcntl
import os
import shutil
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from quals.chunks import ChunkError, ChunkFiles
from quals.errors import InputError
from quals.jsonl import dump, lines_of, read_json, write_json
from quals.scoring.source import Chunk

MANIFEST = "manifest.json"
Manifest = dict[str, object]


class WorkspaceError(InputError):
    """An unfinished run cannot be continued, or is in the way; the message says what to do."""


@dataclass(frozen=True)
class Tally:
    """How many rows were written, and how many have no score for which reason."""

    rows: int
    undefined: dict[str, int]


class Workspace:
    """The chunks of one output.

    Chunks are files of their own, because several processes write them; the header of each has the
    digest of its input, so that another input is noticed.
    """

    def __init__(self, out: Path):
        self.out = out
        self.folder = out.parent / f".{out.name}.partial"
        self._chunks = ChunkFiles(self.folder)
        self._held: int | None = None

    def start(self, manifest: Manifest, *, resume: bool, restart: bool) -> None:
        """Make the folder, or take over one that holds the same run; only one run may have it."""
        if self.out.exists() and not self.out.is_file():
            raise WorkspaceError(f"{self.out}: not a file; '-' writes to standard output")
        self.folder.mkdir(parents=True, exist_ok=True)
        self._lock()
        if restart or not self._holds_work():
            self._empty()
            write_json(self.folder / MANIFEST, manifest)
        elif resume:
            self._compare(manifest)
        else:
            raise WorkspaceError(
                f"{self.out}: an unfinished run is in {self.folder}; "
                "--resume finishes it, --restart discards it"
            )

    def _holds_work(self) -> bool:
        return (self.folder / MANIFEST).is_file() and self._chunks.any()

    def stop(self) -> None:
        """Leave nothing behind where nothing is worth keeping."""
        if self._held is not None and not self._holds_work():
            shutil.rmtree(self.folder)

    def _compare(self, manifest: Manifest) -> None:
        before = read_json(self.folder / MANIFEST)
        before = before if isinstance(before, dict) else {}
        for key in sorted(manifest.keys() | before.keys()):
            if manifest.get(key) != before.get(key):
                raise WorkspaceError(
                    f"{self.folder}: cannot resume: {key} is {_short(manifest.get(key))}, but was "
                    f"{_short(before.get(key))}; give the same, or --restart"
                )

    def _lock(self) -> None:
        # The system frees the lock of a process that is killed, so that none is ever stale.
        folder = os.open(self.folder, os.O_RDONLY)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(folder)
            raise WorkspaceError(f"{self.out}: another process is writing it now") from error
        self._held = folder

    def close(self) -> None:
        """Let other runs have the folder."""
        if self._held is not None:
            os.close(self._held)
            self._held = None

    def has(self, chunk: Chunk) -> bool:
        """Whether the chunk is there, whole; `WorkspaceError` if it was made from other lines."""
        header = self._chunks.header(chunk.number)
        if header is None:
            return False
        if header["input"] != chunk.digest():
            last = chunk.first_line + len(chunk.lines) - 1
            raise WorkspaceError(
                f"{self.folder}: cannot resume: lines {chunk.first_line} to {last} of the input "
                "are not those that were scored; give the same input, or --restart"
            )
        return True

    def write(self, chunk: Chunk, rows: list[dict[str, object]]) -> None:
        """Store the output of a chunk, whole or not at all."""
        tally = Counter(row["reason"] for row in rows if row["quals"] is None)
        header = {"input": chunk.digest(), "rows": len(rows), "undefined": dict(tally)}
        self._chunks.write(chunk.number, header, [lines_of(rows)])

    def merge(self, chunks: int) -> Tally:
        """Join the chunks to the output, which appears whole, and remove the folder."""
        try:
            headers = self._chunks.join(chunks, [self.out])
        except ChunkError as error:
            raise WorkspaceError(f"{error}; --resume makes it") from error
        shutil.rmtree(self.folder)
        undefined = sum((Counter(header["undefined"]) for header in headers), Counter())
        return Tally(sum(header["rows"] for header in headers), dict(undefined))

    def _empty(self) -> None:
        for path in self.folder.iterdir():
            path.unlink()


def _short(value: object) -> str:
    text = dump(value)
    return text if len(text) <= 300 else text[:297] + "..."
