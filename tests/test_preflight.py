"""Laws of `quals doctor --scale`: networks have their sizes, and what does not fit is named."""

import json
from dataclasses import replace
from types import SimpleNamespace
from typing import ClassVar

import pytest
from pipeline import ROOT

from quals.doctor import preflight, repositories, shapes
from quals.doctor.rates import Rate, Rates
from quals.params import load_yaml
from quals.rehearsal.scale import LISTS

# What the smallest cards of these sizes tell of their memory, in bytes.
CARDS = {"paper": 23.5e9, "base": 15.6e9}


class Steady(Rates):
    """The same rate for every network: hours do not matter here."""

    def of(self, shape, mode):
        return Rate(block=1e-5, layers=1e13, call=1e-5, head=1e13)


def run(monkeypatch, scale, memory, *, grid=None, **changes):
    """The preflight of a scale as on a card with so much memory, the hub answering at once."""
    card = preflight.Device("a card", "cuda", memory)
    monkeypatch.setattr(preflight, "find_device", lambda: card)
    whole = preflight.load_scale

    def loaded(root, file, given):
        found, unknown = whole(root, file, {**LISTS, **(given or {})})
        settings = {**found.settings, "quals": {**found.settings["quals"], **changes}}
        return replace(found, settings=settings), unknown

    monkeypatch.setattr(preflight, "load_scale", loaded)
    measured = Steady({}, 1e-12, 1e-6, 1e-6, 1e-12, 1e-12)
    return preflight.preflight(
        ROOT,
        ROOT / f"scales/{scale}.yaml",
        grid,
        ask=lambda repository: repositories.Answer(0),
        measured=lambda needed, **device: measured,
    )


def texts(report, state):
    return [check["text"] for check in report["checks"] if check["state"] == state]


@pytest.mark.parametrize("scale", CARDS)
def test_every_stage_fits_the_card_that_the_scale_is_meant_for(monkeypatch, scale):
    report = run(monkeypatch, scale, CARDS[scale])
    assert not [text for text in texts(report, "problem") if text.startswith("memory")]
    assert [text for text in texts(report, "ok") if text.startswith("memory: every stage fits")]


def test_a_stage_that_wants_more_memory_than_the_card_has_keeps_a_run_from_starting(monkeypatch):
    report = run(monkeypatch, "paper", CARDS["paper"], row_budget=4096)
    problems = [text for text in texts(report, "problem") if text.startswith("memory: ")]
    wanted = [row for row in report["stages"] if row["memory_gib"] > CARDS["paper"] / 2**30]
    assert [text.partition(" wants")[0] for text in problems] == [
        f"memory: {row['stage']}" for row in wanted
    ]
    scoring = {"reward", "evaluate", "judge_quals", "copying"}
    assert {row["stage"].split()[0] for row in wanted} == scoring
    assert all("row_budget" in text for text in problems)
    assert report["ready"] is False
    assert any(line.startswith("PROBLEM memory: reward") for line in preflight.lines(report))


def test_the_plan_counts_the_runs_of_the_grid_that_it_is_given(monkeypatch):
    one = run(monkeypatch, "paper", 1e12, grid={"seeds": [0]})
    more = {"seeds": [0, 1, 2], "judgments": [], "judgments_claims": [], "judged_summaries": []}
    three = run(monkeypatch, "paper", 1e12, grid=more)
    for name in ("train_mle xsum", "sample cnndm", "summarize xsum", "copying cnndm"):
        runs = [
            {row["stage"]: row["runs"] for row in plan["stages"]}[name] for plan in (one, three)
        ]
        assert runs[1] == 3 * runs[0]
    judges = {"judge_quals", "judge_claims", "judge_summaries xsum", "judge_summaries cnndm"}
    assert judges <= {row["stage"] for row in one["stages"]}
    assert not judges & {row["stage"] for row in three["stages"]}
    assert {row["stage"]: row["texts"] for row in one["stages"]}["judge_claims"] == 931
    assert "seeds: 0, 1, 2" in list(preflight.lines(three))


def test_what_the_scale_leaves_out_costs_nothing_and_is_named(monkeypatch):
    report = run(monkeypatch, "paper", 1e12)
    narrow = {"methods": ["mle", "conseq", "oracle"], "contrastive": ["conseq", "oracle"]}
    narrower = run(monkeypatch, "paper", 1e12, grid={**narrow, "seeds": [0, 1]})
    for plan, seeds, methods in ((report, 1, 6), (narrower, 2, 2)):
        runs = {row["stage"]: row["runs"] for row in plan["stages"]}
        assert runs["summarize xsum"] == methods * seeds
        assert runs["train_contrastive xsum"] == (methods - 1) * seeds
        shown = list(preflight.lines(plan))
        assert [line for line in shown if "oracle" in line] == [
            "left out: selectors oracle; methods oracle; benchmarks xsum, cnndm; all ablations "
            "(real text has no truth to select, to judge or to ablate by)"
        ]


