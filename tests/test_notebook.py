"""The results notebook runs on any result files and only shows what is there."""

import ast
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from test_report import write_toy

from quals.stages import report

NOTEBOOK = Path(__file__).parents[1] / "notebooks" / "results.ipynb"


def sources() -> list[str]:
    """The code cells, without notebook commands."""
    cells = nbformat.read(NOTEBOOK, as_version=4).cells
    code = [cell.source for cell in cells if cell.cell_type == "code"]
    return ["\n".join(line for line in cell.splitlines() if line[:1] != "%") for cell in code]


def test_notebook_defines_nothing() -> None:
    for source in sources():
        nodes = list(ast.walk(ast.parse(source)))
        assert not any(isinstance(node, ast.FunctionDef | ast.ClassDef) for node in nodes)


@pytest.mark.parametrize("oracle", [True, False])
def test_notebook_runs_on_toy_results(tmp_path: Path, oracle: bool) -> None:
    report.main(write_toy(tmp_path, oracle=oracle))
    folder = tmp_path / "notebooks"
    folder.mkdir()
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    NotebookClient(
        notebook, timeout=120, kernel_name="python3", resources={"metadata": {"path": str(folder)}}
    ).execute()
    shown = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    assert sum("image/png" in output.get("data", {}) for output in shown) == 4
    assert not [output for output in shown if output.output_type in ("error", "stream")]
