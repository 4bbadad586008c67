"""How long do the stages take? Each is run twice, with little and with more to do.

The difference is the time of the work between: neither start nor what follows training is in it.
Stages run as in dvc.yaml, one thread each, in a scratch folder with copies of what they read.
"""

import os
import re
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path

from ruamel.yaml import YAML

from quals.doctor.loading import load_scale
from quals.doctor.scale import Scale
from quals.errors import InputError
from quals.jsonl import write_whole
from quals.params import load_yaml

GRID = {
    "datasets": ["xsum"],
    "seeds": [0],
    "methods": ["mle"],
    "selectors": ["quals"],
    "contrastive": ["conseq"],
}
Settings = dict[str, object]


@dataclass(frozen=True)
class Excerpt:
    """A stage and the setting that says how much it does; `always` are other changed settings.

    `documents` of the test split are kept where no setting limits them (`amount` is None).
    """

    scale: str
    stage: str
    amount: str | None
    few: int
    more: int
    always: tuple[tuple[str, int | None], ...] = ()
    needs: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return f"{self.scale} {self.stage}"


_QA = ("data/{}/questions", "data/{}/questions_truth")
_QAGEN = "models/{}/metrics/qagen"
_XSUM = ("data/{}/xsum/corpus", "data/{}/xsum/truth", "models/{}/xsum/mle/0")
EXCERPTS = (
    Excerpt("testbed", "train_qagen", "train_qagen.steps", 20, 100, needs=_QA),
    Excerpt("testbed", "train_qg", "train_qg.steps", 20, 100, needs=(*_QA, _QAGEN)),
    Excerpt("testbed", "train_reader", "train_reader.steps", 20, 100, needs=(*_QA, _QAGEN)),
    Excerpt(
        "testbed",
        "train_factcc",
        "train_factcc.steps",
        20,
        100,
        (("train_factcc.documents", 300), ("train_factcc.validation_documents", 20)),
        (*_XSUM, _QAGEN, "models/{}/metrics/spacy"),
    ),
    Excerpt("testbed", "train_mle", "train_mle.steps", 20, 100, needs=(*_XSUM, _QAGEN)),
    Excerpt("testbed", "sample", "sample.documents", 100, 400, needs=_XSUM),
    Excerpt("testbed", "reward", "sample.documents", 50, 150, needs=(*_XSUM, _QAGEN)),
    Excerpt(
        "testbed",
        "train_contrastive",
        "contrastive.steps.xsum",
        10,
        50,
        needs=(*_XSUM, "data/{}/xsum/rewards"),
    ),
    Excerpt("testbed", "summarize", None, 50, 300, needs=_XSUM),
    Excerpt(
        "testbed",
        "evaluate",
        None,
        50,
        300,
        needs=(*_XSUM, "models/{}/metrics", "data/{}/summaries/xsum/mle"),
    ),
    Excerpt(
        "laptop",
        "train_qagen",
        "train_qagen.training.steps",
        1,
        4,
        (
            ("train_qagen.released", None),
            ("train_qagen.training.batch_size", 4),
            ("train_qagen.gate_contexts", 1),
        ),
        (*_QA, "models/{}/assets/smollm2"),
    ),
    Excerpt(
        "laptop",
        "train_reader",
        "train_reader.training.steps",
        2,
        12,
        (("train_reader.gate_contexts", 1),),
        (*_QA, "models/{}/assets/minilm"),
    ),
)


def lacking(excerpt: Excerpt, root: Path) -> list[str]:
    """What the excerpt reads that is not there."""
    paths = [name.format(excerpt.scale) for name in excerpt.needs]
    return [path for path in paths if not (root / path).exists()]


def run_excerpt(
    excerpt: Excerpt, root: Path, scales: Path, scratch: Path, *, clock: str
) -> tuple[float, list[Scale]]:
    """Seconds between the two runs, and the scale as each had it."""
    work = scratch / excerpt.name.replace(" ", "-")
    shutil.rmtree(work, ignore_errors=True)
    for need in excerpt.needs:
        path = Path(need.format(excerpt.scale))
        (work / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(root / path, work / path, dirs_exist_ok=True)
    settings = load_yaml(scales / f"{excerpt.scale}.yaml")
    seconds, seen = [], []
    for amount in (excerpt.few, excerpt.more):
        changed = _changed(excerpt, settings, amount)
        (work / "scales").mkdir(exist_ok=True)
        _write_yaml(work / f"scales/{excerpt.scale}.yaml", changed)
        _write_yaml(work / "params.yaml", GRID)
        _prepare(excerpt, root, work, amount)
        if excerpt.stage == "reward":  # its candidates must be there
            _run("sample", excerpt.scale, work, clock)
        seconds.append(_run(excerpt.stage, excerpt.scale, work, clock))
        # Sizes of the whole text, from the place where it is whole.
        scale, _ = load_scale(work, work / f"scales/{excerpt.scale}.yaml")
        seen.append(scale)
    return seconds[1] - seconds[0], seen


def _changed(excerpt: Excerpt, settings: Mapping[str, object], amount: int) -> Settings:
    changed = deepcopy(dict(settings))
    pairs = [*excerpt.always, *([(excerpt.amount, amount)] if excerpt.amount else [])]
    for key, value in pairs:
        *path, last = key.split(".")
        section = changed
        for part in path:
            section = section[part]
        section[last] = value
    if excerpt.scale == "testbed":
        changed["language"]["spacy_pipeline"] = "models/testbed/metrics/spacy"
    return changed


def _prepare(excerpt: Excerpt, root: Path, work: Path, amount: int) -> None:
    """Only the first test documents, where the stage does all."""
    corpus = Path(f"data/{excerpt.scale}/xsum/corpus/test.jsonl")
    if excerpt.amount is None:
        lines = (root / corpus).read_text(encoding="utf-8").splitlines(keepends=True)
        (work / corpus).write_text("".join(lines[:amount]), encoding="utf-8")


def _run(stage: str, scale: str, work: Path, clock: str) -> float:
    """Seconds of one run: processor time of the stage and its children, or wall-clock time."""
    words = _words(stage, scale)
    environment = {
        **os.environ,
        "OMP_NUM_THREADS": "1",
        "HF_HUB_OFFLINE": "1",
        "QUALS_SMOLLM2": str(work / "models/laptop/assets/smollm2"),
        "QUALS_MINILM": str(work / "models/laptop/assets/minilm"),
    }
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(
        [sys.executable, *words], cwd=work, env=environment, capture_output=True, text=True
    )
    wall = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise InputError(f"{scale} {stage}: {done.stderr.strip().splitlines()[-1]}")
    if clock == "wall":
        return wall
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def _words(stage: str, scale: str) -> list[str]:
    """The stage's command in dvc.yaml for one corpus and one seed, without `python`."""
    command = load_yaml(Path(__file__).parents[1] / "dvc.yaml")["stages"][stage]["cmd"]
    item = {"scale": scale, "dataset": "xsum", "seed": 0, "selector": "quals"}
    item["method"] = "mle" if stage == "summarize" else "conseq"
    filled = re.sub(r"\$\{item\.(\w+)\}", lambda match: str(item[match[1]]), command)
    # The other corpus would double what is copied and run.
    return [word for word in filled.split()[1:] if "cnndm" not in word]


def _write_yaml(path: Path, content: object) -> None:
    def write(temporary: Path) -> None:
        with temporary.open("w", encoding="utf-8") as file:
            YAML(typ="safe", pure=True).dump(content, file)

    write_whole(path, write)
