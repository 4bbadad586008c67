"""Can a scale run here? Checks of the hub, local data, packages, disk and memory, and its plan."""

import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from quals.corpora.sources import ENVIRONMENT
from quals.doctor import repositories
from quals.doctor.estimate import disk, memory, needed, stage_seconds
from quals.doctor.inventory import installed_packages, named_lacking
from quals.doctor.inventory import memory as machine_memory
from quals.doctor.loading import load_scale
from quals.doctor.rates import Rates, measure
from quals.doctor.repositories import Ask
from quals.doctor.scale import Scale, StagePlan
from quals.doctor.stages import plan
from quals.scoring.hardware import choose_dtype, cpu_name

# The lists of the grid by which stages become more.
MULTIPLIES = ("datasets", "seeds", "selectors", "contrastive", "methods", "judgments")
State = Literal["ok", "note", "problem"]


@dataclass(frozen=True)
class Check:
    """One line: what was looked at, and whether a run can start."""

    state: State
    text: str


@dataclass(frozen=True)
class Device:
    """Where networks will compute; `memory` in bytes, None where nobody says."""

    name: str
    kind: str
    memory: float | None


Measure = Callable[..., Rates]


def preflight(
    root: Path,
    file: Path,
    changes: Mapping[str, object] | None = None,
    *,
    ask: Ask | None = None,
    measured: Measure = measure,
) -> dict[str, object]:
    """Checks and plan of a scale, JSON-ready; `changes` go before the grid of params.yaml.

    `ask` and `measured` are for tests.
    """
    scale, unknown = load_scale(root, file, changes)
    stages = plan(scale)
    device = find_device()
    dtype = trained_in(scale.settings)
    rates = measured(needed(stages), dtype=dtype, device=device.kind)
    asked = ask or (repositories.ask_cache if repositories.offline() else repositories.ask_hub)
    found = repositories.check(repositories.named(scale.settings, root), asked)
    download = sum(item.size for item in found)
    rows = [_row(stage, rates, device) for stage in stages]
    checks = [
        *(Check("note", line) for line in unknown),
        *_hub(found),
        *_local(root, scale),
        *_packages(root, scale),
        *_disk(root, stages, download),
        *_memory(rows, device),
    ]
    return {
        "scale": file.stem,
        "grid": {key: scale.grid.get(key) for key in MULTIPLIES},
        "left_out": {"entries": scale.left_out.described(), "reason": scale.left_out.reason},
        "device": vars(device),
        "dtype": dtype,
        "checks": [vars(check) for check in checks],
        "texts": {
            **{name: vars(corpus) for name, corpus in scale.corpora.items()},
            "questions": vars(scale.questions),
        },
        "stages": rows,
        "hours": sum(row["hours"] for row in rows),
        "disk_gib": (sum(map(disk, stages)) + download) / 2**30,
        "ready": all(check.state != "problem" for check in checks),
    }


def find_device() -> Device:
    """The first GPU, else the processor."""
    import torch

    if torch.cuda.is_available():
        card = torch.cuda.get_device_properties(0)
        return Device(card.name, "cuda", card.total_memory)
    total = machine_memory()["total"]
    return Device(cpu_name(), "cpu", total and total * 2**30)


def trained_in(settings: object) -> str:
    """The precision of products in training, as the settings first name it; else they are exact."""
    found = next(_named("dtype", settings), "float32")
    return str(choose_dtype(str(found)).value)


def _named(key: str, settings: object) -> Iterator[object]:
    """Every value of a key at any depth."""
    if isinstance(settings, Mapping):
        for name, inner in settings.items():
            if name == key:
                yield inner
            yield from _named(key, inner)


def _row(stage: StagePlan, rates: Rates, device: Device) -> dict[str, object]:
    peak = memory(stage, device=device.kind)
    return {
        "stage": stage.stage,
        "runs": stage.runs,
        "texts": round(stage.texts),
        "tokens": round(stage.tokens),
        "flops": sum(load.flops for load in stage.loads),
        "hours": stage_seconds(stage, rates) / 3600,
        "memory_gib": peak / 2**30,
        "disk_gib": disk(stage) / 2**30,
    }


def _hub(found: list[repositories.Found]) -> Iterator[Check]:
    for item in found:
        repository = item.repository
        where = f"{repository.name} ({repository.key})"
        if repository.instead is not None:
            yield Check("ok", f"{where}: not needed, {repository.instead} is there")
        elif item.problem is not None:
            yield Check("problem", f"{where}: {item.problem}")
        elif not repository.pinned:
            now = f", at present {item.answer.commit}" if item.answer and item.answer.commit else ""
            yield Check("problem", f"{where}: there, but not pinned by the hash of a commit{now}")
        else:
            size = f", {item.size / 2**20:.0f} MiB" if item.size else ""
            yield Check("ok", f"{where}: there{size}")


