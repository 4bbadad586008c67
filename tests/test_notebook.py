"""The notebooks define nothing, run on any result files, and hold what they showed."""

import ast
import json
import shutil
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from pipeline import ROOT
from scored import make_folder
from test_report import write_toy

from quals.metrics.quals import QualsSettings, save_settings
from quals.params import load_section
from quals.stages import report

FOLDER = ROOT / "notebooks"
NAMES = ("01_data", "02_metrics", "03_results", "04_score_your_own", "05_real_text")
# Pictures that each shows, on any results.
PICTURES = {
    "01_data": 0,
    "02_metrics": 4,
    "03_results": 3,
    "04_score_your_own": 1,
    "05_real_text": 2,
}


def sources(name: str) -> list[str]:
    """The code cells, without notebook commands."""
    cells = nbformat.read(FOLDER / f"{name}.ipynb", as_version=4).cells
    code = [cell.source for cell in cells if cell.cell_type == "code"]
    return ["\n".join(line for line in cell.splitlines() if line[:1] != "%") for cell in code]


def run(name: str, folder: Path) -> list[nbformat.NotebookNode]:
    """The outputs of a notebook that runs in `folder`/notebooks."""
    (folder / "notebooks").mkdir(exist_ok=True)
    notebook = nbformat.read(FOLDER / f"{name}.ipynb", as_version=4)
    place = {"metadata": {"path": str(folder / "notebooks")}}
    NotebookClient(notebook, timeout=120, kernel_name="python3", resources=place).execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    assert not [o for o in outputs if o.output_type == "error" or o.get("name") == "stderr"]
    return outputs


def pictures(outputs: list[nbformat.NotebookNode]) -> int:
    return sum("image/png" in output.get("data", {}) for output in outputs)


def test_notebooks_are_these() -> None:
    assert sorted(path.stem for path in FOLDER.glob("*.ipynb")) == sorted(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_notebook_defines_nothing(name: str) -> None:
    for source in sources(name):
        nodes = list(ast.walk(ast.parse(source)))
        kinds = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda
        assert not any(isinstance(node, kinds) for node in nodes)


@pytest.mark.parametrize("name", NAMES)
def test_notebook_holds_the_outputs_of_a_whole_run_from_top_to_bottom(name: str) -> None:
    cells = nbformat.read(FOLDER / f"{name}.ipynb", as_version=4).cells
    code = [cell for cell in cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    outputs = [output for cell in code for output in cell.outputs]
    assert pictures(outputs) == PICTURES[name]
    assert "error" not in {output.output_type for output in outputs}
    shown = json.dumps(outputs)
    assert "/home/" not in shown
    assert "/root/" not in shown
    assert "/tmp/" not in shown
    assert "site-packages" not in shown


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with toy results."""
    folder = tmp_path_factory.mktemp("toy")
    report.main(write_toy(folder))
    return folder


@pytest.mark.parametrize("name", ["02_metrics", "03_results"])
def test_notebook_runs_on_toy_results(toy: Path, name: str) -> None:
    assert pictures(run(name, toy)) == PICTURES[name]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["02_metrics", "03_results"])
def test_notebook_runs_without_an_oracle(tmp_path: Path, name: str) -> None:
    report.main(write_toy(tmp_path, oracle=False))
    assert pictures(run(name, tmp_path)) == PICTURES[name]


def test_real_text_notebook_runs_on_the_committed_results(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "results/laptop", tmp_path / "results/laptop")
    assert pictures(run("05_real_text", tmp_path)) == PICTURES["05_real_text"]


def test_data_notebook_runs_in_a_fresh_clone(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "scales", tmp_path / "scales")
    assert run("01_data", tmp_path)


def test_scoring_notebook_says_what_is_missing_in_a_fresh_clone(tmp_path: Path) -> None:
    text = json.dumps(run("04_score_your_own", tmp_path))
    assert "make repro" in text
    assert "make assets" in text


def test_scoring_notebook_scores_with_the_model_that_is_there(
    tmp_path: Path, make_qagen, few_words
) -> None:
    folder = make_folder(tmp_path / "models/testbed/metrics/qagen", make_qagen(0), few_words)
    settings = load_section(folder.parent / "settings.yaml", "quals", QualsSettings)
    save_settings(settings, folder)
    outputs = run("04_score_your_own", tmp_path)
    assert pictures(outputs) == 1
    assert "QUALS" in json.dumps(outputs)
