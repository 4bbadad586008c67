"""Where do a file's generated parts stand? Between two comments that name each."""

from pathlib import Path

from quals.jsonl import write_text


def filled(text: str, name: str, block: str) -> str:
    """A text with `block` between the markers of that name, each of which must stand there once."""
    start, end = f"<!-- {name}:start -->", f"<!-- {name}:end -->"
    if text.count(start) != 1 or text.count(end) != 1 or text.index(start) > text.index(end):
        raise ValueError(f"the text needs '{start}' and then '{end}', once each")
    before, rest = text.split(start)
    return f"{before}{start}\n\n{block}\n\n{end}{rest.split(end)[1]}"


def update(path: Path, name: str, block: str) -> None:
    """Write the block into a file, between its markers."""
    write_text(path, filled(path.read_text(encoding="utf-8"), name, block))
