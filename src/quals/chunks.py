"""Where do finished chunks of a long piece of work wait? Each in a file, until all are there.

A file appears whole or not at all, so that a kill costs one chunk. Its first line, the header, has
a digest of its content, so that a file that a power cut emptied is made again.
"""

import hashlib
import json
import os
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from quals.errors import InputError
from quals.jsonl import Row, dump, write_whole


class ChunkError(InputError):
    """A chunk is missing, or is one of other work; the message names it."""


class ChunkFiles:
    """The chunks in a folder, by their numbers. A chunk has a part for each output."""

    def __init__(self, folder: Path):
        self.folder = folder

    def path(self, number: int) -> Path:
        return self.folder / f"chunk-{number:08}.jsonl"

    def any(self) -> bool:
        """Whether there are files at all."""
        return any(self.folder.glob("chunk-*.jsonl"))

    def header(self, number: int) -> Row | None:
        """What `write` was told, or None where there is no file or not a whole one."""
        found = self._read(number)
        return None if found is None else found[0]

    def _read(self, number: int) -> tuple[Row, bytes] | None:
        try:
            first, _, body = self.path(number).read_bytes().partition(b"\n")
            header = json.loads(first)
            whole = header["output"] == digest(body) and sum(header["sizes"]) == len(body)
            return (header, body) if whole else None
        except (FileNotFoundError, ValueError, TypeError, KeyError):
            return None

    def write(self, number: int, header: Row, parts: Sequence[bytes]) -> None:
        """Store a chunk, whole or not at all; a part is a number of lines."""
        body = b"".join(parts)
        header = {**header, "output": digest(body), "sizes": [len(part) for part in parts]}
        content = dump(header).encode() + b"\n" + body
        write_whole(self.path(number), lambda path: path.write_bytes(content))

    def join(self, count: int, outs: Sequence[Path]) -> list[Row]:
        """Write the first `count` chunks to the outputs, which appear whole; their headers.

        `ChunkError` where one is missing. The files stay.
        """
        wholes = [out.with_name(f".{out.name}.whole") for out in outs]
        headers = []
        try:
            with ExitStack() as stack:
                files = []
                for whole in wholes:
                    whole.parent.mkdir(parents=True, exist_ok=True)
                    files.append(stack.enter_context(open(whole, "wb")))
                for number in range(count):
                    found = self._read(number)
                    if found is None:
                        raise ChunkError(f"{self.path(number)}: missing")
                    header, body = found
                    at = 0
                    for file, size in zip(files, header["sizes"], strict=True):
                        file.write(body[at : at + size])
                        at += size
                    headers.append(header)
                for file in files:
                    file.flush()
                    os.fsync(file.fileno())
            for whole, out in zip(wholes, outs, strict=True):
                os.replace(whole, out)
        finally:
            for whole in wholes:
                whole.unlink(missing_ok=True)
        return headers


def digest(content: bytes) -> str:
    """32 hex digits."""
    return hashlib.sha256(content).hexdigest()[:32]
