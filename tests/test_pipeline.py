"""Laws of dvc.yaml: one list of stages, honest dependencies, every setting tracked."""

import ast
import re
from pathlib import Path

import pytest
from pipeline import ROOT, stages

from quals.params import load_yaml

GRID = load_yaml(ROOT / "params.yaml")
CELLS = stages(GRID)
FIRST_CELLS = {cell.name: cell for cell in reversed(CELLS)}
SOURCE = ROOT / "src"


def imported(path: Path) -> set[Path]:
    """The package's own modules that a file imports, wherever in the file."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    files = {SOURCE / (name.replace(".", "/") + ".py") for name in names}
    return {file for file in files if file.is_file()}


def closure(path: Path) -> set[Path]:
    seen: set[Path] = set()
    todo = [path]
    while todo:
        file = todo.pop()
        if file not in seen:
            seen.add(file)
            todo += imported(file)
    return seen


def test_stages_are_the_files_in_stages():
    files = {path.stem for path in (SOURCE / "quals/stages").glob("*.py")} - {"__init__"}
    assert set(FIRST_CELLS) == files


@pytest.mark.parametrize("name", FIRST_CELLS)
def test_stage_runs_the_module_of_its_name(name):
    assert FIRST_CELLS[name].cmd[:3] == ["python", "-m", f"quals.stages.{name}"]


@pytest.mark.parametrize("name", FIRST_CELLS)
def test_stage_depends_on_exactly_the_code_that_it_imports(name):
    needed = {str(path.relative_to(ROOT)) for path in closure(SOURCE / f"quals/stages/{name}.py")}
    listed = {dep for dep in FIRST_CELLS[name].deps if dep.startswith("src/")}
    assert listed == needed


@pytest.mark.parametrize("name", [name for name in FIRST_CELLS if name.startswith("train_")])
def test_training_depends_on_the_locked_environment(name):
    assert "requirements.lock" in FIRST_CELLS[name].deps


def test_every_input_on_a_command_line_is_a_dependency():
    for cell in CELLS:
        known = {*cell.deps, *cell.outs, *cell.params, "params.yaml"}
        paths = [word for word in cell.cmd if re.match(r"(data|models|results|scales)/", word)]
        for path in paths:
            inside = [k for k in known if k == path or k.startswith(f"{path}/")]
            assert inside, f"{cell.name}: {path} is neither dependency, output nor settings"


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


def test_stage_tracks_every_section_that_its_code_reads():
    for name, cell in FIRST_CELLS.items():
        tree = ast.parse((SOURCE / f"quals/stages/{name}.py").read_text())
        tracked = {key.split(".")[0] for keys in cell.params.values() for key in keys}
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "load_section":
                section = node.args[1]
                text = section.values[0] if isinstance(section, ast.JoinedStr) else section
                assert text.value.split(".")[0] in tracked, f"{name} reads {text.value}"


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
