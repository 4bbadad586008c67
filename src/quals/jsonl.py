"""How do files get read and written? JSON and JSON lines, checked when read, whole when written."""

import json
import os
from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise
from pathlib import Path
from tempfile import NamedTemporaryFile

from quals.errors import InputError

Row = dict[str, object]


class DataError(InputError):
    """A file's content is not what its readers rely on; the message names file, line and field."""


def read_jsonl(path: Path | str, fields: dict[str, type] | None = None) -> list[Row]:
    """All rows of a JSON-lines file.

    `fields` maps a required field to its type; a missing or wrongly typed field raises
    `DataError` naming file, line and field. So do invalid JSON and rows that are not objects.
    """
    return list(stream_jsonl(path, fields))


def stream_jsonl(path: Path | str, fields: dict[str, type] | None = None) -> Iterator[Row]:
    """The same one at a time: the file is never held in memory."""
    # Bytes, because a text file decodes blocks ahead and would blame an earlier line.
    with open(path, "rb") as file:
        for number, line in enumerate(file, start=1):
            where = f"{path}:{number}"
            yield parse_row(decode(line, where), where, fields or {})


def stream_by_id(path: Path | str, fields: dict[str, type]) -> Iterator[Row]:
    """The same of a file that `write_jsonl` wrote: every `id` comes after the one before."""
    before = None
    for number, row in enumerate(stream_jsonl(path, fields), start=1):
        if before is not None and row["id"] <= before:
            raise DataError(f"{path}:{number}: field 'id': '{row['id']}' after '{before}'")
        before = row["id"]
        yield row


def parse_row(line: str, where: str, fields: dict[str, type]) -> Row:
    """One JSON object with the given fields; `where` goes into the error."""
    try:
        row = json.loads(line, parse_constant=_refuse)
    except json.JSONDecodeError as error:
        raise DataError(f"{where}: not JSON ({error.msg})") from error
    except (ValueError, RecursionError) as error:  # endless digits, endless brackets
        raise DataError(f"{where}: not usable JSON ({error})") from error
    if not isinstance(row, dict):
        raise DataError(f"{where}: a row must be an object, not {type(row).__name__}")
    for field, kind in fields.items():
        if field not in row:
            raise DataError(f"{where}: field '{field}' is missing")
        if not _is_a(row[field], kind):
            found = type(row[field]).__name__
            raise DataError(f"{where}: field '{field}' must be {kind.__name__}, not {found}")
    return row


def decode(content: bytes, where: str) -> str:
    """Bytes as text; `where` goes into the error."""
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise DataError(f"{where}: not UTF-8 ({error.reason})") from error


def _refuse(constant: str) -> None:
    """NaN and infinity are no JSON, though Python reads them."""
    raise json.JSONDecodeError(f"{constant} is no JSON value", constant, 0)


def _is_a(value: object, kind: type) -> bool:
    """`isinstance` as JSON means it: true is no number, and 3 is as good a float as 3.0."""
    if isinstance(value, bool):
        return kind in (bool, object)
    return isinstance(value, (int, float) if kind is float else kind)


def read_json(path: Path | str) -> object:
    """One JSON file; invalid JSON raises `DataError` naming the file."""
    try:
        return json.loads(decode(Path(path).read_bytes(), str(path)), parse_constant=_refuse)
    except json.JSONDecodeError as error:
        raise DataError(f"{path}:{error.lineno}: not JSON ({error.msg})") from error


def rounded(value: object, digits: int = 6) -> object:
    """The same structure with every float rounded, so that files compare and diff well."""
    if isinstance(value, float):
        return round(value, digits) + 0.0  # + 0.0 turns -0.0 into 0.0
    if isinstance(value, dict):
        return {key: rounded(item, digits) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(item, digits) for item in value]
    return value


def dump(value: object, indent: int | None = None) -> str:
    """JSON text with sorted keys and rounded floats; NaN and infinity raise `ValueError`."""
    return json.dumps(
        rounded(value), sort_keys=True, ensure_ascii=False, allow_nan=False, indent=indent
    )


def write_whole(path: Path | str, write: Callable[[Path], None]) -> None:
    """Let `write` fill a temporary file beside `path`, then move it there: all or nothing."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
        temporary = Path(file.name)
    try:
        write(temporary)
        temporary.chmod(0o644)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: Path | str, text: str) -> None:
    """Write a text file whole or not at all."""
    write_whole(path, lambda temporary: temporary.write_text(text, encoding="utf-8"))


def write_json(path: Path | str, value: object) -> None:
    """Write indented JSON with sorted keys, whole or not at all."""
    write_text(path, dump(value, indent=2) + "\n")


def write_jsonl(path: Path | str, rows: Iterable[Row]) -> None:
    """Write rows sorted by their `id`, whole or not at all; a repeated id raises `DataError`."""
    ordered = sorted(rows, key=lambda row: str(row["id"]))
    for before, after in pairwise(ordered):
        if before["id"] == after["id"]:
            raise DataError(f"{path}: id '{after['id']}' occurs twice")
    write_whole(path, lambda temporary: temporary.write_bytes(lines_of(ordered)))


def lines_of(rows: Iterable[Row]) -> bytes:
    """Rows as they stand in a file."""
    return "".join(dump(row) + "\n" for row in rows).encode("utf-8")
