"""`make laptop` runs what is at hand; `make halueval` runs commands of dvc.yaml."""

import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from quals.params import load_yaml

ROOT = Path(__file__).parents[1]
RELEASED = "released/quals-smollm2-135m"

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")


def made(folder: Path, target: str) -> str:
    """What the commands behind a target said."""
    words = ["make", "--silent", target]
    return subprocess.run(words, cwd=folder, check=True, capture_output=True, text=True).stdout


@pytest.fixture
def project(tmp_path):
    """A Makefile and a grid, with commands that only say what they were asked for."""
    for file in ("Makefile", "params.yaml"):
        shutil.copy(ROOT / file, tmp_path)
    for file in ("requirements.lock", "requirements-laptop.lock", "pyproject.toml"):
        (tmp_path / file).touch()
    commands = tmp_path / ".venv/bin"
    commands.mkdir(parents=True)
    says = 'echo "$(basename $0) $*"\n'
    commands_say = {
        "quals": says + "[ $1 = assets ] || [ ! -e lacking ]",
        "dvc": says + ": > params.yaml",
        "python": says,
    }
    for name, lines in commands_say.items():
        path = commands / name
        path.write_text(f"#!/bin/sh\n{lines}\n")
        path.chmod(0o755)
    for stamp in (".installed", ".installed-laptop"):  # of an environment that is up to date
        (tmp_path / ".venv" / stamp).touch()
    return tmp_path


def test_the_laptop_scale_runs_where_the_doctor_finds_nothing_missing(project):
    before = (project / "params.yaml").read_bytes()
    found = made(project, "laptop")
    assert "quals doctor --scale laptop" in found
    targets = "judgments judge_summaries report"
    assert re.search(rf"^dvc exp run -S scales=\[laptop\] .* {targets}$", found, re.M)
    assert "python" not in found
    assert (project / "params.yaml").read_bytes() == before, "the grid is put back"


def test_without_xsum_and_squad_the_benchmark_of_the_package_index_runs(project):
    (project / "lacking").touch()
    found = made(project, "laptop")
    assert "dvc" not in found
    assert "PROBLEM lines say what is missing" in found
    for stage in ("judge_quals", "judgments"):
        assert f"python -m quals.stages.{stage} --params scales/laptop.yaml" in found


def test_halueval_takes_the_commands_of_the_pipeline_with_the_released_adapter(project):
    """Unlike the pipeline's QAGen the adapter needs no questions to be measured on."""
    assert (ROOT / RELEASED).is_dir()
    found = [shlex.split(line)[1:] for line in made(project, "halueval").splitlines()]
    for stage in ("judge_quals", "judgments"):
        command = load_yaml(ROOT / "dvc.yaml")["stages"][stage]["cmd"]
        for key, value in (("scale", "laptop"), ("benchmark", "halueval")):
            command = command.replace(f"${{item.{key}}}", value)
        command = command.replace("models/laptop/metrics/qagen", RELEASED)
        assert shlex.split(command)[1:] in found
