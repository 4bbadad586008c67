"""Does a scale run from end to end? All its stages at toy size, before anybody's GPU is asked.

    python -m quals.rehearsal [--scale paper] [--out FOLDER] [--newsqa]

Settings are the scale's but for sizes; models are tiny ones of the right families; articles are
invented. Everything is written below the folder, which must not exist yet (without one, a temporary
folder that is removed). No network, and no file outside of that folder.
"""

import argparse
import os
import runpy
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# Before anything imports a library of Hugging Face, which reads them once.
os.environ["HF_HUB_OFFLINE"] = os.environ["HF_DATASETS_OFFLINE"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"
NEEDED = ("src", "requirements.lock", "ablations", "docs", "benchmarks")  # read only


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--root", type=Path, default=Path(), help="the project's folder")
    parser.add_argument("--scale", default="paper", help="a name in scales/")
    parser.add_argument("--out", type=Path, help="a folder that does not exist yet")
    parser.add_argument("--newsqa", action="store_true", help="with an invented NewsQA")
    arguments = parser.parse_args()
    root = arguments.root.resolve()
    if arguments.out is not None:
        arguments.out.mkdir(parents=True)
        rehearse(root, arguments.scale, arguments.out.resolve(), newsqa=arguments.newsqa)
        return
    with tempfile.TemporaryDirectory(prefix="quals-rehearsal-") as folder:
        rehearse(root, arguments.scale, Path(folder).resolve(), newsqa=arguments.newsqa)


def rehearse(root: Path, name: str, folder: Path, *, newsqa: bool) -> None:
    """Run all stages of the scale `name` of the project `root` in `folder`, in dvc.yaml's order."""
    for variable in ("HF_HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "MPLCONFIGDIR"):
        os.environ[variable] = str(folder / "cache")
    for variable in (
        "QUALS_DATA",
        "QUALS_NEWSQA",
        "QUALS_CACHE",
        "QUALS_CHECKPOINTS",
        "HF_DATASETS_CACHE",
    ):
        os.environ.pop(variable, None)  # the user's own
    from quals.params import load_yaml
    from quals.rehearsal import scale as scales
    from quals.rehearsal.cells import cells
    from quals.rehearsal.prepare import prepare

    os.cpu_count = lambda: 1  # trainings side by side would each import torch anew
    start = time.perf_counter()
    grid = {**load_yaml(root / "params.yaml"), **scales.LISTS, "scales": [name]}
    for needed in NEEDED:
        (folder / needed).symlink_to(root / needed)
    with _inside(folder):
        prepare(root / "scales" / f"{name}.yaml", grid, newsqa=newsqa)
        _tell("prepare", start)
        for cell in cells(root / "dvc.yaml", grid):
            begun = time.perf_counter()
            _run(cell.cmd[2:])
            for out in cell.outs:
                if not Path(out).exists():
                    raise FileNotFoundError(f"{' '.join(cell.cmd)}: did not write {out}")
            _tell(" ".join(cell.cmd[2:5]), begun)
    print(f"rehearsal of scale {name}: every stage ran, {time.perf_counter() - start:.0f} s")


def _run(command: list[str]) -> None:
    """A stage in this process: importing torch anew for each would take most of the time."""
    before = sys.argv
    sys.argv = command
    try:
        runpy.run_module(command[0], run_name="__main__", alter_sys=False)
    finally:
        sys.argv = before


@contextmanager
def _inside(folder: Path) -> Iterator[None]:
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def _tell(what: str, begun: float) -> None:
    print(f"-- {what}: {time.perf_counter() - begun:.1f} s", flush=True)


if __name__ == "__main__":
    main()
