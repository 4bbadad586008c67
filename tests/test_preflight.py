"""Laws of `quals doctor --scale`: networks have their sizes, and what does not fit is named."""

import json

import pytest
from pipeline import ROOT

from quals.doctor import preflight, shapes
from quals.doctor.rates import Rate, Rates
from quals.params import load_yaml
from quals.rehearsal.scale import GRID

# What the smallest cards of these sizes tell of their memory, in bytes.
CARDS = {"paper": 23.5e9, "base": 15.6e9}


class Steady(Rates):
    """The same rate for every network: hours do not matter here."""

    def of(self, shape, mode):
        return Rate(block=1e-5, layers=1e13, call=1e-5, head=1e13)


def run(monkeypatch, scale, memory, **changes):
    """The preflight of a scale as on a card with so much memory, the hub answering at once."""
    card = preflight.Device("a card", "cuda", memory)
    monkeypatch.setattr(preflight, "find_device", lambda: card)
    whole = preflight.load_scale

    def loaded(root, file):
        found, unknown = whole(root, file)
        settings = {**found.settings, "quals": {**found.settings["quals"], **changes}}
        fields = {**vars(found), "settings": settings, "grid": GRID}
        return type(found)(**fields), unknown

    monkeypatch.setattr(preflight, "load_scale", loaded)
    measured = Steady({}, 1e-12, 1e-6, 1e-6, 1e-12, 1e-12)
    return preflight.preflight(
        ROOT,
        ROOT / f"scales/{scale}.yaml",
        ask=lambda repository: 0,
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
    assert {row["stage"].split()[0] for row in wanted} == {"reward", "evaluate", "judgments"}
    assert all("row_budget" in text for text in problems)
    assert report["ready"] is False
    assert any(line.startswith("PROBLEM memory: reward") for line in preflight.lines(report))


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
