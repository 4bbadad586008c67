"""Which repositories of the hub does a scale name, and are they to be had at their revisions?

Only `quals doctor --scale` asks the hub. With `HF_HUB_OFFLINE` set its local cache is asked alone.
"""

import fnmatch
import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from quals.corpora.sources import ENVIRONMENT
from quals.models.source import HUB_ID, WANTED

COMMIT = re.compile(r"[0-9a-f]{40}")
SECONDS = 15.0  # until an unanswered question to the hub counts as failed
# Keys of a settings file that hold the id of a model as text.
_MODEL_KEYS = ("hub", "model", "tokenizer")


@dataclass(frozen=True)
class Repository:
    """A model or data set of the hub, the key that names it, and what serves in its place here."""

    kind: Literal["model", "dataset"]
    id: str
    revision: str | None
    key: str
    instead: str | None = None

    @property
    def name(self) -> str:
        return f"{self.kind} {self.id}" + (f"@{self.revision}" if self.revision else "")

    @property
    def pinned(self) -> bool:
        return bool(self.revision and COMMIT.fullmatch(self.revision))


@dataclass(frozen=True)
class Answer:
    """Bytes to fetch of a repository as far as known, and the commit that its revision means."""

    size: int
    commit: str | None = None


@dataclass(frozen=True)
class Found:
    """What came of asking for a repository, or why it is no use."""

    repository: Repository
    answer: Answer | None
    problem: str | None

    @property
    def size(self) -> int:
        return self.answer.size if self.answer else 0


Ask = Callable[[Repository], Answer]


def named(settings: Mapping[str, object], root: Path) -> list[Repository]:
    """Every repository that the settings name, once; ids in the order of the file."""
    found: dict[tuple[str, str, str | None], Repository] = {}
    for repository in _walk(settings, "", root, None):
        found.setdefault((repository.kind, repository.id, repository.revision), repository)
    return list(found.values())


def _walk(value: object, key: str, root: Path, instead: str | None) -> Iterator[Repository]:
    if isinstance(value, Mapping):
        instead = _place(value, root) or instead
        if isinstance(value.get("id"), str) and HUB_ID.fullmatch(value["id"]):
            kind = "dataset" if ".sets." in key else "model"
            own = instead
            if kind == "dataset":
                own = _data_set(key.rpartition(".")[2], root) or instead
            revision = value.get("revision")
            yield Repository(kind, value["id"], revision and str(revision), key, own)
            return
        for name, inner in value.items():
            yield from _walk(inner, f"{key}.{name}" if key else str(name), root, instead)
    elif isinstance(value, list):
        # A source at hand before another serves in its place.
        folders = [i for i in value if isinstance(i, Mapping) and i.get("kind") == "folder"]
        for inner in value:
            own = instead
            if isinstance(inner, Mapping) and isinstance(inner.get("sets"), Mapping):
                for name, item in inner["sets"].items():
                    place = next(filter(None, (_below(root, f, name) for f in folders)), instead)
                    yield from _walk(item, f"{key}.sets.{name}", root, place)
                continue
            yield from _walk(inner, key, root, own)
    elif isinstance(value, str) and key.rpartition(".")[2] in _MODEL_KEYS:
        repository, _, revision = value.partition("@")
        if HUB_ID.fullmatch(repository) and not (root / value).exists():
            yield Repository("model", repository, revision or None, key, instead)


def _place(places: Mapping[str, object], root: Path) -> str | None:
    """A model's folder that is there, by environment variable or in the project."""
    variable, folder = places.get("variable"), places.get("folder")
    named_ = os.environ.get(str(variable)) if variable else None
    if named_ and Path(named_).is_dir():
        return named_
    if isinstance(folder, str) and "hub" in places and (root / folder).is_dir():
        return folder
    return None


def _below(root: Path, source: Mapping[str, object], dataset: str) -> str | None:
    folder = Path(str(source.get("folder"))).expanduser() / dataset
    return str(folder) if (root / folder).is_dir() else None


def _data_set(dataset: str, root: Path) -> str | None:
    """The data set's folder below that of the environment."""
    given = os.environ.get(ENVIRONMENT)
    return f"{given}/{dataset}" if given and (root / given / dataset).is_dir() else None


def offline() -> bool:
    """Whether the environment forbids asking the hub."""
    return os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE")


def check(repositories: list[Repository], ask: Ask) -> list[Found]:
    """What becomes of each; those that something here stands in for are not asked for."""
    found = []
    for repository in repositories:
        if repository.instead is not None:
            found.append(Found(repository, None, None))
            continue
        try:
            found.append(Found(repository, ask(repository), None))
        except (OSError, ValueError) as error:
            found.append(Found(repository, None, _reason(error)))
    return found


def _reason(error: Exception) -> str:
    """One line for people."""
    known = {
        "RepositoryNotFoundError": "the hub has no such repository, or it is private",
        "RevisionNotFoundError": "the repository has no such revision",
        "GatedRepoError": "the repository asks for a login and a consent",
    }
    if type(error).__name__ in known:
        return known[type(error).__name__]
    first = (str(error).strip().splitlines() or [""])[0]
    if "HF_HUB_OFFLINE" in first:
        return first
    return f"the hub does not answer ({first or type(error).__name__})"


def ask_hub(repository: Repository) -> Answer:
    """What the hub has of a repository's files. Errors are `OSError` or `ValueError`."""
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HTTPError  # of the library that it talks through

    api = HfApi()
    describe = api.model_info if repository.kind == "model" else api.dataset_info
    try:
        found = describe(
            repository.id,
            revision=repository.revision,
            timeout=SECONDS,
            files_metadata=True,
        )
    except HTTPError as error:
        if isinstance(error, OSError):
            raise
        raise OSError(str(error)) from error
    files = {file.rfilename: file.size or 0 for file in found.siblings or ()}
    if repository.kind == "model" and not any(name.endswith(".safetensors") for name in files):
        raise ValueError("no safetensors there at this revision, and pickles are never loaded")
    if repository.kind == "model" and not files.keys() & {"tokenizer.json", "vocab.txt"}:
        raise ValueError("neither tokenizer.json nor a BERT's vocab.txt there at this revision")
    wanted = WANTED if repository.kind == "model" else ["*.parquet"]
    fetched = {name for pattern in wanted for name in fnmatch.filter(files, pattern)}
    return Answer(sum(files[name] for name in fetched), found.sha)


def ask_cache(repository: Repository) -> Answer:
    """The same from the hub's local cache: nothing is left to fetch."""
    from huggingface_hub import CacheNotFound, scan_cache_dir

    try:
        cached = scan_cache_dir().repos
    except CacheNotFound:
        cached = frozenset()
    for repo in cached:
        if (repo.repo_type, repo.repo_id) == (repository.kind, repository.id):
            for revision in repo.revisions:
                names = {revision.commit_hash, *revision.refs}
                if (repository.revision or "main") in names:
                    return Answer(0, revision.commit_hash)
    raise ValueError("HF_HUB_OFFLINE is set and the local cache lacks it")
