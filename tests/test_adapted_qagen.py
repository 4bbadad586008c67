"""The stage `train_qagen` on a pretrained base: what it writes is what it measured."""

import importlib.util
import json
import sys

import pytest
import torch
from adapters import make_base, save_base
from ruamel.yaml import YAML

from quals.command import stage_parser
from quals.corpus import Asked, Context
from quals.errors import InputError
from quals.jsonl import write_jsonl
from quals.metrics.quals import PAPER, Quals
from quals.models.adapter import merge
from quals.models.adapter_folder import WEIGHTS
from quals.models.checkpoint import Checkpoint
from quals.models.release import MOST_BYTES, release
from quals.models.tokenizer import SEPARATOR
from quals.stages import train_qagen
from quals.training import adapted_qagen
from quals.training.adapted_qagen import AdaptedQagen, gate
from quals.training.batches import collate
from quals.training.qa import likelihood_of, qagen_examples

with_peft = pytest.mark.skipif(
    importlib.util.find_spec("peft") is None, reason="peft is an optional package"
)
SETTINGS = {
    "released": None,
    "seed": 3,
    "base": {"variable": "TEST_BASE", "folder": None, "hub": None},
    "separator": SEPARATOR,
    "max_source_tokens": 30,
    "gate_contexts": 4,
    "stored_dtype": "bfloat16",
    "training": {
        "lora": {"rank": 2, "alpha": 4.0, "dropout": 0.0, "targets": ["q_proj", "down_proj"]},
        "steps": 4,
        "batch_size": 2,
        "part_size": 1,
        "lr": 1e-2,
        "schedule": {
            "beta2": 0.98,
            "warmup_steps": 1,
            "final_share": 0.1,
            "weight_decay": 0.0,
            "clip_norm": 1.0,
        },
    },
}
QUALS = {**PAPER.model_dump(), "groups": 3, "longest": 9, "shortest": 1}
CARD = {
    "title": "Tiny",
    "purpose": "It asks.",
    "licence": "Apache-2.0",
    "data": [{"name": "Toy", "licence": "MIT", "origin": "here", "use": "all of it"}],
    "limits": [],
    "retrain": ["make it"],
}


def rows(sentences):
    found = []
    for at, kind in enumerate(("article", "summary") * 2):
        text = sentences[2 * (at % 2)]
        asked = {"question": sentences[2 * (at % 2) + 1], "answer": "Marlow", "answer_start": None}
        vain = {"question": "Who?", "answer": None, "answer_start": None}
        found.append({"id": f"c{at}", "kind": kind, "context": text, "questions": [asked, vain]})
    return found


@pytest.fixture
def project(tmp_path, tokenizer, sentences, monkeypatch):
    base = make_base(tokenizer.backend.get_vocab_size())
    save_base(base, tokenizer, tmp_path / "base")
    monkeypatch.setenv("TEST_BASE", str(tmp_path / "base"))
    with open(tmp_path / "scale.yaml", "w") as file:
        content = {"train_qagen": SETTINGS, "quals": QUALS, "card": CARD}
        YAML(typ="safe", pure=True).dump(content, file)
    for split in ("train", "validation"):
        write_jsonl(tmp_path / "questions" / f"{split}.jsonl", rows(sentences))
    return tmp_path


def train(project, out="out") -> dict:
    parser = stage_parser("", paths="params questions truth out metrics")
    paths = {"params": "scale.yaml", "questions": "questions", "truth": "truth", "out": out}
    paths |= {"metrics": f"{out}.json"}
    words = [word for name, path in paths.items() for word in (f"--{name}", str(project / path))]
    train_qagen.main(parser.parse_args(words))
    return json.loads((project / f"{out}.json").read_text())


@with_peft
def test_the_model_is_base_and_stored_adapter_and_scores_summaries(project, sentences):
    record = train(project)
    merge(project / "base", project / "out/adapter", project / "again")
    for name in ("model.safetensors", "config.json", "quals.json"):
        assert (project / "again" / name).read_bytes() == (project / "out" / name).read_bytes()
    quals = Quals.from_pretrained(project / "out")
    assert quals.settings.model_dump() == QUALS
    (score,) = quals.score([sentences[0]], [sentences[2]])
    assert score.quals is not None or score.reason
    metrics = record["metrics"]
    assert metrics["pairs"] == 4  # questions without an answer teach nothing
    assert set(metrics) >= {"article_answer_exact", "summary_question_loss", "kept_pairs"}
    assert record["settings"]["training"]["lora"]["rank"] == 2
    assert len(record["curve"]) == 4


@with_peft
def test_training_repeats_to_the_same_bytes(project):
    first, second = train(project, "one"), train(project, "two")
    assert first == second
    for path in sorted((project / "one").rglob("*")):
        other = project / "two" / path.relative_to(project / "one")
        assert path.is_dir() or path.read_bytes() == other.read_bytes()


