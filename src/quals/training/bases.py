"""Is a model trained from scratch or from a pretrained one? A section names a `base` or not."""

from pathlib import Path

from quals.params import load_yaml


def names_base(params: Path, section: str) -> bool:
    """Whether a section of the scale file starts from a pretrained model."""
    found = load_yaml(params).get(section)
    return isinstance(found, dict) and "base" in found
