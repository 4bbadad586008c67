"""What is installed, found and missing here? Looks at files and packages, never at the network."""

import itertools
import json
import os
import platform
import re
from collections.abc import Iterator, Mapping
from importlib.metadata import PackageNotFoundError, entry_points, requires, version
from importlib.util import find_spec
from pathlib import Path

from quals.assets.store import inventory
from quals.errors import InputError
from quals.scoring.hardware import choose_dtype, choose_threads, cpu_name, usable_cores

SHOWN_MISSING = 6
_TEMPLATE = re.compile(r"\$\{item\.(\w+)\}")
_PIPELINE_KEYS = ("spacy", "spacy_pipeline")
# A setting that begins so names a file or folder that the user provides.
_PATHS = ("/", "./", "../", "data/", "models/", "released/")
Report = dict[str, object]


def examine(root: Path) -> Report:
    """Everything that `quals doctor` shows without a scale, JSON-ready."""
    scales = {path.stem: missing(root, path) for path in sorted(root.glob("scales/*.yaml"))}
    packages = installed_packages()
    default = _default_scale(root)
    return {
        "python": platform.python_version(),
        "system": platform.platform(),
        "packages": packages,
        "cpu": cpu_name(),
        "cores": usable_cores(),
        "memory_gib": memory(),
        "dtype": vars(choose_dtype()),
        "threads": vars(choose_threads()),
        "models": [describe_model(root, folder) for folder in model_folders(root)],
        "data": data_folders(root),
        "assets": inventory(root),
        "spacy": sorted(entry.name for entry in entry_points(group="spacy_models")),
        "scales": scales,
        "default_scale": default,
        "complete": scales.get(default) == [] and None not in packages.values(),
    }


def installed_packages() -> dict[str, str | None]:
    """The version of `quals` and of all that it requires; None where it is not installed."""
    try:
        needed = requires("quals") or []
    except PackageNotFoundError:
        needed = []
    names = [re.split(r"[^\w.-]", line, maxsplit=1)[0] for line in needed if "extra ==" not in line]
    return {name: _version(name) for name in ["quals", *sorted(names)]}


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def memory() -> dict[str, float | None]:
    """Memory in GiB: all of it, and what is free for new work where the kernel says so."""
    try:
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    except (OSError, ValueError):
        return {"total": None, "available": None}
    try:
        content = Path("/proc/meminfo").read_text(encoding="ascii")
        available = int(content.partition("MemAvailable:")[2].split()[0]) / 2**20
    except (OSError, IndexError, ValueError):
        available = None
    return {"total": round(total, 1), "available": available and round(available, 1)}


def model_folders(root: Path) -> Iterator[Path]:
    """Folders of networks and of spaCy pipelines under `models/` and `released/`."""
    for place in ("models", "released"):
        for folder, inner, files in os.walk(root / place):
            # Hidden folders are unfinished work.
            inner[:] = sorted(name for name in inner if not name.startswith("."))
            if {"config.json", "meta.json"} & set(files):
                inner.clear()
                yield Path(folder)


def describe_model(root: Path, folder: Path) -> Report:
    """What a model folder holds, and what keeps it from being used (None if nothing does)."""
    kind, problem = "spacy", None
    if not (folder / "meta.json").is_file():
        kind = "network"
        try:
            config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
            kind = "qagen" if "separator_token_id" in config else kind
        except (OSError, ValueError, TypeError) as error:
            problem = f"config.json cannot be read: {error}"
        if not list(folder.glob("*.safetensors")):
            pickled = [path.name for path in sorted(folder.glob("*.bin"))]
            problem = f"only pickled weights: {pickled[0]}" if pickled else "no weights"
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    return {
        "path": folder.relative_to(root).as_posix(),
        "kind": kind,
        "mib": round(size / 2**20, 1),
        "problem": problem,
    }


def data_folders(root: Path) -> list[Report]:
    """The folders and files in `data/<scale>/`, with their number of files."""
    found = []
    for path in sorted(root.glob("data/*/*")):
        files = [path] if path.is_file() else [p for p in path.rglob("*") if p.is_file()]
        found.append({"path": path.relative_to(root).as_posix(), "files": len(files)})
    return found