@with_peft
def test_a_release_is_the_adapter_with_a_card_and_replaces_an_older_one(project):
    train(project)
    arguments = (project / "out/adapter", project / "out.json", project / "scale.yaml")
    for _ in range(2):
        release(*arguments, project / "released/tiny")
    released = project / "released/tiny"
    assert (released / WEIGHTS).read_bytes() == (project / "out/adapter" / WEIGHTS).read_bytes()
    assert "--model released/tiny" in (released / "README.md").read_text()
    assert sorted(p.name for p in (project / "released").iterdir()) == ["tiny"]


def rewrite(project, **changes):
    with open(project / "scale.yaml", "w") as file:
        content = {"train_qagen": {**SETTINGS, **changes}, "quals": QUALS, "card": CARD}
        YAML(typ="safe", pure=True).dump(content, file)


@with_peft
def test_a_release_is_taken_as_it_is_or_refused(project, monkeypatch):
    """The same bytes and record without a step of training, and never those of other settings."""
    trained = train(project)
    release(project / "out/adapter", project / "out.json", project / "scale.yaml", project / "rel")

    def fail(*_, **__):
        raise AssertionError("trained")

    monkeypatch.setattr(adapted_qagen, "train_lora", fail)
    rewrite(project, released=str(project / "rel"))
    taken = train(project, "taken")
    for key in ("metrics", "curve", "parameters"):
        assert taken[key] == trained[key]
    for path in (project / "out").rglob("*.safetensors"):
        other = project / "taken" / path.relative_to(project / "out")
        assert path.read_bytes() == other.read_bytes()
    rewrite(project, released=str(project / "rel"), seed=4)
    with pytest.raises(InputError, match=r"train_qagen.seed is 4, but .*rel was trained with 3"):
        train(project, "other")


@with_peft
def test_weights_that_are_too_large_and_foreign_folders_are_refused(project, monkeypatch):
    train(project)
    arguments = (project / "out/adapter", project / "out.json", project / "scale.yaml")
    (project / "mine").mkdir()
    (project / "mine/notes.txt").write_text("keep me")
    with pytest.raises(InputError, match="is no adapter"):
        release(*arguments, project / "mine")
    assert (project / "mine/notes.txt").read_text() == "keep me"
    monkeypatch.setattr("quals.models.release.MOST_BYTES", 100)
    with pytest.raises(InputError, match="at most 100 are released"):
        release(*arguments, project / "tiny")
    assert not (project / "tiny").exists()
    assert MOST_BYTES == 8_000_000


def test_the_gate_counts_as_plain_loops_do(tokenizer, sentences):
    start = Checkpoint(make_base(tokenizer.backend.get_vocab_size()), tokenizer)
    separator = tokenizer.id_of(SEPARATOR)
    settings = AdaptedQagen.model_validate(SETTINGS)
    contexts = [
        Context(str(at), kind, text, (Asked(sentences[1], answer, None), Asked("In?", "in", None)))
        for at, (kind, text, answer) in enumerate(
            [
                ("article", sentences[0], "Marlow"),
                ("article", sentences[2], "Kelby"),
                ("summary", sentences[2], "The mill"),
            ]
        )
    ]
    found = gate(start, separator, contexts, settings)
    fixed = {"separator": separator, "end": start.model.config.eos_token_id, "limit": 30}
    for kind in ("article", "summary"):
        chosen = [context for context in contexts if context.kind == kind]
        sums = {"question": 0.0, "answer": 0.0}
        tokens = {"question": 0, "answer": 0}
        exact = []
        for example in qagen_examples(chosen, tokenizer, **fixed):
            for target in example.targets:
                at = target.index(separator) + 1
                # The loss of a prefix is a mean; the answer's is what the prefix leaves.
                parts = [
                    likelihood_of(start.model, collate([type(example)(example.source, [ids])], 0))
                    for ids in (target[:at], target)
                ]
                front, whole = parts[0].item() * at, parts[1].item() * len(target)
                sums["question"] += front
                sums["answer"] += whole - front
                tokens["question"] += at
                tokens["answer"] += len(target) - at
                exact.append(greedy(start, example.source, target[:at]) == target[at:])
        for part in ("question", "answer"):
            loss = sums[part] / tokens[part]
            assert found[f"{kind}_{part}_loss"] == pytest.approx(loss, abs=1e-4)
        assert found[f"{kind}_answer_exact"] == pytest.approx(sum(exact) / len(exact))


@torch.inference_mode()
def greedy(start, source, prefix) -> list[int]:
    """What greedy decoding writes behind the prefix, the end token included."""
    model = start.model
    memory = model.read(torch.tensor([source]), torch.ones(1, len(source), dtype=torch.bool))
    ids = list(prefix)
    while len(ids) < len(prefix) + 8:
        given = torch.tensor([[[model.config.decoder_start_token_id, *ids]]])
        ids.append(int(model.logits(model.decode(given, memory))[0, 0, -1].argmax()))
        if ids[-1] == model.config.eos_token_id:
            break
    return ids[len(prefix) :]


def test_without_peft_the_error_says_what_to_install(project, monkeypatch):
    monkeypatch.setitem(sys.modules, "peft", None)
    with pytest.raises(InputError, match=r"pip install -r requirements-laptop\.lock"):
        train(project)
    assert not (project / "out").exists()
