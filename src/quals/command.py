"""How is a stage called? With paths and names as options: dvc.yaml shows the data flow."""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from quals.errors import InputError


def stage_parser(
    doc: str | None, *, paths: str = "", names: str = "", seed: bool = False, datasets: bool = False
) -> argparse.ArgumentParser:
    """A parser with one required option for each word of `paths` and `names`.

    `datasets` adds the corpora that a stage handles at once.
    """
    parser = argparse.ArgumentParser(description=doc)
    for name in paths.split():
        parser.add_argument(f"--{name}", type=Path, required=True, metavar="PATH")
    for name in names.split():
        parser.add_argument(f"--{name}", required=True, metavar="NAME")
    if seed:
        parser.add_argument("--seed", type=int, required=True)
    if datasets:
        parser.add_argument("--datasets", nargs="+", required=True, metavar="NAME")
    return parser


def run(main: Callable[[argparse.Namespace], None], parser: argparse.ArgumentParser) -> None:
    """Call `main` with the parsed arguments; known errors end in one line and exit code 2."""
    arguments = parser.parse_args()
    try:
        main(arguments)
    except (InputError, FileNotFoundError) as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
