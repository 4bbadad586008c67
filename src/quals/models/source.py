"""Where is a model? In a folder, or in the Hugging Face hub under an id; adapters are merged."""

import re
from pathlib import Path

from quals.errors import InputError

HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")
# Neither pickled weights nor code ever leave the hub.
WANTED = ["*.json", "*.safetensors", "vocab.txt"]
ADAPTER = "adapter_config.json"


def model_folder(name: str) -> Path:
    """The folder called `name`, else a local copy of the hub's model `owner/name[@revision]`.

    Where that is an adapter, the folder that it makes with its base model. With `HF_HUB_OFFLINE`
    set only the hub's local cache is asked. Raises `InputError` where there is neither.
    """
    folder = Path(name)
    if not folder.is_dir():
        folder = hub_folder(name)
    if not (folder / ADAPTER).is_file():
        return folder
    from quals.models.released import merged_folder  # imports torch

    return merged_folder(folder)


def hub_folder(name: str) -> Path:
    """A local copy of the hub's model `owner/name[@revision]`."""
    repository, _, revision = name.partition("@")
    if not HUB_ID.fullmatch(repository) or Path(repository).parent.is_dir():
        raise InputError(f"{name}: no such model folder")
    from huggingface_hub import snapshot_download

    try:
        found = snapshot_download(repository, revision=revision or None, allow_patterns=WANTED)
    except (OSError, ValueError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        message = f"{name}: no such model folder, nor a model of the hub: {reason}"
        raise InputError(message) from error
    return Path(found)
