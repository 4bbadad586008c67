"""Which document and summary are to be explained? From files, options, or a scored file's id."""

import gzip
import sys
import zlib
from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from quals.errors import InputError
from quals.jsonl import DataError, Row, parse_row

STREAM = "-"
_GZIP = b"\x1f\x8b"


@dataclass(frozen=True)
class Texts:
    """A document and its summary; `scored` is the row of the scored file, where there is one."""

    document: str
    summary: str
    scored: Row | None = None


def read_texts(arguments: Namespace) -> Texts:
    """The texts that the options name; contradictory or missing options raise `InputError`."""
    plain = ("document", "summary", "document_text", "summary_text")
    from_file = ("scored", "input", "id")
    given = [name for name in (*plain, *from_file) if getattr(arguments, name) is not None]
    if any(name in from_file for name in given):
        if sorted(given) != sorted(from_file):
            raise InputError("--scored, --input and --id go together and without other texts")
        return _from_scored_file(arguments.scored, arguments.input, arguments.id)
    for side in ("document", "summary"):
        if (side in given) == (f"{side}_text" in given):
            raise InputError(f"give one of --{side} and --{side}-text (or --scored, --input, --id)")
    if arguments.document == arguments.summary == STREAM:
        raise InputError("--document - and --summary -: standard input can be read once only")
    return Texts(
        _text(arguments.document, arguments.document_text),
        _text(arguments.summary, arguments.summary_text),
    )


def _text(path: str | None, text: str | None) -> str:
    if path is None:
        return text or ""
    try:
        content = sys.stdin.buffer.read() if path == STREAM else Path(path).read_bytes()
        return content.decode("utf-8-sig").strip()
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8 ({error.reason})") from error
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from error


def _from_scored_file(scored: str, source: str, id_: str) -> Texts:
    row = find_row(source, id_, {"id": str, "document": str, "summary": str})
    result = find_row(scored, id_, {"id": str, "quals": object, "pairs": list})
    quals = result["quals"]
    if not (quals is None or (isinstance(quals, int | float) and not isinstance(quals, bool))):
        found = type(quals).__name__
        raise DataError(
            f"{scored}: id '{id_}': field 'quals' must be a number or null, not {found}"
        )
    return Texts(str(row["document"]), str(row["summary"]), result)


def find_row(path: str, id_: str, fields: dict[str, type]) -> Row:
    """The one row with this id in JSON lines, plain or gzip, read line by line.

    Only that row need have all `fields`; an id that is missing or repeated raises `DataError`.
    """
    found = None
    with _opened(path) as file:
        for number, line in _numbered(file, path):
            where = f"{path}:{number}"
            try:
                text = line.decode("utf-8")
            except UnicodeDecodeError as error:
                raise DataError(f"{where}: not UTF-8 ({error.reason})") from error
            if parse_row(text, where, {"id": str})["id"] != id_:
                continue
            if found is not None:
                raise DataError(f"{where}: id '{id_}' occurs twice")
            found = parse_row(text, where, fields)
    if found is None:
        raise DataError(f"{path}: no row has the id '{id_}'")
    return found


@contextmanager
def _opened(path: str) -> Iterator[BinaryIO]:
    try:
        with open(path, "rb") as file:
            packed = file.read(2) == _GZIP
            file.seek(0)
            if not packed:
                yield file
                return
            with gzip.open(file) as unpacked:
                yield unpacked
    except OSError as error:
        raise DataError(f"{path}: {error.strerror or error}") from error


def _numbered(file: BinaryIO, path: str) -> Iterator[tuple[int, bytes]]:
    number = 0
    try:
        for number, line in enumerate(file, start=1):
            yield number, line
    except (EOFError, zlib.error) as error:
        raise DataError(f"{path}:{number + 1}: broken gzip file ({error})") from error
