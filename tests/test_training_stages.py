"""Two processes or a kill change nothing of what the real stage `train_mle` makes."""

import json
import os
import runpy
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from random import Random

import pytest
import staged
from launched import ON_CPUS
from ruamel.yaml import YAML

from quals.jsonl import write_jsonl
from quals.models import checkpoint
from quals.rehearsal.models import save_bart

STAGE = "quals.stages.train_mle"
DATASETS = ("xsum", "cnndm")
WORDS = ("Ada", "Ivan", "Kelby", "Marlow", "mill", "beat", "sold", "house", "garden", "council")
RATES = {"beta2": 0.98, "final_share": 0.0, "weight_decay": 0.01, "clip_norm": 1.0}
LIMITS = {"beams": 1, "shortest": 1, "longest": 4, "length_penalty": 1.0, "batch_size": 4}
PLAIN = {
    "dtype": "float32",
    "accumulation": 1,
    "recompute_activations": False,
    "checkpoint_every": None,
}
STEPS, EVERY = 6, 2
CHECKPOINT = ".checkpoints/bart/train_mle/0/train_mle-{}-0/checkpoint.safetensors"


def article(at):
    rng = Random(at)
    said = [" ".join(rng.choices(WORDS, k=rng.randint(3, 12))) + "." for _ in range(3)]
    return {"id": f"a{at:02d}", "document": " ".join(said), "summary": said[0]}


@pytest.fixture
def project(tmp_path, make_model, tokenizer, monkeypatch):
    """A folder with two corpora, and with what a small T5 and a small BART start from."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("QUALS_CHECKPOINTS", raising=False)
    for at, name in enumerate(DATASETS):
        write_jsonl(f"data/{name}/corpus/train.jsonl", map(article, range(50 * at, 50 * at + 16)))
        write_jsonl(f"data/{name}/corpus/validation.jsonl", map(article, range(30, 34)))
    model = make_model(tokenizer.backend.get_vocab_size(), scale=1.0)
    checkpoint.save(model, tokenizer, tmp_path / "t5")
    save_bart(tmp_path / "bart", [article(at)["document"] for at in range(9)], lessons=0)
    return tmp_path


def from_t5():
    schedule = {"lr": 3e-3, "other_lr": 3e-3, "warmup_steps": 2, **RATES}
    return {"steps": STEPS, "batch_size": 5, "optimisation": schedule}


def from_bart(dropout):
    place = {"variable": None, "folder": "bart", "hub": None}
    tuned = {
        "epochs": 6,
        "part_tokens": 200,
        "parts": 3,
        "label_smoothing": 0.1,
        "dropout": dropout,
        "attention_dropout": dropout,
        "lr": 3e-3,
        "schedule": {"warmup_steps": 0, **RATES},
    }
    return {
        "base": dict.fromkeys(DATASETS, place),
        "finetuning": dict.fromkeys(DATASETS, tuned),
    }


def stage(training, out, **hardware):
    """A command for models and records below `out`; the scale is called as what it starts from."""
    name = "bart" if "base" in training else "t5"
    content = {
        "hardware": PLAIN | hardware,
        "train_mle": {"max_source_tokens": 40, **training},
        "summaries": dict.fromkeys(DATASETS, LIMITS),
    }
    with open(f"{name}.yaml", "w", encoding="utf-8") as file:
        YAML(typ="safe", pure=True).dump(json.loads(json.dumps(content)), file)
    words = ["--params", f"{name}.yaml", "--seed", "0", "--datasets", *DATASETS, "--data", "data"]
    return [STAGE, *words, "--init", "t5", "--models", out, "--metrics", f"{out}/records"]


def here(words, monkeypatch):
    """The stage in this process, undisturbed."""
    with monkeypatch.context() as patch:
        patch.setattr(os, "cpu_count", lambda: 1)
        patch.setattr(sys, "argv", words)
        runpy.run_module(words[0], run_name="__main__", alter_sys=False)


def start(words, log, *, seconds=0.0, launch=(sys.executable,)):
    """Stages elsewhere, in one process or in those that a launcher starts."""
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1"}
    environment.pop("ACCELERATE_USE_CPU", None)
    return subprocess.Popen(
        [*map(str, [*launch, staged.__file__, log, seconds, *words])], env=environment
    )


def told(log):
    """Rank, what, and which file, of every line."""
    return [tuple(line.split(maxsplit=2)) for line in log.read_text().splitlines()]


def files(folder):
    found = (path for path in sorted(Path(folder).rglob("*")) if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}


def test_two_processes_write_once_what_one_writes(project, monkeypatch):
    """From a T5, whose batches are shared by rows, and from a BART, whose are shared by parts."""
    trainings = {"t5": from_t5(), "bart": from_bart(0.0)}
    for name, training in trainings.items():
        here(stage(training, f"alone/{name}"), monkeypatch)
    first, second = (stage(training, f"team/{name}") for name, training in trainings.items())
    launched = start([*first, staged.THEN, *second], project / "log", launch=ON_CPUS)
    assert launched.wait() == 0
    one, two = files("alone"), files("team")
    assert one.keys() == two.keys()
    records = [name for name in one if "/records/" in name]
    assert len(records) == 4
    steps = 0
    for record in records:
        alone, team = json.loads(one[record]), json.loads(two[record])
        assert team["curve"] == pytest.approx(alone["curve"], abs=1e-4)
        assert team["metrics"] == pytest.approx(alone["metrics"], abs=1e-4)
        assert len(alone["curve"]) >= STEPS
        steps += len(alone["curve"])
    lines = told(project / "log")
    assert Counter(rank for rank, what, *_ in lines if what == "step") == {"0": steps, "1": steps}
    written = Counter((rank, *path) for rank, what, *path in lines if what == "file")
    assert written == {("0", f"team/{name}"): 1 for name in two}


def test_a_stage_killed_in_its_second_model_ends_with_the_same_bits(project, monkeypatch):
    here(stage(from_bart(0.1), "whole"), monkeypatch)
    expected = files("whole")
    (length,) = {len(json.loads(expected[f"records/{n}-mle-0.json"])["curve"]) for n in DATASETS}
    words = stage(from_bart(0.1), "killed", checkpoint_every=EVERY)
    child = start(words, project / "first", seconds=0.1)
    first, second = (Path(CHECKPOINT.format(name)) for name in DATASETS)
    while not second.exists():
        assert child.poll() is None, "it ended before it could be killed"
        time.sleep(0.01)
    child.send_signal(signal.SIGKILL)
    assert child.wait() == -signal.SIGKILL
    assert first.exists()
    assert "records/cnndm-mle-0.json" not in files("killed")
    shutil.rmtree("killed")  # as DVC does with all that a stage makes
    assert start(words, project / "again").wait() == 0
    assert files("killed") == expected
    again = [what for _, what, *_ in told(project / "again")].count("step")
    assert 0 < again <= length - EVERY  # the first model was not trained again, the second not anew
    assert not first.parents[1].exists()
