"""What does a training start from? Keys of its section in the scale file, if there is one, say."""

from pathlib import Path

from quals.params import load_yaml


def names_base(params: Path, section: str) -> bool:
    """Whether it starts from a pretrained model."""
    return _holds(params, section, "base")


def finetunes(params: Path, section: str) -> bool:
    """Whether it trains all weights of a pretrained model."""
    return _holds(params, section, "finetuning")


def _holds(params: Path, section: str, key: str) -> bool:
    found = load_yaml(params).get(section)
    return isinstance(found, dict) and key in found
