"""Another QAGen is held against the scale's on development halves, by plain correlations."""

import sys
from argparse import Namespace
from pathlib import Path
from runpy import run_module

import pytest
from judges import alone, judgments_section, save_models, write_judged, write_scale
from scipy import stats

from quals.ablations import other_qagens
from quals.analysis.other_qagens import BLOCK, block
from quals.analysis.readme import filled
from quals.corpora.judgments import DEVELOPMENT, HELD_OUT, Judgments, read_judgments
from quals.jsonl import read_json, read_jsonl, write_json, write_jsonl
from quals.metrics.explained import ExplainedQuals
from quals.metrics.quals import PAPER, Quals, QualsSettings
from quals.models import checkpoint
from quals.models.tokenizer import SEPARATOR
from quals.stages import judge_quals

ROOT = Path(__file__).parents[1]
SETTINGS = {**PAPER.model_dump(), "groups": 12, "shortest": 1, "longest": 5, "max_pairs": 4}
GATE = {
    "summary_question_loss": 2.125,
    "summary_answer_loss": 0.5,
    "summary_answer_exact": 0.25,
    "kept_pairs": 9.5,
}


@pytest.fixture
def project(tmp_path, few_words, make_qagen, monkeypatch):
    """Two QAGens, a training's record, 24 judged summaries and what the first made of them."""
    folder = tmp_path / "data"
    scale = {
        "judgments": judgments_section(folder),
        "quals": SETTINGS,
        "quals_variants": {"changes": {}},
        "rouge": {"use_stemmer": False},
        "train_qagen": save_models(tmp_path, few_words, make_qagen(10), monkeypatch),
    }
    write_scale(tmp_path / "scale.yaml", scale)
    write_judged(folder, 24)
    alone(monkeypatch)
    monkeypatch.delenv("QUALS_DATA", raising=False)
    monkeypatch.setenv("QUALS_CHECKPOINTS", str(tmp_path / "unfinished"))
    separator = few_words.id_of(SEPARATOR)
    checkpoint.save(make_qagen(3), few_words, tmp_path / "other", separator_token_id=separator)
    write_json(tmp_path / "training.json", record(steps=7))
    judge_quals.main(
        Namespace(
            params=tmp_path / "scale.yaml",
            benchmark="qags_xsum",
            qagen=tmp_path / "qagen",
            out=tmp_path / "judged/qags_xsum/quals.jsonl",
        )
    )
    return tmp_path


def record(*, steps: int) -> dict:
    settings = {"training": {"steps": steps}, "seed": 31}
    return {"stage": "train_qagen", "metrics": GATE, "settings": settings, "signature": {}}


def arguments(project, qagen) -> Namespace:
    return Namespace(
        params=project / "scale.yaml",
        benchmarks=["qags_xsum"],
        qagen=project / qagen,
        training=project / "training.json",
        judged=project / "judged",
        scores=project / "scores",
        out=project / "results/other_qagens/seven_steps.json",
    )


def judged(project, half) -> list:
    settings = Judgments(**judgments_section(project / "data"))
    return [item for item in read_judgments("qags_xsum", settings, {}) if item.half == half]


def test_scores_are_those_of_that_qagen_on_the_development_half_alone(project):
    other_qagens.main(arguments(project, "other"))
    rows, items = read_jsonl(project / "scores/qags_xsum.jsonl"), judged(project, DEVELOPMENT)
    assert [row["id"] for row in rows] == [item.id for item in items]
    assert 0 < len(items) < 24
    for formula, metric in (("quals", Quals), ("quals_explained", ExplainedQuals)):
        scored = metric.from_pretrained(project / "other", QualsSettings(**SETTINGS)).score(
            [item.document for item in items], [item.summary for item in items]
        )
        assert [row[formula] for row in rows] == pytest.approx(
            [one.quals for one in scored], abs=1e-4
        )


def test_differences_are_those_of_plain_correlations(project):
    other_qagens.main(arguments(project, "other"))
    found = read_json(project / "results/other_qagens/seven_steps.json")
    truth = [item.truth for item in judged(project, DEVELOPMENT)]
    ids = [item.id for item in judged(project, DEVELOPMENT)]
    before = {row["id"]: row for row in read_jsonl(project / "judged/qags_xsum/quals.jsonl")}
    after = {row["id"]: row for row in read_jsonl(project / "scores/qags_xsum.jsonl")}
    first, second = found["rows"]
    assert (first["metric"], second["metric"]) == ("quals", "quals_explained")
    for row, part in ((first, "scores"), (second, "variants")):
        formula = row["metric"]
        mine = stats.pearsonr([before[name][part][formula] for name in ids], truth).statistic
        other = stats.pearsonr([after[name][formula] for name in ids], truth).statistic
        assert row["scale"]["pearson"] == pytest.approx(mine, abs=1e-5)
        assert row["other"]["pearson"] == pytest.approx(other, abs=1e-5)
        assert row["difference"] == pytest.approx(other - mine, abs=1e-5)
        assert row["low"] <= row["difference"] <= row["high"]
        assert abs(row["difference"]) > 1e-3, "another QAGen must make a difference in this test"
        assert row["p"] <= row["p_holm"]


