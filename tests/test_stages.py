"""Every stage at toy size, by the very command lines of dvc.yaml, end to end and twice alike.

Once with two cores and once with one: no result depends on their number.
"""

import json
import runpy
import sys

import pytest
from pipeline import ROOT, stages
from ruamel.yaml import YAML

from quals import parallel

GRID = {
    "scales": ["testbed"],
    "datasets": ["xsum", "cnndm"],
    "seeds": [0],
    "selectors": ["quals", "rouge", "copy", "oracle"],
    "contrastive": ["rouge", "conseq", "masked"],
    "methods": ["mle", "rouge", "conseq", "masked"],
    "benchmarks": ["xsum", "cnndm"],
    "ablations": ["everything"],
    "judgments": [],
    "judgments_qags": [],
    "judgments_claims": [],
    "judged_summaries": [],
}
TOY = {
    "corpus": {"train": 60, "validation": 24, "test": 12},
    "questions": {
        "train_articles": 60,
        "train_summaries": 80,
        "validation_articles": 12,
        "validation_summaries": 12,
    },
    "train_qagen": {"steps": 4, "articles_per_batch": 4, "summaries_per_batch": 4},
    "train_qg": {"steps": 3, "batch_size": 4, "gate_questions": 6},
    "train_reader": {"steps": 3, "articles_per_batch": 4, "summaries_per_batch": 4},
    "train_factcc": {
        "documents": 30,
        "validation_documents": 12,
        "steps": 3,
        "documents_per_batch": 4,
    },
    "quals": {"groups": 4, "longest": 12},
    "qags": {"longest_question": 8},
    "train_mle": {"steps": 3, "batch_size": 8},
    "summarize": {"chunk_documents": 5},
    "sample": {"documents": 20, "samples": 2, "chunk_documents": 8},
    "reward": {"chunk_documents": 6},
    "contrastive": {"pairs": 4, "steps": {"xsum": 2, "cnndm": 2}, "batch_size": 2},
    "speed": {
        "repeats": 2,
        "paper_summaries": 2,
        "paper_groups": 4,
        "paper_answers": 2,
        "paper_questions_per_answer": 2,
        "paper_beams": 2,
        "engine_summaries": 4,
        "groups": [2, 4],
        "curve_summaries": 12,
    },
    "copying": {"beams": [1], "length_penalties": [0.0], "temperatures": [0.5]},
    "report": {"resamples": 100, "permutations": 100},
}


EVERYTHING = {  # each loss, selector and way to choose once
    "copy": {},
    **{loss: {"loss": loss} for loss in ("likelihood", "masked", "sequence", "dpo", "slic")},
    **{name: {"selector": name} for name in ("quals", "qags", "factcc", "length", "random")},
    "apart": {"selector": "oracle", "positive_share": 0.5, "intersect": False},
    "generated": {"positives": "generated", "samples": 1},
    "two rounds": {"rounds": 2, "steps": 0.5, "selector": "rouge"},
    "mle": {"rounds": 0},
}
ABLATIONS = {
    "metric": {
        "documents": 12,
        "groups": [2, 6],
        "pairs": [1],
        "official_groups": 6,
        "resamples": 100,
    },
    "contrast_pairs": {"documents": 6, "drafts": 3, "tries": 20, "resamples": 100},
    "evaluation": {"documents": 8},
    "ablations": {"everything": {"recipes": ["conseq"], "documents": 16, "settings": EVERYTHING}},
}


@pytest.fixture(scope="module")
def toy_settings() -> dict[str, dict]:
    """The testbed's settings at toy size, and the toy grid, by file name."""
    yaml = YAML(typ="safe", pure=True)
    scale = yaml.load((ROOT / "scales/testbed.yaml").read_text())
    for section, values in TOY.items():
        scale[section] |= values
    scale["train_qagen"]["network"] |= {"d_model": 16, "d_kv": 4, "d_ff": 16, "layers": 1}
    for name in ("xsum", "cnndm"):
        scale["summaries"][name]["longest"] = 12
    # An untrained QAGen leaves everything unscored, and nothing could be selected by it.
    for method in scale["methods"].values():
        method["positive_share"] = None
        method["selector"] = method["selector"].replace("quals", "copy")
    ablations = yaml.load((ROOT / "ablations/testbed.yaml").read_text())
    for section, values in ABLATIONS.items():
        ablations[section] |= values
    ablations["recipes"]["conseq"] |= {"selector": "copy", "positive_share": None, "pairs": 4}
    return {
        "scales/testbed.yaml": scale,
        "ablations/testbed.yaml": ablations,
        "params.yaml": GRID,
    }


def run_pipeline(folder, settings: dict[str, dict], monkeypatch) -> None:
    """All stages in the order of dvc.yaml, each in this process."""
    for name, content in settings.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        with open(folder / name, "w") as file:
            YAML(typ="safe", pure=True).dump(content, file)
    monkeypatch.chdir(folder)
    for name in ("src", "requirements.lock", "docs", "benchmarks"):
        (folder / name).symlink_to(ROOT / name)
    for cell in stages(GRID):
        monkeypatch.setattr(sys, "argv", cell.cmd[2:])
        runpy.run_module(cell.cmd[2], run_name="__main__", alter_sys=False)
        for out in cell.outs:
            assert (folder / out).exists(), f"{cell.name} did not write {out}"


def test_pipeline_runs_end_to_end_and_reruns_to_the_same_bytes_on_fewer_cores(
    tmp_path_factory, toy_settings, monkeypatch
):
    first, second = (tmp_path_factory.mktemp(name) for name in ("first", "second"))
    for folder, cores in ((first, 2), (second, 1)):
        monkeypatch.setattr(parallel, "default_workers", lambda cores=cores: cores)
        run_pipeline(folder, toy_settings, monkeypatch)
    made = sorted(
        path.relative_to(first)
        for made in ("data", "models", "results")
        for path in (first / made).rglob("*")
        if path.is_file()
    )
    timed = {
        "report.html",
        "speed.json",
        "speed.png",
        "cost.png",
        "claims.json",
        "report.md",
    }  # they hold measured seconds
    for path in made:
        if path.name not in timed:
            assert (first / path).read_bytes() == (second / path).read_bytes(), path
    results = first / "results/testbed"
    main = json.loads((results / "main.json").read_text())
    for dataset in GRID["datasets"]:
        for method in GRID["methods"]:
            measured = {
                row["metric"]
                for row in main
                if (row["dataset"], row["method"]) == (dataset, method)
            }
            assert measured >= {"rouge1", "rouge2", "rougeL", "qags", "quals", "factcc", "truth"}
            assert measured >= {"unparsed", "copy1", "copy2", "copy3", "novel2", "length"}
    ablations = json.loads((results / "ablations.json").read_text())
    assert {row["setting"] for row in ablations} >= {*EVERYTHING, "question", "penalised"}
    assert {row["ablation"] for row in ablations} >= {"everything", "groups", "pairs"}
    assert {row["metric"] for row in ablations} >= {"truth", "rougeL", "copy2", "auc", "pearson"}
    pairs = json.loads((results / "contrast_pairs.json").read_text())["rows"]
    assert {row["metric"] for row in pairs} >= {"quals", "qags", "factcc", "rouge1", "likelihood"}
    assert {row["dataset"] for row in pairs} == {row["dataset"] for row in ablations}
