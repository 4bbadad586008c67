"""How do files get read and written? JSON and JSON lines, checked when read, whole when written."""

import json
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from tempfile import NamedTemporaryFile

Row = dict[str, object]


class DataError(ValueError):
    """A file's content is not what its readers rely on; the message names file, line and field."""


def read_jsonl(path: Path | str, fields: dict[str, type] | None = None) -> list[Row]:
    """All rows of a JSON-lines file.

    `fields` maps a required field to its type; a missing or wrongly typed field raises
    `DataError` naming file, line and field. So do invalid JSON and rows that are not objects.
    """
    rows = []
    try:
        with open(path, encoding="utf-8") as file:
            for number, line in enumerate(file, start=1):
                rows.append(parse_row(line, f"{path}:{number}", fields or {}))
    except UnicodeDecodeError as error:
        raise DataError(f"{path}:{len(rows) + 1}: not UTF-8 ({error.reason})") from error
    return rows


def parse_row(line: str, where: str, fields: dict[str, type]) -> Row:
    """One JSON object with the given fields; `where` goes into the error."""
    try:
        row = json.loads(line)
    except json.JSONDecodeError as error:
        raise DataError(f"{where}: not JSON ({error.msg})") from error
    if not isinstance(row, dict):
        raise DataError(f"{where}: a row must be an object, not {type(row).__name__}")
    for field, kind in fields.items():
        if field not in row:
            raise DataError(f"{where}: field '{field}' is missing")
        if not isinstance(row[field], kind):
            found = type(row[field]).__name__
            raise DataError(f"{where}: field '{field}' must be {kind.__name__}, not {found}")
    return row


def read_json(path: Path | str) -> object:
    """One JSON file; invalid JSON raises `DataError` naming the file."""
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
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
    for before, after in zip(ordered, ordered[1:], strict=False):
        if before["id"] == after["id"]:
            raise DataError(f"{path}: id '{after['id']}' occurs twice")
    write_text(path, "".join(dump(row) + "\n" for row in ordered))
