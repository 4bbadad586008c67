"""Where is the model of an adapter? Its base is found, and the merged folder made once in a cache.

The cache is `$QUALS_CACHE`, else `quals` in `$XDG_CACHE_HOME` or `~/.cache`. Nothing else is kept
there: it may be deleted at any time.
"""

import hashlib
import os
from pathlib import Path

from quals.errors import InputError
from quals.models import adapter_folder
from quals.models.adapter import SETTINGS, merge
from quals.models.adapter_folder import CONFIG, RECORD, WEIGHTS, AdapterError, Places
from quals.models.source import hub_folder

FORMAT = "1"  # of merged folders: another number makes them anew
_OF_ADAPTER = (CONFIG, RECORD, WEIGHTS, SETTINGS)
_TOKENIZER = ("tokenizer.json", "tokenizer_config.json", "vocab.txt")
_OF_BASE = ("config.json", *_TOKENIZER, "*.safetensors*")


def merged_folder(adapter: Path) -> Path:
    """The model folder that adapter and base make together.

    It is named by the content of both, so that neither an edit nor another base is missed.
    """
    base = find(adapter_folder.load_record(adapter).base, adapter)
    key = _digest([(adapter, _OF_ADAPTER), (base, _OF_BASE)])
    out = cache_folder() / "merged" / f"{adapter.resolve().name}-{key}"
    if not out.is_dir():
        merge(base, adapter, out, exist_ok=True)  # several processes may come here at once
    return out


def find(base: Places, asks: Path) -> Path:
    """The base's folder: by environment variable, in the project, in the hub, in this order.

    `asks` is the adapter or the settings file that names the base. The project is the current
    folder, else a folder around it. `AdapterError` tells all the ways to get a base that is
    nowhere.
    """
    named = os.environ.get(base.variable) if base.variable else None
    if named:
        if not Path(named).is_dir():
            raise AdapterError(f"{asks}: {base.variable} is '{named}', which is no folder")
        return Path(named)
    ways, failed = [], ""
    if base.folder:
        for place in (Path(), *asks.resolve().parents):
            if (place / base.folder).is_dir():
                return place / base.folder
        ways.append(f"make {base.folder} in the project's folder (`make assets`)")
    if base.variable:
        ways.append(f"let {base.variable} name its folder")
    if base.hub:
        try:
            return hub_folder(base.hub)
        except InputError as error:
            failed = f" ({error})"
        ways.append(f"let the hub give {base.hub}{failed}")
    raise AdapterError(f"{asks}: the base model is not here: {'; or '.join(ways)}")


def cache_folder() -> Path:
    """Where things are kept that can be made again."""
    own = os.environ.get("QUALS_CACHE")
    if own:
        return Path(own)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "quals"


def _digest(parts: list[tuple[Path, tuple[str, ...]]]) -> str:
    """16 hex digits over names and bytes of the files that match, where they are there."""
    digest = hashlib.sha256(FORMAT.encode())
    for folder, patterns in parts:
        for path in sorted({path for pattern in patterns for path in folder.glob(pattern)}):
            with open(path, "rb") as file:
                content = hashlib.file_digest(file, "sha256").digest()
            digest.update(path.name.encode() + b"\0" + content)
        digest.update(b"\0")
    return digest.hexdigest()[:16]
