"""Run all notebooks of this folder in place, so that they hold the outputs of today's results."""

import os
from pathlib import Path

import nbformat
from nbclient import NotebookClient

FOLDER = Path(__file__).parent


def execute(path: Path) -> None:
    """Run a notebook in its own folder and write it back, without times of the day."""
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(
        notebook,
        timeout=600,
        kernel_name="python3",
        record_timing=False,
        resources={"metadata": {"path": str(path.parent)}},
    ).execute()
    nbformat.write(notebook, path)


if __name__ == "__main__":
    # Else the output names a folder of this machine, and what is missing there.
    os.environ["PYTHONWARNINGS"] = "ignore:IProgress not found"
    for each in sorted(FOLDER.glob("*.ipynb")):
        print(each.name)
        execute(each)
