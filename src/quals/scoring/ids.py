"""Has an id occurred before? Eight bytes for each of a million ids instead of the ids."""

import hashlib

import numpy as np


class SeenIds:
    """The ids so far as a sorted array of 64-bit digests.

    A Python set of the ids takes 100 bytes and more for each, a set of their digests 70, and a
    first pass that sorts the ids on disk cannot read a pipe. Two different ids of a million share
    a digest with a chance of 3e-8.
    """

    def __init__(self) -> None:
        self._digests = np.empty(0, dtype=np.uint64)

    def add(self, ids: list[str]) -> int | None:
        """The position of the first id that occurred before, here or in an earlier call."""
        digests = np.array([_digest(id_) for id_ in ids], dtype=np.uint64)
        places = np.searchsorted(self._digests, digests)
        known = np.zeros(len(ids), dtype=bool)
        inside = places < len(self._digests)
        known[inside] = self._digests[places[inside]] == digests[inside]
        order = np.argsort(digests, kind="stable")
        repeated = np.flatnonzero(digests[order][1:] == digests[order][:-1]) + 1
        known[order[repeated]] = True
        if known.any():
            return int(np.argmax(known))
        self._digests = np.insert(self._digests, places[order], digests[order])
        return None

    def __len__(self) -> int:
        return len(self._digests)

    @property
    def nbytes(self) -> int:
        """The memory that the ids take."""
        return self._digests.nbytes


def _digest(id_: str) -> int:
    return int.from_bytes(hashlib.blake2b(id_.encode("utf-8"), digest_size=8).digest(), "little")
