"""A sweep as docs/sweeps.md has it: queued, run, tabled and drawn by its very commands."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.image import imread
from pipeline import ROOT

from quals.analysis.plots import COLOURS
from quals.analysis.sweep import main, read_table, sweep_figure
from quals.errors import InputError

PAGE = (ROOT / "docs/sweeps.md").read_text()
RECIPE = PAGE.split("## The recipe")[1].split("```")[1]
# The last stage of the pipeline, in little: its numbers need the setting and the cached data.
REPORT = """
import json
from pathlib import Path
from quals.params import load_yaml

lr = load_yaml("scales/testbed.yaml")["methods"]["conseq"]["lr"]
documents = int(Path("data/testbed/documents").read_text())
values = {"xsum": lr, "cnndm": documents + lr}
means = {name: {"conseq": {"truth": value}} for name, value in values.items()}
Path("results/testbed").mkdir(parents=True, exist_ok=True)
Path("results/testbed/means.json").write_text(json.dumps(means))
"""
CORPUS = """
from pathlib import Path

Path("data/testbed").mkdir(parents=True)
Path("data/testbed/documents").write_text("7")
"""
STAGES = """
stages:
  corpus:
    cmd: python corpus.py
    deps: [corpus.py]
    outs: [data/testbed/documents]
  report:
    cmd: python report.py
    deps: [data/testbed/documents]
    params:
      - scales/testbed.yaml: [methods.conseq]
    metrics:
      - results/testbed/means.json: {cache: false}
"""


@pytest.fixture
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with a pipeline that has run, and the scale's real settings."""
    home = tmp_path / "home"
    variables = {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT / "src"),
        "HOME": str(home),
        "DVC_SITE_CACHE_DIR": str(home / "dvc"),
        "DVC_GLOBAL_CONFIG_DIR": str(home / "config"),
        "DVC_NO_ANALYTICS": "1",
        "GIT_CONFIG_NOSYSTEM": "1",
        **{f"GIT_{who}_NAME": "Ada" for who in ("AUTHOR", "COMMITTER")},
        **{f"GIT_{who}_EMAIL": "ada@example.org" for who in ("AUTHOR", "COMMITTER")},
    }
    for key, value in variables.items():
        monkeypatch.setenv(key, value)
    folder = tmp_path / "clone"
    (folder / "scales").mkdir(parents=True)
    home.mkdir()
    shutil.copy(ROOT / "scales/testbed.yaml", folder / "scales")
    texts = {
        "report.py": REPORT,
        "corpus.py": CORPUS,
        "dvc.yaml": STAGES,
        ".gitignore": "/data/*\n",
    }
    for name, text in texts.items():
        (folder / name).write_text(text)
    shell(
        folder, "git init -q && dvc init -q && dvc repro -q && git add -A && git commit -qm first"
    )
    return folder


def shell(folder: Path, commands: str) -> None:
    done = subprocess.run(
        ["bash", "-e", "-c", commands],
        cwd=folder,
        timeout=600,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


def test_the_recipe_runs_as_it_stands(clone: Path) -> None:
    shutil.rmtree(clone / "data")  # only the cache has it
    shell(clone, RECIPE)
    x, *ys = "methods.conseq.lr", "xsum.conseq.truth", "cnndm.conseq.truth"
    table = read_table(clone / "sweep.csv", x, ys)
    left = float(
        re.search(r"conseq:.*?lr: (\S+)", (clone / "scales/testbed.yaml").read_text(), re.S)[1]
    )
    asked = [float(value) for value in re.search(r"lr=([^']+)'", RECIPE)[1].split(",")]
    assert table[~table.baseline][x].tolist() == asked == sorted(asked)
    assert table[table.baseline][x].tolist() == [left]
    assert np.allclose(table[ys[0]], table[x], atol=1e-9)
    assert np.allclose(table[ys[1]], 7 + table[x], atol=1e-9)
    assert imread(clone / "sweep.png").std() > 0.05


HEADER = "Experiment,rev,typ,State,xsum.conseq.truth,a.json:mle.qags,b.json:mle.qags,lr"
ROWS = (
    ",workspace,baseline,,9,1,1,9",
    ",main,baseline,,0.5,1,1,0.01",
    "late,1,branch_base,Success,0.7,1,1,0.1",
    "early,2,branch_commit,Success,0.6,1,1,0.001",
    "broken,3,branch_commit,Failed,!,1,1,5",
    "lost,4,branch_commit,Queued,,,,7",
)


@pytest.fixture
def table_file(tmp_path: Path) -> Path:
    path = tmp_path / "sweep.csv"
    path.write_text("\n".join([HEADER, *ROWS]))
    return path


def test_rows_with_numbers_are_sorted_and_the_workspace_is_left_out(table_file: Path) -> None:
    table = read_table(table_file, "lr", ["xsum.conseq.truth"])
    assert table["lr"].tolist() == [0.001, 0.01, 0.1]
    assert table["xsum.conseq.truth"].tolist() == [0.6, 0.5, 0.7]
    assert table["baseline"].tolist() == [False, True, False]


def test_a_measure_has_its_methods_colour_and_a_wide_setting_a_logarithmic_axis(
    table_file: Path,
) -> None:
    table = read_table(table_file, "lr", ["xsum.conseq.truth"])
    (axes,) = sweep_figure(table, "lr", ["xsum.conseq.truth"]).axes
    line, ring = axes.lines
    assert to_hex(line.get_color()).upper() == COLOURS["conseq"]
    assert line.get_xydata().tolist() == [[0.001, 0.6], [0.1, 0.7]]
    assert ring.get_xydata().tolist() == [[0.01, 0.5]]
    assert axes.get_xscale() == "log"
    assert axes.get_title("left") == "xsum, ConSeq, Consistent"
    narrow = table.assign(lr=[1.0, 2.0, 3.0])
    assert sweep_figure(narrow, "lr", ["xsum.conseq.truth"]).axes[0].get_xscale() == "linear"


@pytest.mark.parametrize(
    ("y", "message"),
    [
        ("mle.qags", "'mle.qags' is in several files: a.json:mle.qags, b.json:mle.qags"),
        ("cnndm.conseq.truth", "no column 'cnndm.conseq.truth'; there are xsum.conseq.truth"),
        ("State", "no row has a number for each of lr, State"),
    ],
)
def test_a_column_that_cannot_be_drawn_is_named(table_file: Path, y: str, message: str) -> None:
    with pytest.raises(InputError, match=re.escape(f"{table_file}: {message}")):
        read_table(table_file, "lr", [y])


@pytest.mark.parametrize("content", ["", "a,b\n1,2\n", "\x00"])
def test_what_is_no_table_of_dvc_ends_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str
) -> None:
    path = tmp_path / "t.csv"
    path.write_text(content)
    assert main([str(path), "--x", "a", "--y", "b", "--out", str(tmp_path / "s.png")]) == 2
    assert capsys.readouterr().err.startswith(f"error: {path}: ")
    assert not (tmp_path / "s.png").exists()
