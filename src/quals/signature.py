"""What made a result? Versions, device, seed and the content of the models that went in."""

import hashlib
import os
import platform
from importlib.metadata import version
from pathlib import Path

import torch

PACKAGES = ("quals", "rouge-score", "safetensors", "spacy", "tokenizers", "torch", "transformers")


def signature(
    *,
    seed: int | None = None,
    models: dict[str, Path] | None = None,
    threads: int | None = None,
) -> dict[str, object]:
    """A JSON-ready record for a result file; `models` maps a role to its folder.

    `threads` says how many made the result, where those of this process did not.
    """
    return {
        "seed": seed,
        "python": platform.python_version(),
        "device": device_name(),
        "threads": torch.get_num_threads() if threads is None else threads,
        "versions": versions(),
        "models": {role: content_hash(folder) for role, folder in (models or {}).items()},
    }


def versions() -> dict[str, str]:
    """Of the packages that results depend on."""
    return {name: version(name) for name in PACKAGES}


def device_name() -> str:
    """The accelerator's name, or the CPU's with the number of cores."""
    if torch.cuda.is_available():
        return torch.cuda.get_device_name()
    return f"{platform.machine()} CPU, {os.cpu_count()} cores"


def content_hash(folder: Path) -> str:
    """The first 16 hex digits of a SHA-256 over the names and bytes of a model folder's files."""
    digest = hashlib.sha256()
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        digest.update(path.relative_to(folder).as_posix().encode() + b"\0")
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]