def missing(root: Path, scale_file: Path) -> list[str]:
    """What a scale lacks: outputs of stages under data/ and models/, and what its settings name."""
    from quals.params import load_yaml

    try:
        settings = load_yaml(scale_file)
    except InputError as error:
        return [str(error)]
    lacking = [path for path in stage_outputs(root, scale_file.stem) if not (root / path).exists()]
    return lacking + named_lacking(root, settings)


def named_lacking(root: Path, settings: Mapping[str, object]) -> list[str]:
    """What the settings of a scale name that is not here: paths, and spaCy pipelines."""
    lacking = []
    for key, name in _named(settings):
        if key.rpartition(".")[2] in _PIPELINE_KEYS:
            if not (root / name / "meta.json").is_file() and not _importable(name):
                lacking.append(f"spaCy pipeline {name} ({key})")
        elif name.startswith(_PATHS) and not (root / name).exists():
            lacking.append(f"{name} ({key})")
    return lacking


def stage_outputs(root: Path, scale: str) -> list[str]:
    """What the stages of dvc.yaml write under data/ and models/ for a scale, in their order."""
    from quals.params import load_yaml

    try:
        grid = {**load_yaml(root / "params.yaml"), "scales": [scale]}
        stages = load_yaml(root / "dvc.yaml")["stages"]
    except (InputError, KeyError):
        return []
    found: dict[str, None] = {}
    for stage in stages.values():
        lists = {
            key: grid.get(values.strip("${}"), []) if isinstance(values, str) else values
            for key, values in stage.get("matrix", {}).items()
        }
        for combination in itertools.product(*lists.values()):
            item = dict(zip(lists, combination, strict=True))
            for out in stage.get("outs", []):
                name = next(iter(out)) if isinstance(out, dict) else out
                path = _TEMPLATE.sub(lambda match, item=item: str(item.get(match[1])), name)
                if path.startswith((f"data/{scale}/", f"models/{scale}/")):
                    found[path] = None
    return list(found)


def _named(value: object, key: str = "") -> Iterator[tuple[str, str]]:
    """The text settings of nested sections, each with its dotted key."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _named(inner, f"{key}.{name}" if key else str(name))
    elif isinstance(value, list):
        for inner in value:
            yield from _named(inner, key)
    elif isinstance(value, str):
        yield key, value


def _importable(name: str) -> bool:
    return name.isidentifier() and find_spec(name) is not None


def _default_scale(root: Path) -> str | None:
    from quals.params import load_yaml

    try:
        scales = load_yaml(root / "params.yaml").get("scales")
    except InputError:
        return None
    return str(scales[0]) if isinstance(scales, list) and scales else None


def lines(report: Report) -> Iterator[str]:
    """The report as text."""
    memory_gib = report["memory_gib"]
    yield f"Python {report['python']} on {report['system']}"
    yield f"{report['cpu']}, {report['cores']} cores, {memory_gib['total']} GiB of memory" + (
        f" ({memory_gib['available']} free)" if memory_gib["available"] is not None else ""
    )
    for name in ("dtype", "threads"):
        yield f"{name}: {report[name]['value']} ({report[name]['reason']})"
    yield ""
    for name, found in report["packages"].items():
        yield f"{name} {found or 'is not installed'}"
    yield "spaCy pipelines: " + (", ".join(report["spacy"]) or "none installed as packages")
    yield ""
    for model in report["models"]:
        problem = f", unusable: {model['problem']}" if model["problem"] else ""
        yield f"{model['path']}: {model['kind']}, {model['mib']} MiB{problem}"
    for data in report["data"]:
        yield f"{data['path']}: {data['files']} files"
    for asset in report["assets"]:
        problem = f"{asset['problem']}; `make assets` brings it" if asset["problem"] else "there"
        yield f"asset {asset['name']}: {problem}"
    if not report["models"] and not report["data"]:
        yield "no models and no data here; `dvc repro` makes those of the default scale"
    yield ""
    for scale, lacking in report["scales"].items():
        default = " (default)" if scale == report["default_scale"] else ""
        yield f"scale {scale}{default}: " + (f"lacks {len(lacking)}" if lacking else "complete")
        yield from (f"  {name}" for name in lacking[:SHOWN_MISSING])
        if len(lacking) > SHOWN_MISSING:
            yield f"  and {len(lacking) - SHOWN_MISSING} more (--json shows all)"
    if not report["scales"]:
        yield "no scales/ here: run it in the project's folder, or give --root"