def test_the_same_qagen_is_ahead_by_nothing(project):
    other_qagens.main(arguments(project, "qagen"))
    found = read_json(project / "results/other_qagens/seven_steps.json")
    for row in found["rows"]:
        assert [row["difference"], row["low"], row["high"]] == pytest.approx([0, 0, 0], abs=1e-4)
        assert row["n"] == row["scale"]["n"] == row["other"]["n"] > 2


def spoil_training(project):
    write_json(project / "training.json", {"stage": "train_qg"})
    return "training.json: field 'stage' must be 'train_qagen'"


def spoil_scores(project):
    rows = read_jsonl(project / "judged/qags_xsum/quals.jsonl")
    gone = judged(project, DEVELOPMENT)[1].id
    write_jsonl(project / "judged/qags_xsum/quals.jsonl", [r for r in rows if r["id"] != gone])
    return f"quals.jsonl: '{gone}' has no score 'quals'"


@pytest.mark.parametrize("spoil", [spoil_training, spoil_scores])
def test_bad_input_is_named_before_any_work(project, spoil, monkeypatch, capsys):
    message = spoil(project)
    given = arguments(project, "other")
    words = [x for k, v in vars(given).items() if k != "benchmarks" for x in (f"--{k}", str(v))]
    monkeypatch.setattr(sys, "argv", ["other_qagens", *words, "--benchmarks", "qags_xsum"])
    with pytest.raises(SystemExit) as ended:
        run_module(other_qagens.__name__, run_name="__main__")
    assert ended.value.code == 2
    assert message in capsys.readouterr().err
    assert not given.scores.exists()
    assert not given.out.exists()


def test_what_only_the_held_out_half_lacks_is_no_error(project):
    path, gone = project / "judged/qags_xsum/quals.jsonl", judged(project, HELD_OUT)[0].id
    write_jsonl(path, [row for row in read_jsonl(path) if row["id"] != gone])
    other_qagens.main(arguments(project, "other"))


def test_the_page_shows_how_each_learnt_and_what_came_of_it(project):
    results = project / "results"
    assert "No other QAGen has been tried" in block(results)
    write_json(results / "training/qagen.json", record(steps=3))
    other_qagens.main(arguments(project, "other"))
    text = block(results)
    assert "| the scale's | 3 | 31 | 2.125 | 0.500 | 0.250 | 9.50 |" in text
    assert "| seven steps | 7 | 31 | 2.125 | 0.500 | 0.250 | 9.50 |" in text
    assert text.count("| seven steps | QAGS, XSUM | QUALS") == 2
    assert "family is the 2 tests" in text


def test_words_on_twice_the_steps_hold_in_the_results():
    """Better at questions, and no difference in agreement beyond chance."""
    results = ROOT / "results/laptop"
    found, scale = (
        read_json(results / name) for name in ("other_qagens/560_steps.json", "training/qagen.json")
    )
    mine, other = scale["metrics"], found["training"]["metrics"]
    shares = [round(100 * part["summary_answer_exact"]) for part in (other, mine)]
    losses = [
        f"{mine[key]:.2f} to {other[key]:.2f}"
        for key in ("summary_question_loss", "summary_answer_loss")
    ]
    told = (
        f"({' and '.join(losses)})",
        f"answers {shares[0]} % as asked where the scale's answers {shares[1]} %",
    )
    text = " ".join((ROOT / "docs/people.md").read_text(encoding="utf-8").split())
    assert [words for words in told if words not in text] == []
    assert found["training"]["settings"]["training"]["steps"] == 560
    assert scale["settings"]["training"]["steps"] == 280
    differences = [f"{row['difference']:+.2f}" for row in found["rows"]]
    assert differences == ["-0.02", "-0.00", "-0.02", "+0.01"]
    assert all(row["low"] < 0 < row["high"] for row in found["rows"])


def test_words_on_another_seed_hold_in_the_results():
    """It moves agreement as little as twice the steps do, and losses less."""
    results = ROOT / "results/laptop"
    more, seed, scale = (
        read_json(results / name)
        for name in (
            *("other_qagens/560_steps.json", "other_qagens/another_seed.json"),
            "training/qagen.json",
        )
    )
    settings, ours = seed["training"]["settings"], scale["settings"]
    assert settings["seed"] != ours["seed"]
    assert settings["training"] == ours["training"]
    formula, explained = (
        [row["difference"] for row in seed["rows"] if row["metric"] == metric]
        for metric in ("quals", "quals_explained")
    )
    assert [f"{value:.2f}" for value in formula] == ["0.02", "0.01"]
    assert max(map(abs, explained)) < 0.015
    assert all(row["low"] < 0 < row["high"] for row in seed["rows"])
    for key in ("summary_question_loss", "summary_answer_loss"):
        gains = [scale["metrics"][key] - one["training"]["metrics"][key] for one in (seed, more)]
        assert abs(gains[0]) < 0.015 < gains[1]
    assert round(100 * seed["training"]["metrics"]["summary_answer_exact"]) == 41


def test_the_page_holds_the_committed_results():
    text = (ROOT / "docs/people.md").read_text(encoding="utf-8")
    assert filled(text, block(ROOT / "results/laptop"), BLOCK) == text
