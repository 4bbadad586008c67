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
    parser.add_argument(
        "-S",
        "--set-param",
        action="append",
        default=[],
        metavar="LIST=[...]",
        help="with --scale: a list of the grid in params.yaml, as `dvc exp run -S` takes it",
    )
    parser.add_argument("--json", action="store_true", help="print it as JSON")
    parser.add_argument(
        "--root", type=Path, default=Path(), metavar="DIR", help="the project's folder"
    )


def run(arguments: argparse.Namespace) -> int:
    if arguments.scale is None:
        if arguments.set_param:
            raise InputError("-S changes the plan of a scale: it needs --scale")
        report = inventory.examine(arguments.root)
        text, good = inventory.lines(report), report["complete"]
    else:
        from quals.doctor import preflight  # imports torch

        changes = _changes(arguments.root, arguments.set_param)
        file = _scale_file(arguments.root, arguments.scale)
        report = preflight.preflight(arguments.root, file, changes)
        text, good = preflight.lines(report), report["ready"]
    print(json.dumps(report, indent=2, sort_keys=True) if arguments.json else "\n".join(text))
    return 0 if good else 1


def _scale_file(root: Path, name: str) -> Path:
    file = root / "scales" / f"{name}.yaml"
    if not file.is_file():
        known = ", ".join(sorted(path.stem for path in root.glob("scales/*.yaml")))
        raise InputError(f"{file}: no such scale; there are: {known or 'none'}")
    return file


def _changes(root: Path, given: list[str]) -> dict[str, list[object]]:
    """Lists of the grid from `name=[...]`; `InputError` where the grid has none of that name."""
    if not given:
        return {}
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    from quals.params import load_yaml

    known = load_yaml(root / "params.yaml")
    found: dict[str, list[object]] = {}
    for text in given:
        name, sign, value = text.partition("=")
        try:
            content = YAML(typ="safe", pure=True).load(value)
        except YAMLError:
            content = None
        if not sign or not isinstance(content, list):
            raise InputError(f"-S '{text}': must be a name, '=' and a list in brackets")
        if name not in known:
            raise InputError(f"-S '{text}': params.yaml has {', '.join(known)}")
        found[name] = content
    return found
