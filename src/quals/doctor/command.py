"""The command `quals doctor`: what is here, and, for a scale that is named, whether it can run."""

import argparse
import json
from pathlib import Path

from quals.doctor import inventory
from quals.errors import InputError

HELP = "show what is installed and here, what each scale lacks, and what a scale will cost"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        HELP + ". Exit code 0 if the default scale lacks nothing, else 1; with --scale 0 if "
        "nothing keeps that scale from being run. Only --scale asks the hub (not with "
        "HF_HUB_OFFLINE set), and measures this device for some seconds."
    )
    parser.add_argument("--scale", metavar="NAME", help="check a scale and print its plan")
    parser.add_argument("--json", action="store_true", help="print it as JSON")
    parser.add_argument(
        "--root", type=Path, default=Path(), metavar="DIR", help="the project's folder"
    )


def run(arguments: argparse.Namespace) -> int:
    if arguments.scale is None:
        report = inventory.examine(arguments.root)
        text, good = inventory.lines(report), report["complete"]
    else:
        from quals.doctor import preflight  # imports torch

        report = preflight.preflight(arguments.root, _scale_file(arguments.root, arguments.scale))
        text, good = preflight.lines(report), report["ready"]
    print(json.dumps(report, indent=2, sort_keys=True) if arguments.json else "\n".join(text))
    return 0 if good else 1


def _scale_file(root: Path, name: str) -> Path:
    file = root / "scales" / f"{name}.yaml"
    if not file.is_file():
        known = ", ".join(sorted(path.stem for path in root.glob("scales/*.yaml")))
        raise InputError(f"{file}: no such scale; there are: {known or 'none'}")
    return file
