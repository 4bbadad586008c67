"""Is the data set at hand? The first source that has it gives rows, else one error says how."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from quals.corpora.columns import Located, identifier
from quals.corpora.settings import Folder, Halueval, Hub, Source
from quals.corpora.splits import chance
from quals.errors import InputError
from quals.jsonl import DataError, read_jsonl

ENVIRONMENT = "QUALS_DATA"  # a folder that goes before every source of the settings

Rows = dict[str, list[Located]]


class MissingDataError(InputError):
    """No source has the data set; the message says what was tried and the ways to get it."""


class _NotAtHandError(Exception):
    """This source lacks the data set; the next may have it."""


@dataclass(frozen=True)
class Found:
    """The rows of every split, where they are from, and which sources lacked them."""

    origin: str
    rows: Rows
    lacking: tuple[str, ...]


def find(
    dataset: str,
    sources: Sequence[Source],
    *,
    splits: Sequence[str],
    environment: Mapping[str, str],
) -> Found:
    """All rows of a data set from the first source that has it.

    A folder named by `QUALS_DATA` is taken instead of all sources: whoever names one means it.
    Raises `MissingDataError` where no source has the data set, `DataError` where one has it in
    part or holds something else.
    """
    named = environment.get(ENVIRONMENT)
    tried = [Folder(kind="folder", folder=named)] if named else sources
    lacking: list[str] = []
    for source in tried:
        try:
            origin, rows = _READERS[type(source)](source, dataset, splits)
        except _NotAtHandError as error:
            lacking.append(str(error))
        else:
            return Found(origin, rows, tuple(lacking))
    raise MissingDataError(_message(dataset, sources, splits, lacking, named))


def _message(
    dataset: str,
    sources: Sequence[Source],
    splits: Sequence[str],
    lacking: list[str],
    named: str | None,
) -> str:
    """One line: what was tried, then the ways to get it, whichever sources the settings name."""
    files = ", ".join(f"{split}.jsonl" for split in splits)
    ways = [
        f"put {files} into {dataset}/ of a folder and name that folder in the scale's `source`"
        f" or in the environment variable {ENVIRONMENT}",
    ]
    for source in sources:
        if isinstance(source, Hub) and dataset in source.sets:
            ways.append(
                f"let it come from the hub ({source.sets[dataset].id}): a network, and"
                f" HF_HUB_OFFLINE not set{f', nor {ENVIRONMENT}' if named else ''}"
            )
        if isinstance(source, Halueval) and dataset == source.serves:
            ways.append(
                f"`make assets`, for HaluEval's articles in its place"
                f"{f' ({ENVIRONMENT} not set)' if named else ''}"
            )
    listed = "; ".join(f"({number}) {way}" for number, way in enumerate(ways, start=1))
    by = f" ({ENVIRONMENT} is set)" if named else ""
    return f"'{dataset}' is not at hand{by}: {'; '.join(lacking)}. Ways to get it: {listed}"


def _from_folder(source: Folder, dataset: str, splits: Sequence[str]) -> tuple[str, Rows]:
    folder = Path(source.folder).expanduser() / dataset
    if not folder.is_dir():
        raise _NotAtHandError(f"folder {folder} does not exist")
    rows = {}
    for split in splits:
        path = folder / f"{split}.jsonl"
        if not path.is_file():
            raise DataError(f"{path}: no such file; a data set's folder holds one for each split")
        rows[split] = _located(path)
    return "folder", rows


def _from_hub(source: Hub, dataset: str, splits: Sequence[str]) -> tuple[str, Rows]:
    if dataset not in source.sets:
        raise _NotAtHandError(f"hub: the settings name no repository for '{dataset}'")
    # Slow to import, and of no use where a folder is at hand.
    from datasets import load_dataset
    from datasets.exceptions import DatasetsError
    from huggingface_hub.errors import HTTPError  # of the library that it talks through

    chosen = source.sets[dataset]
    name = f"{chosen.id}@{chosen.revision}"
    rows = {}
    for split in splits:
        try:
            # `datasets` runs no code of a repository since version 4.
            loaded = load_dataset(chosen.id, chosen.config, split=split, revision=chosen.revision)
        except (OSError, ValueError, RuntimeError, DatasetsError, HTTPError) as error:
            reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
            raise _NotAtHandError(f"hub {name}: {reason}") from error
        rows[split] = [
            Located(f"{name} {split}:{number}", row) for number, row in enumerate(loaded, start=1)
        ]
    return f"hub {name}", rows


def _from_halueval(source: Halueval, dataset: str, splits: Sequence[str]) -> tuple[str, Rows]:
    if dataset != source.serves:
        raise _NotAtHandError(f"halueval serves as '{source.serves}' only")
    path = Path(source.file)
    if not path.is_file():
        raise _NotAtHandError(f"halueval {path} does not exist")
    rows: Rows = {split: [] for split in splits}
    for found in _located(path):
        drawn = chance(identifier(found), "halueval")
        if drawn < source.test_share:
            rows["test"].append(found)
        elif drawn < source.test_share + source.validation_share:
            rows["validation"].append(found)
        else:
            rows["train"].append(found)
    return "halueval", rows


def _located(path: Path) -> list[Located]:
    return [
        Located(f"{path}:{number}", row) for number, row in enumerate(read_jsonl(path), start=1)
    ]


_READERS: dict[type, Callable[..., tuple[str, Rows]]] = {
    Folder: _from_folder,
    Hub: _from_hub,
    Halueval: _from_halueval,
}
