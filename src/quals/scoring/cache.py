"""Which scores are known already? A file of them, keyed by texts, model, settings and code."""

import hashlib
import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from quals.errors import InputError
from quals.jsonl import dump

FILE = "scores.sqlite"
_WAIT = 120  # seconds for which a process lets others write
Row = dict[str, object]


class CacheError(InputError):
    """A score cache cannot be used; the message names its file."""


class ScoreCache:
    """Scores on disk. Processes on one machine may share it; a chunk is added whole or not at all.

    `scope` says what a score depends on besides its texts; scores of another scope are not found.
    """

    def __init__(self, folder: Path, scope: dict[str, object]):
        self.path = folder / FILE
        self._scope = hashlib.sha256(dump(scope).encode("utf-8")).digest()
        folder.mkdir(parents=True, exist_ok=True)
        with self._errors():
            self._database = sqlite3.connect(self.path, timeout=_WAIT)
            with self._database as transaction:
                transaction.execute(
                    "CREATE TABLE IF NOT EXISTS scores "
                    "(key BLOB PRIMARY KEY, score TEXT NOT NULL) WITHOUT ROWID"
                )

    def find(self, texts: list[tuple[str, str]]) -> dict[tuple[str, str], Row]:
        """The known ones of the (document, summary) pairs with their scores as rows."""
        found = {}
        with self._errors():
            for pair in set(texts):
                row = self._database.execute(
                    "SELECT score FROM scores WHERE key = ?", (self._key(pair),)
                ).fetchone()
                if row is not None:
                    found[pair] = json.loads(row[0])
        return found

    def add(self, scores: dict[tuple[str, str], Row]) -> None:
        """Remember scores; those that are there stay as they are."""
        rows = [(self._key(pair), dump(row)) for pair, row in scores.items()]
        with self._errors(), self._database as transaction:
            transaction.executemany("INSERT OR IGNORE INTO scores VALUES (?, ?)", rows)

    def close(self) -> None:
        self._database.close()

    def _key(self, pair: tuple[str, str]) -> bytes:
        digest = hashlib.sha256(self._scope)
        for text in pair:
            content = text.encode("utf-8")
            digest.update(len(content).to_bytes(8, "little"))
            digest.update(content)
        return digest.digest()

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.OperationalError as error:  # locked, full, read-only
            raise CacheError(f"{self.path}: {error}") from error
        except (sqlite3.DatabaseError, json.JSONDecodeError) as error:
            raise CacheError(
                f"{self.path}: not a usable score cache ({error}); delete it and it is made again"
            ) from error
