"""Which code made a score? A digest of the modules that scores depend on."""

import hashlib
from functools import cache
from pathlib import Path

_ROOT = Path(__file__).parents[1]
_PARTS = ("decoding", "metrics", "models", "records.py", "text.py", "scoring/rows.py")


@cache
def code_hash() -> str:
    """The first 16 hex digits of a SHA-256 over those modules, so that no edit keeps old scores."""
    digest = hashlib.sha256()
    for part in (_ROOT / name for name in _PARTS):
        for path in sorted(part.rglob("*.py")) if part.is_dir() else [part]:
            digest.update(path.relative_to(_ROOT).as_posix().encode() + b"\0")
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]
