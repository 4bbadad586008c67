"""Laws of what a scale leaves out of the grid: stages of it leave empty outputs and say why."""

import runpy
import shutil
import sys
from pathlib import Path

import pytest
from pipeline import ROOT, stages
from ruamel.yaml import YAML

from quals.grid import Grid, read_grid
from quals.jsonl import read_json, read_jsonl
from quals.left_out import FILE, read_left_out
from quals.params import ParamsError, load_yaml

SCALES = sorted((ROOT / "scales").glob("*.yaml"))
REAL = [path for path in SCALES if path.stem != "testbed"]
GRID = load_yaml(ROOT / "params.yaml")
LISTS = {"selector": "selectors", "method": "methods", "benchmark": "benchmarks"}
WHOLE = {"reason": None, "selectors": [], "methods": [], "benchmarks": [], "ablations": "none"}
SOME = {**WHOLE, "reason": "it takes long", "selectors": ["copy"], "methods": ["copy"]}


def write(path: Path, content: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        YAML(typ="safe", pure=True).dump(content, file)
    return path


def left_out_cells(scale: str) -> list:
    """The cells of dvc.yaml, over the grid as it is, whose entry the scale leaves out."""
    left_out = read_left_out(ROOT / f"scales/{scale}.yaml")
    found = []
    for cell in stages({**GRID, "scales": [scale]}):
        options = dict(zip(cell.cmd[3:], cell.cmd[4:], strict=False))
        named = [(key, options[f"--{key}"]) for key in LISTS if f"--{key}" in options]
        if cell.name == "train_ablation" or any(
            left_out.has(LISTS[key], value) for key, value in named
        ):
            found.append(cell)
    return found


@pytest.mark.parametrize("scale", [path.stem for path in REAL])
def test_stages_of_what_is_left_out_leave_empty_outputs_and_read_nothing(
    scale, tmp_path, monkeypatch, capsys
):
    """Folders hold the reason alone; no corpus, no model and no truth is there."""
    for name in ("scales", "ablations"):
        shutil.copytree(ROOT / name, tmp_path / name)
    write(tmp_path / "params.yaml", GRID)
    monkeypatch.chdir(tmp_path)
    reason = read_left_out(ROOT / f"scales/{scale}.yaml").reason
    cells = left_out_cells(scale)
    names = ["reward", "train_contrastive", "summarize", "agreement", "agreement", "train_ablation"]
    assert [cell.name for cell in cells] == names
    for cell in cells:
        monkeypatch.setattr(sys, "argv", cell.cmd[2:])
        runpy.run_module(cell.cmd[2], run_name="__main__", alter_sys=False)
        assert reason in capsys.readouterr().out
        for out in map(Path, cell.outs):
            if out.suffix == ".jsonl":
                assert read_jsonl(out) == []
            elif out.suffix == ".json":
                content = read_json(out)
                assert content.pop("left_out") == reason
                assert not any(content.values())
            else:
                assert [path.name for path in out.iterdir()] == [FILE]
                assert reason in (out / FILE).read_text()


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ({"method": []}, "left_out.method: Extra inputs"),
        ({"selectors": ["oracel"]}, "left_out.selectors.0: Input should be 'quals'"),
        ({"methods": ["oracel"]}, "left_out.methods: 'oracel' is not in `methods`"),
        ({"methods": ["mle"]}, "left_out.methods: 'mle' is not in `methods`"),
        ({"methods": "copy"}, "left_out.methods: Input should be a valid list"),
        ({"benchmarks": ["halueval"]}, "left_out.benchmarks.0: Input should be 'xsum'"),
        ({"ablations": "some"}, "left_out.ablations: Input should be 'all'"),
        ({"reason": None}, "left_out: .*needs a reason"),
        ({"reason": None, "ablations": "all"}, "left_out: .*needs a reason"),
        ({**WHOLE, "reason": "for fun"}, "left_out: .*something left out"),
    ],
)
def test_what_nobody_knows_is_an_error_that_names_file_and_key(tmp_path, section, said):
    content = {"left_out": {**SOME, **section}, "methods": {"copy": None, "conseq": {}}}
    path = write(tmp_path / "odd.yaml", content)
    with pytest.raises(ParamsError, match=rf"odd\.yaml: {said}"):
        read_left_out(path)


def test_a_scale_must_say_what_it_leaves_out(tmp_path):
    path = write(tmp_path / "old.yaml", {"methods": {}})
    with pytest.raises(ParamsError, match=r"old\.yaml: section 'left_out' is missing"):
        read_left_out(path)


def test_lists_of_the_grid_are_without_what_is_left_out_and_narrower_ones_are_no_error(tmp_path):
    scale = write(tmp_path / "some.yaml", {"left_out": SOME, "methods": {"copy": None}})
    grid = write(tmp_path / "params.yaml", GRID)
    whole, some = read_grid(grid, Grid), read_grid(grid, Grid, scale)
    assert some.methods == [name for name in whole.methods if name != "copy"]
    assert some.contrastive == [name for name in whole.contrastive if name != "copy"]
    assert (some.seeds, some.benchmarks) == (whole.seeds, whole.benchmarks)
    narrow = write(tmp_path / "narrow.yaml", {**GRID, "methods": ["mle"], "contrastive": ["copy"]})
    with pytest.raises(ParamsError, match=r"narrow\.yaml: 'contrastive' is missing or empty"):
        read_grid(narrow, Grid, scale)
    write(narrow, {**GRID, "methods": ["mle"], "contrastive": ["rouge"]})
    assert read_grid(narrow, Grid, scale).methods == ["mle"]


def test_the_testbed_leaves_nothing_out():
    assert read_left_out(ROOT / "scales/testbed.yaml").model_dump() == WHOLE


@pytest.mark.parametrize("path", REAL, ids=lambda path: path.stem)
def test_what_is_left_out_has_no_settings_and_all_else_has(path):
    """DVC tracks the settings of every entry of the grid: they must be there, if only as null."""
    left_out, scale = read_left_out(path), load_yaml(path)
    ablations = load_yaml(ROOT / "ablations" / path.name)
    for name, settings in scale["methods"].items():
        assert (settings is None) == left_out.has("methods", name)
    assert set(GRID["contrastive"]) <= scale["methods"].keys()
    assert scale["agreement"] is None
    assert not any(ablations["ablations"].values())
    assert ablations.keys() == load_yaml(ROOT / "ablations/testbed.yaml").keys()
    assert (
        ablations["ablations"].keys()
        == load_yaml(ROOT / "ablations/testbed.yaml")["ablations"].keys()
    )
