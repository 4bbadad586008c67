"""Where is something made before it is whole? In a hidden folder beside its place."""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from quals.assets.archive import AssetError


@contextmanager
def workplace(place: Path) -> Iterator[Path]:
    """An empty folder on the disk of `place` that no other process has; gone at the end.

    What a killed run left is removed first. Raises `AssetError` where another process is at work.
    """
    parent = place.parent
    parent.mkdir(parents=True, exist_ok=True)
    folder = parent / f".{place.name}.partial"
    # The system frees the lock of a process that is killed, so that none is ever stale.
    held = os.open(parent, os.O_RDONLY)
    try:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise AssetError(
                f"{place}: another process makes assets in {parent} now; wait until it is done"
            ) from error
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    finally:
        os.close(held)


def refuse_full_disk(place: Path, needed: int) -> None:
    """Raise `AssetError` where the disk of `place` has fewer than `needed` bytes free."""
    there = next(folder for folder in place.absolute().parents if folder.is_dir())
    free = shutil.disk_usage(there).free
    if free < needed:
        raise AssetError(
            f"{place}: needs {megabytes(needed)} of disk, {megabytes(free)} are free; make room, "
            "or choose less with --only"
        )


def megabytes(count: int) -> str:
    """A number of bytes for people, in units of 10^6."""
    return f"{count / 1e6:.1f} MB" if count < 1e8 else f"{count / 1e6:.0f} MB"