def _local(root: Path, scale: Scale) -> Iterator[Check]:
    """Folders of the environment and of the settings; one that a hub stands behind is a note."""
    given = os.environ.get(ENVIRONMENT)
    if given:
        state: State = "ok" if Path(given).expanduser().is_dir() else "problem"
        yield Check(state, f"{ENVIRONMENT}={given}: {'there' if state == 'ok' else 'no folder'}")
    for name in ("corpus", "questions"):
        sources = scale.section(name).get("source")
        if not isinstance(sources, list):
            continue
        for source in sources:
            path = source.get("folder") or source.get("file")
            if path and not given:
                there = (root / str(path)).exists()
                others = "the next source is asked" if len(sources) > 1 else "there is no other"
                text = f"{path} ({name}.source): {'there' if there else 'not there, ' + others}"
                yield Check("ok" if there else "note" if len(sources) > 1 else "problem", text)
    newsqa = scale.section("questions").get("newsqa") or os.environ.get("QUALS_NEWSQA")
    if newsqa:
        there = (root / str(newsqa)).is_file()
        yield Check(
            "ok" if there else "problem", f"NewsQA {newsqa}: {'' if there else 'not '}there"
        )
    elif "source" in scale.section("questions"):
        yield Check("note", "NewsQA: not named, QAGen learns from SQuAD alone")


def _packages(root: Path, scale: Scale) -> Iterator[Check]:
    absent = [name for name, found in installed_packages().items() if found is None]
    wanted = {"peft": "lora" in str(scale.settings), "datasets": "'hub'" in str(scale.settings)}
    absent += [name for name, used in wanted.items() if used and find_spec(name) is None]
    yield from (Check("problem", f"package {name}: not installed") for name in absent)
    lacking = [name for name in named_lacking(root, scale.settings) if "spaCy" in name]
    yield from (Check("problem", f"{name}: not installed") for name in lacking)
    if not absent and not lacking:
        yield Check("ok", "packages: all installed")


def _disk(root: Path, stages: list[StagePlan], download: int) -> Iterator[Check]:
    wanted, free = sum(map(disk, stages)) + download, shutil.disk_usage(root).free
    text = f"disk: {wanted / 2**30:.1f} GiB wanted, {free / 2**30:.1f} GiB free"
    yield Check("ok" if wanted <= free else "problem", text)


def _memory(rows: list[dict[str, object]], device: Device) -> Iterator[Check]:
    if device.memory is None:
        yield Check("note", "memory: this machine does not tell its size")
        return
    room = device.memory / 2**30
    large = [row for row in rows if row["memory_gib"] > room]
    for row in large:
        text = f"memory: {row['stage']} wants {row['memory_gib']:.1f} GiB, {room:.1f} GiB are here"
        hint = "; a smaller row_budget or batch_size changes no score"
        yield Check("problem", text if row["stage"].startswith("train_") else text + hint)
    if not large:
        yield Check("ok", f"memory: every stage fits into {room:.1f} GiB")


def lines(report: Mapping[str, object]) -> Iterator[str]:
    """The report as text."""
    device = report["device"]
    yield f"scale {report['scale']} on {device['name']} ({device['kind']})"
    yield ""
    for check in report["checks"]:
        mark = {"ok": "ok      ", "note": "note    ", "problem": "PROBLEM "}[check["state"]]
        yield mark + check["text"]
    yield ""
    for name, found in report["texts"].items():
        yield f"{name}: sizes from {found['origin']}"
    yield ""
    for key, found in report["grid"].items():
        yield f"{key}: {', '.join(map(str, found or ())) or 'none'}"
    if (left_out := report["left_out"])["reason"]:
        yield f"left out: {'; '.join(left_out['entries'])} ({left_out['reason']})"
    yield ""
    head = ("stage", "runs", "texts", "tokens", "FLOPs", "hours", "memory", "disk")
    yield _line(head)
    for row in report["stages"]:
        yield _line(
            (
                row["stage"],
                row["runs"],
                f"{row['texts']:,}",
                _short(row["tokens"]),
                f"{row['flops']:.1e}",
                _hours(row["hours"]),
                f"{row['memory_gib']:.1f}",
                f"{row['disk_gib']:.1f}",
            )
        )
    yield ""
    yield f"training in {report['dtype']}, all else in float32"
    yield f"in all {_hours(report['hours'])} hours on this one device, {report['disk_gib']:.1f} GiB"
    yield "of disk; memory and disk in GiB. Hours are good to a factor of 1.5 or so where the"
    yield "sizes of the text are known; stages that run no network for long are left out."


def _line(cells: tuple[object, ...]) -> str:
    first, *rest = map(str, cells)
    return f"{first:<26}" + "".join(
        f"{cell:>{12 if at < 3 else 9}}" for at, cell in enumerate(rest)
    )


def _short(count: float) -> str:
    for size, name in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if count >= size:
            return f"{count / size:.1f} {name}"
    return f"{count:.0f}"


def _hours(hours: float) -> str:
    return f"{hours:,.0f}" if hours >= 100 else f"{hours:.1f}" if hours >= 1 else f"{hours:.3f}"
