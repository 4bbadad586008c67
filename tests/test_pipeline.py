"""Laws of dvc.yaml: one list of stages, honest dependencies, every setting tracked."""

import ast
import re

import pytest
from pipeline import ROOT, before, stages

from quals.params import load_section, load_yaml
from quals.training.running import Hardware

JUDGED = {
    "judgments": ["qags_cnndm", "halueval"],
    "judgments_qags": ["qags_cnndm"],
    "judgments_claims": ["factcc"],
    "judged_summaries": ["xsum"],
}
GRID = {**load_yaml(ROOT / "params.yaml"), **JUDGED}
CELLS = stages(GRID)
FIRST_CELLS = {cell.name: cell for cell in reversed(CELLS)}
SOURCE = ROOT / "src"


def test_stages_are_the_files_in_stages():
    files = {path.stem for path in (SOURCE / "quals/stages").glob("*.py")} - {"__init__"}
    assert set(FIRST_CELLS) == files


@pytest.mark.parametrize("name", FIRST_CELLS)
def test_stage_runs_the_module_of_its_name(name):
    assert FIRST_CELLS[name].cmd[:3] == ["python", "-m", f"quals.stages.{name}"]


@pytest.mark.parametrize("name", [name for name in FIRST_CELLS if name != "code"])
def test_stage_depends_on_its_code_and_training_on_the_packages(name):
    tracked = FIRST_CELLS[name].params["results/code.json"]
    assert tracked == [name, *["environment"] * name.startswith("train_")]


def test_stage_code_sees_all_code_and_the_locked_packages():
    assert FIRST_CELLS["code"].deps == ["src/quals", "requirements.lock"]
    assert FIRST_CELLS["code"].outs == ["results/code.json"]


def test_every_input_on_a_command_line_is_a_dependency():
    for cell in CELLS:
        known = {*cell.deps, *cell.outs, *cell.params}
        folders = r"(data|models|results|scales|src)/|params.yaml"
        paths = [word for word in cell.cmd if re.match(folders, word)]
        for path in paths:
            inside = [
                k for k in known if f"{k}/".startswith(f"{path}/") or path.startswith(f"{k}/")
            ]
            assert inside, f"{cell.name}: {path} is neither dependency, output nor settings"


def test_the_lock_holds_no_stage_that_is_gone():
    """DVC never forgets one, and writes the whole file anew after every stage."""
    declared = load_yaml(ROOT / "dvc.yaml")["stages"]
    for key in load_yaml(ROOT / "dvc.lock")["stages"]:
        name, _, items = key.partition("@")
        found = items.split("-") if items else []
        assert name in declared
        assert len(found) == len(declared[name].get("matrix", {})), key


def test_no_output_belongs_to_two_stages():
    outs = [out for cell in CELLS for out in cell.outs]
    assert len(outs) == len(set(outs))
    assert not [a for a in outs for b in outs if b.startswith(f"{a}/")]


def test_every_data_dependency_is_made_by_an_earlier_stage():
    made: set[str] = set()
    for cell in CELLS:
        for dep in cell.deps:
            if dep.startswith(("data/", "models/", "results/")):
                assert dep in made or any(out.startswith(f"{dep}/") for out in made), dep
        made |= set(cell.outs)


def test_the_report_waits_for_no_judgments_of_summaries():
    """It shows none of them, and they take as long as all that it shows."""
    found = before("report", CELLS)
    assert {"judge_claims", "train_mle"} <= found
    assert not found & {"judge_quals", "judge_qags", "judgments", "judge_summaries"}


def test_stage_tracks_every_section_that_its_code_reads():
    for name, cell in FIRST_CELLS.items():
        tree = ast.parse((SOURCE / f"quals/stages/{name}.py").read_text())
        tracked = {key.split(".")[0] for keys in cell.params.values() for key in keys}
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "load_section":
                section = node.args[1]
                text = section.values[0] if isinstance(section, ast.JoinedStr) else section
                assert text.value.split(".")[0] in tracked, f"{name} reads {text.value}"
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "running":
                assert "hardware" in tracked, f"{name} reads hardware"


def test_stage_tracks_what_of_the_grid_the_scale_leaves_out_where_it_asks():
    """A list of its own where it asks for one; those that go through methods ask for these."""
    for name, cell in FIRST_CELLS.items():
        tracked = {key for keys in cell.params.values() for key in keys if "left_out" in key}
        wanted = set()
        for node in ast.walk(ast.parse((SOURCE / f"quals/stages/{name}.py").read_text())):
            function = getattr(getattr(node, "func", None), "id", "")
            if function == "read_left_out":
                wanted = {"left_out"}
                break
            if function == "reason_to_leave":
                wanted.add(f"left_out.{node.args[1].value}")
            elif function == "read_grid" and len(node.args) > 2:
                wanted.add("left_out.methods")
        assert tracked == wanted, name


def test_stages_that_train_run_as_the_scale_says_but_for_the_ablations():
    """Their objectives are no means, which one process trains without checkpoints."""
    trained = {name for name in FIRST_CELLS if name.startswith("train_")}
    tracking = {
        name
        for name, cell in FIRST_CELLS.items()
        if any("hardware" in keys for keys in cell.params.values())
    }
    assert tracking == trained - {"train_ablation"}


@pytest.mark.parametrize("scale", sorted((ROOT / "scales").glob("*.yaml")), ids=lambda p: p.stem)
def test_one_section_of_a_scale_says_how_trainings_are_computed(scale):
    load_section(scale, "hardware", Hardware)
    assert scale.read_text().count("dtype:") == 1 + scale.read_text().count("stored_dtype:")


@pytest.mark.parametrize("scale", sorted((ROOT / "scales").glob("*.yaml")), ids=lambda p: p.stem)
def test_every_setting_has_a_comment_or_stands_under_one_like_it(scale):
    """A key is commented where it first occurs; a repeated block need not say it again."""
    explained = set()
    for number, line in enumerate(scale.read_text().splitlines(), start=1):
        match = re.match(r"\s*(\w+):", line)
        if match and "#" in line:
            explained.add(match[1])
        elif match and not line.rstrip().endswith(":"):
            assert match[1] in explained, f"{scale.name}:{number}: {match[1]} has no comment"
