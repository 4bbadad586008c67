"""Where do finished chunks wait? In a folder beside the output, until the output is whole."""

import fcntl
import hashlib
import json
import os
import shutil
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from quals.errors import InputError
from quals.jsonl import dump, read_json, write_json
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
    """The chunks of one output. Each is a file that appears whole, so that a kill costs one chunk.

    Chunks are files of their own, because several processes write them; the first line of each
    has the digest of its input, so that another input is noticed, and of its content, so that a
    file that a power cut emptied is written again.
    """

    def __init__(self, out: Path):
        self.out = out
        self.folder = out.parent / f".{out.name}.partial"
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
        return (self.folder / MANIFEST).is_file() and any(self.folder.glob("chunk-*.jsonl"))

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

    def _path(self, number: int) -> Path:
        return self.folder / f"chunk-{number:08}.jsonl"

    def has(self, chunk: Chunk) -> bool:
        """Whether the chunk is there, whole; `WorkspaceError` if it was made from other lines."""
        found = self._read(chunk.number)
        if found is None:
            return False
        if found[0]["input"] != chunk.digest():
            last = chunk.first_line + len(chunk.lines) - 1
            raise WorkspaceError(
                f"{self.folder}: cannot resume: lines {chunk.first_line} to {last} of the input "
                "are not those that were scored; give the same input, or --restart"
            )
        return True

    def _read(self, number: int) -> tuple[dict[str, object], bytes] | None:
        """A chunk's header and content, or None where there is no file or not a whole one."""
        try:
            first, _, body = self._path(number).read_bytes().partition(b"\n")
            header = json.loads(first)
            return (header, body) if header["output"] == _digest(body) else None
        except (FileNotFoundError, ValueError, TypeError, KeyError):
            return None

    def write(self, chunk: Chunk, rows: list[dict[str, object]]) -> None:
        """Store the output of a chunk, whole or not at all."""
        body = lines_of(rows)
        tally = Counter(row["reason"] for row in rows if row["quals"] is None)
        header = {
            "input": chunk.digest(),
            "output": _digest(body),
            "rows": len(rows),
            "undefined": dict(tally),
        }
        path = self._path(chunk.number)
        temporary = path.with_suffix(f".{os.getpid()}")
        try:
            temporary.write_bytes(dump(header).encode() + b"\n" + body)
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)

    def merge(self, chunks: int) -> Tally:
        """Join the chunks to the output, which appears whole, and remove the folder."""
        rows, undefined = 0, Counter()
        whole = self.folder / "whole"
        try:
            with open(whole, "wb") as file:
                for number in range(chunks):
                    found = self._read(number)
                    if found is None:
                        raise WorkspaceError(f"{self._path(number)}: missing; --resume makes it")
                    header, body = found
                    file.write(body)
                    rows += header["rows"]
                    undefined.update(header["undefined"])
                file.flush()
                os.fsync(file.fileno())
            os.replace(whole, self.out)
        finally:
            whole.unlink(missing_ok=True)
        shutil.rmtree(self.folder)
        return Tally(rows, dict(undefined))

    def _empty(self) -> None:
        for path in self.folder.iterdir():
            path.unlink()


def lines_of(rows: list[dict[str, object]]) -> bytes:
    """Rows as they stand in the output."""
    return "".join(dump(row) + "\n" for row in rows).encode("utf-8")


def _digest(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()[:32]


def _short(value: object) -> str:
    text = dump(value)
    return text if len(text) <= 300 else text[:297] + "..."
