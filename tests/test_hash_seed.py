"""Does anything depend on the order of a set, which Python draws anew for every process?"""

import os
import subprocess
import sys

import pytest
from pipeline import ROOT, stages
from ruamel.yaml import YAML

MADE = ("corpus", "questions")
GRID = YAML(typ="safe", pure=True).load((ROOT / "params.yaml").read_text())


def make(folder, hash_seed: int) -> dict[str, bytes]:
    """What the stages make that draw the world, at toy size; every file by name."""
    scale = YAML(typ="safe", pure=True).load((ROOT / "scales/testbed.yaml").read_text())
    scale["corpus"] |= {"train": 60, "validation": 20, "test": 20}
    scale["questions"] |= {"train_articles": 150, "train_summaries": 150}
    scale["questions"] |= {"validation_articles": 20, "validation_summaries": 20}
    (folder / "scales").mkdir()
    with open(folder / "scales/testbed.yaml", "w") as file:
        YAML(typ="safe", pure=True).dump(scale, file)
    environment = {**os.environ, "PYTHONHASHSEED": str(hash_seed), "PYTHONPATH": str(ROOT / "src")}
    for cell in stages(GRID):
        if cell.name in MADE:
            command = [sys.executable, *cell.cmd[1:]]
            subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True)
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


@pytest.mark.parametrize("seeds", [(1, 2)])
def test_the_world_does_not_depend_on_the_hash_seed(tmp_path, seeds):
    made = []
    for seed in seeds:
        (tmp_path / str(seed)).mkdir()
        made.append(make(tmp_path / str(seed), seed))
    first, second = made
    assert first.keys() == second.keys()
    assert [name for name in first if first[name] != second[name]] == []
    assert sum("questions" in name for name in first) >= 4