def test_a_smaller_budget_of_rows_wants_less_memory(monkeypatch):
    peaks = [
        next(
            row["memory_gib"]
            for row in run(monkeypatch, "paper", 1e12, row_budget=budget)["stages"]
            if row["stage"] == "reward xsum"
        )
        for budget in (512, 1024, 2048, 4096)
    ]
    assert peaks == sorted(set(peaks))


def test_a_folder_and_the_settings_it_was_trained_with_tell_the_same_sizes(tmp_path):
    network = load_yaml(ROOT / "scales/testbed.yaml")["train_qagen"]["network"]
    config = {
        "model_type": "t5",
        "vocab_size": network["vocab_size"],
        "d_model": network["d_model"],
        "d_kv": network["d_kv"],
        "d_ff": network["d_ff"],
        "num_heads": network["heads"],
        "num_layers": network["layers"],
    }
    (tmp_path / "config.json").write_text(json.dumps(config))
    assert shapes.of_folder(tmp_path) == shapes.scratch_t5(network)
    (tmp_path / "config.json").write_text(json.dumps({**config, "feed_forward_proj": "gated-gelu"}))
    assert shapes.of_folder(tmp_path).parameters > shapes.scratch_t5(network).parameters


@pytest.mark.parametrize(
    ("name", "millions"),
    [
        ("facebook/bart-large", 406),
        ("facebook/bart-base", 139),
        ("google-bert/bert-base-uncased", 109),
        ("HuggingFaceTB/SmolLM2-135M", 135),
    ],
)
def test_a_known_name_has_as_many_weights_as_its_makers_say(name, millions):
    assert shapes.of_name(name).parameters / 1e6 == pytest.approx(millions, rel=0.02)


COMMIT = "0123456789abcdef" * 2 + "01234567"


class Hub:
    """Stands for the hub: files by repository, all at one commit."""

    files: ClassVar = {
        "a/good": {"tokenizer.json": 10, "model.safetensors": 2**20, "model.bin": 2**21},
        "a/old": {"vocab.txt": 2**20, "model.safetensors": 2**20, "flax.msgpack": 2**21},
        "a/mute": {"config.json": 10, "model.safetensors": 2**20},
        "a/pickled": {"config.json": 10, "pytorch_model.bin": 2**20},
        "a/data": {"train.parquet": 300, "README.md": 5},
    }

    def describe(self, name, **asked):
        files = [SimpleNamespace(rfilename=f, size=s) for f, s in self.files[name].items()]
        return SimpleNamespace(siblings=files, sha=COMMIT)

    model_info = dataset_info = describe


def hub_says(monkeypatch, kind, name, revision):
    monkeypatch.setattr("huggingface_hub.HfApi", Hub)
    asked = repositories.Repository(kind, name, revision, "some.key")
    return list(preflight._hub(repositories.check([asked], repositories.ask_hub)))


def test_a_hub_that_cannot_be_reached_is_told_in_one_line(monkeypatch):
    """In earnest: the client that raises is the hub's own."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    asked = repositories.Repository("model", "a/good", COMMIT, "some.key")
    (check,) = preflight._hub(repositories.check([asked], repositories.ask_hub))
    assert check.state == "problem"
    assert "the hub does not answer" in check.text


@pytest.mark.parametrize(
    ("kind", "name", "revision", "state", "said"),
    [
        ("model", "a/good", COMMIT, "ok", "there, 1 MiB"),
        (
            "model",
            "a/good",
            "main",
            "problem",
            f"not pinned by the hash of a commit, at present {COMMIT}",
        ),
        ("model", "a/pickled", COMMIT, "problem", "no safetensors there at this revision"),
        ("model", "a/old", COMMIT, "ok", "there, 2 MiB"),
        ("model", "a/mute", COMMIT, "problem", "neither tokenizer.json nor a BERT's"),
        ("dataset", "a/data", COMMIT, "ok", "there, 0 MiB"),
    ],
)
def test_what_the_hub_has_is_told_and_what_to_pin(monkeypatch, kind, name, revision, state, said):
    (check,) = hub_says(monkeypatch, kind, name, revision)
    assert check.state == state
    assert said in check.text
