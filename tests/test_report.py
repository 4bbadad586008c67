"""The report end to end on a toy grid: every file made, the same bytes twice, problems named."""

import json
import re
import shutil
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from quals.analysis import agreement, aims, checked, claims, readme
from quals.analysis.statistics import Interval, draw
from quals.analysis.tables import Scores
from quals.jsonl import DataError, read_json, rounded, write_json, write_jsonl, write_text
from quals.params import ParamsError
from quals.stages import report

DATASETS, METHODS, SEEDS, DOCUMENTS = ["xsum", "cnndm"], ["mle", "rouge", "conseq"], [0, 1], 12
KINDS = ("extrinsic", "entity", "role", "number", "date", "negation", "unparsed")
SKILL = {
    "mle": 0.0,
    "rouge": -0.05,
    "conseq": 0.15,
    "likelihood": 0.3,
    "masked": 0.3,
    "oracle": 0.4,
}
OUTPUTS = (
    *(
        "main",
        "means",
        "differences",
        "errors",
        "agreement",
        "agreement_errors",
        "agreement_details",
    ),
    "agreement_dependence",
    *("claims", "copying", "distributions", "examples"),
)
FIGURES = (
    *("results", "distributions", "copying", "quals_by_truth", "speed", "cost", "training"),
    "tokens",
)
SYSTEMS = [
    *({"system": name, "family": "method", "setting": None} for name in METHODS),
    {"system": "beams-1", "family": "beams", "setting": 1.0},
    {"system": "beams-8", "family": "beams", "setting": 8.0},
    {"system": "temperature-1", "family": "temperature", "setting": 1.0},
]
TOKENS = {
    "question": "Who beat Ivan?",
    "answer": "Ada",
    "answer_at": 4,
    "tokens": ["Who", "beat", "Ivan?", "<sep>", "Ada", "</s>"],
    "summary_logprobs": [-0.1, -0.2, -0.1, -0.1, -0.3, -0.1],
    "document_logprobs": [-0.1, -0.2, -0.1, -0.1, -3.3, -0.1],
}
EXAMPLES = [
    {
        "dataset": dataset,
        "id": f"{dataset}-train-{i}",
        "document": "<script>alert('document')</script> Ada beat *Ivan* & won | all.",
        "positive": "Ada beat Ivan.",
        "negative": "Ivan beat <b>Ada</b> for $5 [really](http://x.y).",
        "positive_score": -0.1,
        "negative_score": -0.9,
        "positive_tokens": TOKENS,
        "negative_tokens": TOKENS if i else None,
    }
    for dataset in DATASETS
    for i in range(2)
]
SETTINGS = """
left_out: {{reason: null, selectors: [], methods: [], benchmarks: [], ablations: none}}
report:
  resamples: {resamples}
  permutations: 500
  seed: 0
  level: 0.95
  equivalence_margin_rouge: 0.01
"""


def summary_row(random: np.random.Generator, document: str, skill: float, oracle: bool) -> dict:
    """One test summary whose metrics follow its truth with noise."""
    true = bool(random.random() < 0.55 + skill)
    quals = random.normal(-0.1 if true else -0.8, 0.3)
    metrics = {
        **{name: random.beta(5, 5) for name in ("rouge1", "rouge2", "rougeL")},
        "qags": random.beta(6 if true else 3, 3),
        "factcc": float(random.random() < (0.8 if true else 0.4)),
        "quals": None if random.random() < 0.05 else quals,
        **{name: random.beta(6, 3 + skill) for name in ("copy1", "copy2", "copy3")},
        "novel2": random.beta(3, 6),
        "length": float(random.integers(12, 24)),
    }
    if not oracle:
        return {"id": document, "metrics": rounded(metrics)}
    error = None if true else str(random.choice(KINDS))
    metrics |= {"truth": float(true), "unparsed": float(error == "unparsed")}
    return {"id": document, "metrics": rounded(metrics), "error": error}


def write_toy(
    folder: Path,
    *,
    methods: list[str] = METHODS,
    seeds: list[int] = SEEDS,
    documents: int = DOCUMENTS,
    resamples: int = 200,
    oracle: bool = True,
) -> Namespace:
    """Files of a whole small grid; returns the stage's arguments."""
    random = np.random.default_rng(0)
    results, data = folder / "results/testbed", folder / "data/testbed"
    for dataset in DATASETS:
        items = []
        for method in methods:
            for seed in seeds:
                rows = [
                    summary_row(random, f"{dataset}-{i:04d}", SKILL.get(method, 0), oracle)
                    for i in range(documents)
                ]
                write_run(folder, dataset, method, seed, rows)
                items += [item(row, method, seed) for row in rows if oracle and seed == 0]
        for source, skill in (("reference", 0.3), ("swapped", -1)):
            for i in range(documents):
                row = summary_row(random, f"{dataset}-{i:04d}", skill, oracle=True)
                items.append(item(row, source, 0))
        write_jsonl(data / f"agreement/{dataset}.jsonl", items)
        tables = {
            "rows": agreement.agreement_rows(dataset, items, resamples=resamples),
            "by_error": agreement.agreement_by_error(dataset, items, resamples=resamples),
        }
        write_json(results / f"agreement/{dataset}.json", tables)
    protocol = {"summaries": 50, "repeats": 5, "ratio_low": 6.0, "ratio_high": 7.5}
    protocols = [
        {"name": "paper", "quals_seconds": 0.02, "qags_seconds": 0.13, "ratio": 6.5, **protocol},
        {"name": "engine", "quals_seconds": 0.004, "qags_seconds": 0.026, "ratio": 6.5, **protocol},
    ]
    for row in protocols:
        row["quals_parts"] = {"generating pairs": 0.003, "scoring documents": 0.001}
        row["qags_parts"] = {"answering questions": 0.02, "generating questions": 0.006}
    curve = [{"groups": g, "seconds_per_summary": 0.001 * g, "auc": 0.8} for g in (5, 10)]
    speed = {"protocols": protocols, "device": "cpu", "groups": curve}
    explained = {"seconds_per_summary": 0.0005, "auc": 0.6}
    write_json(results / "speed.json", {**speed, "explained": explained})
    retrained = [method for method in METHODS if method != "mle"]
    gate = {"metrics": {"valid": 0.93, "train_loss": 0.4123}, "curve": [2.5, 1.2, 0.7]}
    for name in report.METRIC_MODELS:
        write_json(results / f"training/{name}.json", gate)
    for dataset in DATASETS:
        for seed in seeds:
            write_json(results / f"training/{dataset}-mle-{seed}.json", gate)
        for method in retrained:
            runs = {"seeds": {str(seed): gate for seed in seeds}}
            write_json(results / f"training/{dataset}-{method}.json", runs)
    lists = {"datasets": DATASETS, "methods": methods, "seeds": seeds, "benchmarks": DATASETS}
    lists |= {"contrastive": retrained, "judgments_claims": []}
    write_text(folder / "params.yaml", "".join(f"{k}: {json.dumps(v)}\n" for k, v in lists.items()))
    write_text(folder / "scales/testbed.yaml", SETTINGS.format(resamples=resamples))
    return Namespace(
        params=folder / "scales/testbed.yaml",
        grid=folder / "params.yaml",
        scale="testbed",
        results=results,
        scores=data / "scores",
        agreement_items=data / "agreement",
        **write_evidence(folder, methods, seeds, documents, oracle),
    )


def write_evidence(
    folder: Path, methods: list[str], seeds: list[int], documents: int, oracle: bool
) -> dict[str, Path]:
    """What the stages `copying` and `examples` leave, the costs and the deviations."""
    random = np.random.default_rng(1)
    data = folder / "data/testbed"
    systems = [s for s in SYSTEMS if s["family"] != "method" or s["system"] in methods]
    for dataset in DATASETS:
        for system in systems:
            for seed in seeds:
                rows = [
                    {
                        "id": f"{dataset}-{i:04d}",
                        "metrics": rounded(
                            {
                                "consistent": float(random.random() < 0.6),
                                "density": random.gamma(2, 2),
                                "coverage": random.beta(8, 2),
                                "novel2": random.beta(3, 6),
                            }
                        ),
                    }
                    for i in range(documents)
                ]
                write_jsonl(data / f"copying/{dataset}/{system['system']}/{seed}.jsonl", rows)
    judge = "truth" if oracle else "quals"
    listed = {"judges": dict.fromkeys(DATASETS, judge), "systems": systems}
    write_json(data / "copying/systems.json", listed)
    write_json(
        data / "examples.json", {"generated": oracle, "selector": "quals", "pairs": EXAMPLES}
    )
    cost = {"stage": "train_mle", "runs": 3, "seconds": 90.5, "peak_mib": 800, "joules": None}
    write_json(folder / "benchmarks/costs.json", {"testbed": [{**cost, "device": "a machine"}]})
    write_ablations(folder / "results/testbed")
    write_text(
        folder / "docs/deviations.md", "# Deviations\n\n| here | there |\n|---|---|\n| a | b |\n"
    )
    return {
        "copying": data / "copying",
        "examples": data / "examples.json",
        "ablations": folder / "results/testbed/ablations.json",
        "contrast": folder / "results/testbed/contrast_pairs.json",
        "costs": folder / "benchmarks/costs.json",
        "deviations": folder / "docs/deviations.md",
    }


def write_ablations(results: Path) -> None:
    """What the stages `ablations` and `contrast_pairs` leave."""
    measures = {
        "groups": {"5": {"auc": 0.8, "auc_change": -0.1, "auc_swaps": 0.7}, "10": {"auc": 0.9}},
        "losses": {
            "token": {"truth": 0.6, "unparsed": 0.01},
            "DPO": {"truth": 0.7, "truth_change": 0.1, "rougeL_change": -0.02, "length": 14.0},
        },
    }
    rows = [
        {"ablation": ablation, "setting": setting, "dataset": dataset, "metric": metric}
        | {"mean": value, "low": value - 0.05, "high": value + 0.05, "seeds": 3}
        for ablation, settings in measures.items()
        for dataset in DATASETS
        for setting, values in settings.items()
        for metric, value in values.items()
    ]
    write_json(results / "ablations.json", rows)
    found = {"right": 0.9, "low": 0.8, "high": 1.0, "n": 20, "ties": 0, "undefined": 0}
    found |= {"paraphrase_right": 0.8, "paraphrase_low": 0.7, "paraphrase_high": 0.9}
    pairs = [
        {"dataset": dataset, "edit": "entity", "metric": metric, **found}
        for dataset in DATASETS
        for metric in ("quals", "qags")
    ]
    write_json(results / "contrast_pairs.json", {"rows": pairs, "split": "test"})


def write_run(folder: Path, dataset: str, method: str, seed: int, rows: list[dict]) -> None:
    """A score file and the run file of its means."""
    name = f"{dataset}/{method}/{seed}"
    values = {
        metric: [row["metrics"][metric] for row in rows if row["metrics"][metric] is not None]
        for metric in rows[0]["metrics"]
    }
    run = {
        "dataset": dataset,
        "method": method,
        "seed": seed,
        "n": len(rows),
        "metrics": {metric: float(np.mean(found)) for metric, found in values.items()},
        "undefined": {metric: len(rows) - len(found) for metric, found in values.items()},
        "signature": {"device": "cpu", "seed": seed},
    }
    write_jsonl(folder / f"data/testbed/scores/{name}.jsonl", rows)
    write_json(folder / f"data/testbed/scores/{name}.json", run)


def item(row: dict, source: str, seed: int) -> dict:
    """An agreement item of a scored summary."""
    scores = {k: v for k, v in row["metrics"].items() if k not in ("truth", "unparsed", "novel2")}
    return {
        "id": f"{row['id']}-{source}-{seed}",
        "document_id": row["id"],
        "truth": row["metrics"]["truth"],
        "error": row["error"],
        "source": source,
        "scores": {**scores, "likelihood": -0.1 * scores["length"]},
    }


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A toy grid after the report stage."""
    folder = tmp_path_factory.mktemp("finished")
    report.main(write_toy(folder))
    return folder


def files(folder: Path) -> dict[str, bytes]:
    """Name and bytes of every file the report writes."""
    names = [f"{name}.json" for name in OUTPUTS] + [f"{name}.png" for name in FIGURES]
    return {
        name: (folder / "results/testbed" / name).read_bytes()
        for name in (*names, "report.md", "report.html")
    }


def rows_of(folder: Path, name: str) -> list[dict]:
    return read_json(folder / f"results/testbed/{name}.json")


def test_two_runs_write_the_same_bytes(finished: Path, tmp_path: Path) -> None:
    report.main(write_toy(tmp_path))
    assert files(tmp_path) == files(finished)


@pytest.mark.parametrize(
    ("name", "keys"),
    [
        ("main", "dataset method metric mean low high bootstrap_low bootstrap_high seeds n"),
        (
            "differences",
            "dataset metric method baseline difference low high bootstrap_low bootstrap_high p "
            "p_holm",
        ),
        (
            "agreement",
            "benchmark metric n pearson spearman kendall auc pearson_low pearson_high auc_low "
            "auc_high undefined",
        ),
        ("claims", "claim published measured low high verdict why"),
    ],
)
def test_result_files_have_the_promised_keys(finished: Path, name: str, keys: str) -> None:
    rows = rows_of(finished, name)
    assert rows
    assert all(set(row) == set(keys.split()) for row in rows)


def test_main_means_are_the_means_of_the_run_files(finished: Path) -> None:
    for row in rows_of(finished, "main"):
        runs = [
            rows_of(finished, f"runs/{row['dataset']}-{row['method']}-{seed}") for seed in SEEDS
        ]
        if not any(run["undefined"][row["metric"]] for run in runs):
            expected = np.mean([run["metrics"][row["metric"]] for run in runs])
            assert row["mean"] == pytest.approx(expected, abs=2e-6)
        assert row["low"] <= row["mean"] <= row["high"]


def test_means_are_those_of_the_table_in_a_form_that_dvc_compares(finished: Path) -> None:
    main = {(r["dataset"], r["method"], r["metric"]): r["mean"] for r in rows_of(finished, "main")}
    means = rows_of(finished, "means")
    flat = {
        (dataset, method, metric): mean
        for dataset, methods in means.items()
        for method, metrics in methods.items()
        for metric, mean in metrics.items()
    }
    assert len(flat) == len(DATASETS) * len(METHODS) * len(report.HEADLINE)
    assert flat.items() <= main.items()


def test_report_shows_each_table_and_figure(finished: Path) -> None:
    text = (finished / "results/testbed/report.md").read_text()
    for name in FIGURES:
        assert f"]({name}.png)" in text
    for row in rows_of(finished, "claims"):
        assert row["why"] in text
    for heading in (
        "Training and quality gates",
        "Which errors remain",
        "Agreement with the truth",
        "Speed",
    ):
        assert f"## {heading}" in text
    assert "nan" not in text.lower().split()


def test_sections_come_in_the_order_of_doubt(finished: Path) -> None:
    """Claims, results, speed, agreement, ablations, figures, costs, deviations, signature."""
    text = (finished / "results/testbed/report.md").read_text()
    assert re.findall("^## (.*)$", text, re.M) == [
        "What was claimed, and what we find",
        "Results per method",
        "Differences between methods",
        "Which errors remain",
        "Speed",
        "Agreement with the truth",
        "Our own aims",
        "Ablations",
        "Contrast pairs",
        "Faithfulness against copying",
        "What ConSeq learns from",
        "Training and quality gates",
        "What each stage costs",
        "Where this deviates from the paper",
        "How it was run",
    ]


def test_each_setting_has_one_line_for_all_data_sets(finished: Path) -> None:
    text = (finished / "results/testbed/report.md").read_text().split("## Ablations")[1]
    lines = text.split("## Contrast")[0].splitlines()
    assert "| Groups: 5 |" + " 0.800 | -0.100 [-0.150, -0.050] | 0.700 |" * 2 in lines
    assert "| Groups: 10 |" + " 0.900 | - | - |" * 2 in lines
    assert "| Losses: token |" + " 0.600 | - | - | 0.010 |" * 2 in lines
    change = " 0.700 | +0.100 [+0.050, +0.150] | -0.020 [-0.070, +0.030] | - |"
    assert "| Losses: DPO |" + change * 2 in lines


def test_costs_that_nobody_measured_say_how_to_measure_them(tmp_path: Path) -> None:
    arguments = write_toy(tmp_path, methods=["mle"], seeds=[0])
    write_json(arguments.costs, {})
    report.main(arguments)
    text = (tmp_path / "results/testbed/report.md").read_text()
    assert "`make costs`" in text.split("## What each stage costs")[1].split("##")[0]


def test_only_missed_aims_stand_outside_the_fold(finished: Path) -> None:
    text = (finished / "results/testbed/report.md").read_text()
    aims = text.split("## Our own aims")[1].split("<details>")[0]
    for row in rows_of(finished, "claims"):
        if row["claim"].startswith("Ours:"):
            missed = row["verdict"] == claims.NOT_REPRODUCED
            assert (row["why"] in aims) == missed


def test_both_intervals_stand_in_the_report(tmp_path: Path) -> None:
    report.main(write_toy(tmp_path, seeds=[0, 1, 2]))
    text = (tmp_path / "results/testbed/report.md").read_text()
    ends = ("low", "high"), ("bootstrap_low", "bootstrap_high")
    for row in rows_of(tmp_path, "differences"):
        own, resampled = (f"[{row[low]:+.3f}, {row[high]:+.3f}]" for low, high in ends)
        assert f" {own} | {resampled} |" in text
    shown, folded = text.split("The same means with bootstrap intervals")[:2]
    for row in rows_of(tmp_path, "main"):
        if row["dataset"] == "xsum" and row["metric"] == "rouge1":
            own, resampled = (f"[{row[low]:.3f}, {row[high]:.3f}]" for low, high in ends)
            assert f"{row['mean']:.3f} {own}" in shown
            assert f"{row['mean']:.3f} {resampled}" in folded


def test_few_seeds_show_single_values(finished: Path) -> None:
    text = (finished / "results/testbed/report.md").read_text()
    values = [rows_of(finished, f"runs/xsum-mle-{seed}")["metrics"]["rouge1"] for seed in SEEDS]
    assert " / ".join(f"{value:.3f}" for value in values) in text


def test_report_copes_without_an_oracle(tmp_path: Path) -> None:
    report.main(write_toy(tmp_path, oracle=False))
    text = (tmp_path / "results/testbed/report.md").read_text()
    assert "Which errors remain" not in text
    assert rows_of(tmp_path, "errors") == []
    verdicts = {row["claim"]: row["verdict"] for row in rows_of(tmp_path, "claims")}
    assert verdicts["People find ConSeq's summaries more factual than MLE's (xsum)"] == (
        claims.UNTESTABLE
    )


def test_what_the_scale_leaves_out_has_no_row_and_is_named_with_the_reason(tmp_path: Path) -> None:
    arguments = write_toy(tmp_path, oracle=False)
    section = (
        "left_out: {reason: null, selectors: [], methods: [], benchmarks: [], ablations: none}"
    )
    asked = section.replace("null", "it takes long").replace("methods: []", "methods: [rouge]")
    asked = asked.replace("benchmarks: []", "benchmarks: [xsum, cnndm]")
    settings = arguments.params.read_text()
    assert section in settings
    write_text(arguments.params, settings.replace(section, asked) + "methods: {rouge: null}\n")
    systems = arguments.copying / "systems.json"  # as the stage `copying` lists them
    listed = read_json(systems)
    listed["systems"] = [row for row in listed["systems"] if row["system"] != "rouge"]
    write_json(systems, listed)
    for gone in (*arguments.scores.glob("*/rouge"), *arguments.agreement_items.iterdir()):
        shutil.rmtree(gone) if gone.is_dir() else gone.unlink()
    report.main(arguments)
    for name in ("main", "copying", "distributions"):
        rows = rows_of(tmp_path, name)
        assert rows
        assert "rouge" not in {row.get("method", row.get("system")) for row in rows}
    assert rows_of(tmp_path, "agreement") == []
    text = (tmp_path / "results/testbed/report.md").read_text()
    assert not [line for line in text.splitlines() if line.startswith("| ROUGE-contrastive")]
    assert "Left out at this scale: methods rouge; benchmarks xsum, cnndm." in text
    assert "The reason: it takes long." in text


def test_of_texts_that_are_not_ours_only_generated_summaries_are_shown(tmp_path: Path) -> None:
    arguments = write_toy(tmp_path, oracle=False)
    pair = {"question": "Who | won?", "answer": "<b>Ada</b>", "score": -1.25, "verdict": "differs"}
    row = {"dataset": "xsum", "method": "conseq", "id": "xsum-7", "summary": "Ada *won* [...]"}
    row |= {"quals": -1.25, "meaning": "It means that.", "pairs": [{**pair, "drop": "It drops."}]}
    silent = {**row, "id": "xsum-8", "quals": None, "pairs": []}
    content = read_json(arguments.examples)
    write_json(arguments.examples, {**content, "summaries": [row, silent]})
    report.main(arguments)
    shown = read_json(tmp_path / "results/testbed/examples.json")
    assert (shown["pairs"], shown["hidden"]) == ([], len(EXAMPLES))
    assert shown["summaries"] == [row, silent]
    page = (tmp_path / "results/testbed/report.html").read_text()
    for told in (
        "Ada *won* [...]",
        "Who | won?",
        "&lt;b&gt;Ada&lt;/b&gt;",
        "It means that.",
        "xsum-8",
    ):
        assert told in page
    text = (tmp_path / "results/testbed/report.md").read_text()
    assert "(-1.250, differs). It drops." in text
    assert "QUALS -. It means that." in text
    assert "alert" not in text


def test_one_seed_shows_bootstrap_intervals_over_documents(tmp_path: Path) -> None:
    report.main(write_toy(tmp_path, seeds=[0]))
    text = (tmp_path / "results/testbed/report.md").read_text()
    rows = [r for r in rows_of(tmp_path, "main") if r["metric"] == "rouge1"]
    assert len(rows) == len(DATASETS) * len(METHODS)
    for row in rows:
        assert (
            f"{row['mean']:.3f} [{row['bootstrap_low']:.3f}, {row['bootstrap_high']:.3f}]" in text
        )
    assert text.count("speaks of these models and of no other seed") == len(DATASETS)
    assert "too few seeds" not in text


def test_report_copes_with_one_seed_and_one_method(tmp_path: Path) -> None:
    report.main(write_toy(tmp_path, methods=["mle"], seeds=[4]))
    assert rows_of(tmp_path, "differences") == []
    assert (tmp_path / "results/testbed/report.md").exists()


@pytest.mark.parametrize(
    "gone",
    [
        "data/testbed/scores/cnndm/conseq/1.jsonl",
        "data/testbed/scores/xsum/mle/0.json",
        "results/testbed/agreement/xsum.json",
        "data/testbed/agreement/cnndm.jsonl",
        "results/testbed/speed.json",
        "results/testbed/training/qagen.json",
        "results/testbed/training/cnndm-rouge.json",
        "data/testbed/copying/systems.json",
        "data/testbed/copying/xsum/beams-8/1.jsonl",
        "data/testbed/examples.json",
        "results/testbed/ablations.json",
        "results/testbed/contrast_pairs.json",
        "docs/deviations.md",
    ],
)
def test_missing_file_is_named(tmp_path: Path, gone: str) -> None:
    arguments = write_toy(tmp_path)
    (tmp_path / gone).unlink()
    with pytest.raises(DataError, match=re.escape(gone)):
        report.main(arguments)


def test_without_a_truth_there_are_no_ablations_and_no_contrast_pairs(tmp_path: Path) -> None:
    arguments = write_toy(tmp_path)
    report.main(arguments)
    before = (tmp_path / "results/testbed/report.md").read_text()
    write_json(arguments.ablations, [])
    write_json(arguments.contrast, {"rows": []})
    report.main(arguments)
    after = (tmp_path / "results/testbed/report.md").read_text()
    for heading in ("## Ablations", "## Contrast pairs"):
        assert heading in before
        assert heading not in after


def test_checked_claims_have_a_section_where_the_grid_names_them(tmp_path: Path) -> None:
    arguments = write_toy(tmp_path)
    report.main(arguments)
    heading = "## Claims that people checked"
    assert heading not in (tmp_path / "results/testbed/report.md").read_text()
    grid = arguments.grid.read_text()
    write_text(arguments.grid, grid.replace("claims: []", 'claims: ["factcc"]'))
    with pytest.raises(DataError, match=r"agreement/factcc_claims\.json"):
        report.main(arguments)
    items = [
        {"id": str(n), "document_id": str(n // 2), "source": "claim", "truth": n % 2, "error": None}
        | {"scores": {"factcc": n / 9}}
        for n in range(10)
    ]
    found = checked.claim_tables("factcc", items, resamples=20)
    write_json(tmp_path / "results/testbed/agreement/factcc_claims.json", found)
    report.main(arguments)
    assert heading in (tmp_path / "results/testbed/report.md").read_text()
    write_text(arguments.grid, grid.replace("judgments_claims: []", ""))
    with pytest.raises(ParamsError, match="judgments_claims"):
        report.main(arguments)


def test_fewer_groups_show_what_they_lose_only_where_there_is_a_truth(
    finished: Path, tmp_path: Path
) -> None:
    arguments = write_toy(tmp_path)
    path = tmp_path / "results/testbed/speed.json"
    speed = read_json(path)
    groups = [{**row, "auc": None} for row in speed["groups"]]
    write_json(path, {**speed, "groups": groups, "explained": {**speed["explained"], "auc": None}})
    report.main(arguments)
    pages = [folder / "results/testbed/report.md" for folder in (finished, tmp_path)]
    known, unknown = (page.read_text() for page in pages)
    for shown in ("its AUC shows what that loses", "takes 0.0005 s and has an AUC of 0.600."):
        assert shown in known
        assert shown not in unknown
    assert "without questions, takes 0.0005 s." in unknown


def test_files_outside_the_grid_are_not_read(finished: Path, tmp_path: Path) -> None:
    arguments = write_toy(tmp_path)
    write_text(tmp_path / "data/testbed/scores/xsum/old/0.jsonl", "not JSON")
    write_text(tmp_path / "data/testbed/scores/xsum/old/0.json", "not JSON")
    for left in ("training/xsum-conseq-0", "training/xsum-mle-7", "training/old", "agreement/old"):
        write_text(tmp_path / f"results/testbed/{left}.json", "not JSON")
    report.main(arguments)
    assert files(tmp_path) == files(finished)


def change_mean(run: dict) -> None:
    run["metrics"]["rouge1"] += 0.01


def change_size(run: dict) -> None:
    run["n"] += 1


def change_seed(run: dict) -> None:
    run["seed"] = 99


@pytest.mark.parametrize("change", [change_mean, change_size, change_seed])
def test_run_file_that_contradicts_its_scores_is_named(
    tmp_path: Path, change: Callable[[dict], None]
) -> None:
    arguments = write_toy(tmp_path)
    path = tmp_path / "data/testbed/scores/xsum/mle/0.json"
    run = read_json(path)
    change(run)
    write_json(path, run)
    with pytest.raises(DataError, match=r"xsum/mle/0\.json"):
        report.main(arguments)


def test_unknown_setting_is_named(tmp_path: Path) -> None:
    arguments = write_toy(tmp_path)
    settings = tmp_path / "scales/testbed.yaml"
    write_text(settings, settings.read_text() + "  draws: 3\n")
    with pytest.raises(ParamsError, match=r"testbed\.yaml: report\.draws"):
        report.main(arguments)


def protocol(ratio: float, low: float | None, high: float | None) -> dict:
    return {
        "name": "paper",
        "quals_seconds": 1.0,
        "qags_seconds": ratio,
        "ratio": ratio,
        "ratio_low": low,
        "ratio_high": high,
        "summaries": 10,
        "repeats": 3,
        "quals_parts": {"generate": 3.0, "score": 1.0},
    }


@pytest.mark.parametrize(
    ("ratio", "low", "high", "verdict"),
    [
        (55, 50, 60, claims.REPRODUCED),
        (45, 40, 50, claims.REPRODUCED),  # within a factor of 1.25
        (40, 35, 46, claims.INCONCLUSIVE),  # only the interval reaches
        (6.5, 6, 7, claims.NOT_REPRODUCED),  # faster by another factor
        (200, 180, 220, claims.NOT_REPRODUCED),
        (0.5, 0.4, 0.6, claims.NOT_REPRODUCED),
        (55, None, None, claims.INCONCLUSIVE),
    ],
)
def test_speed_verdict_follows_its_rule(
    ratio: float, low: float | None, high: float | None, verdict: str
) -> None:
    (row,) = claims.speed_claims({"protocols": [protocol(ratio, low, high)], "device": "cpu"})
    assert row["verdict"] == verdict
    assert "generate takes 75 % of the time of QUALS" in row["why"]


def difference_rows(low: float, high: float, p: float) -> list[dict]:
    return [
        {
            "dataset": "xsum",
            "metric": metric,
            "method": "conseq",
            "baseline": baseline,
            "difference": (low + high) / 2,
            "low": low,
            "high": high,
            "p": p,
            "p_holm": p,
        }
        for metric in (*claims.FIVE, "truth")
        for baseline in ("mle", "rouge")
    ]


@pytest.mark.parametrize(
    ("low", "high", "p", "count", "verdict"),
    [
        (0.01, 0.03, 0.001, 5, claims.REPRODUCED),
        (0.01, 0.03, 0.2, 0, claims.INCONCLUSIVE),  # Holm's p too large
        (-0.01, 0.03, 0.001, 0, claims.INCONCLUSIVE),  # interval holds zero
        (-0.03, -0.01, 0.001, 0, claims.NOT_REPRODUCED),
    ],
)
def test_five_of_five_needs_settled_gains(
    low: float, high: float, p: float, count: int, verdict: str
) -> None:
    row = claims.five_claim("xsum", difference_rows(low, high, p))
    assert (row["measured"], row["verdict"]) == (count, verdict)


def test_one_loss_among_five_is_not_reproduced() -> None:
    rows = difference_rows(0.01, 0.03, 0.001)
    rows[0] |= {"low": -0.03, "high": -0.01}
    row = claims.five_claim("xsum", rows)
    assert (row["measured"], row["verdict"]) == (4, claims.NOT_REPRODUCED)


def source_row(auc: float | None, low: float | None, high: float | None) -> dict:
    return {
        "benchmark": "xsum",
        "population": "system outputs",
        "n": 20,
        "consistent": 12,
        "auc": auc,
        "auc_low": low,
        "auc_high": high,
    }


@pytest.mark.parametrize(
    ("auc", "low", "high", "verdict"),
    [
        (0.9, 0.86, 0.94, claims.REPRODUCED),
        (0.9, 0.84, 0.94, claims.INCONCLUSIVE),
        (0.8, 0.76, 0.84, claims.NOT_REPRODUCED),
        (None, None, None, claims.UNTESTABLE),
    ],
)
def test_separation_aim_follows_its_rule(
    auc: float | None, low: float | None, high: float | None, verdict: str
) -> None:
    row = aims.separation_aim(source_row(auc, low, high))
    assert (row["verdict"], row["published"]) == (verdict, None)


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (-0.009, 0.02, claims.REPRODUCED),
        (-0.011, 0.02, claims.INCONCLUSIVE),
        (-0.05, -0.011, claims.NOT_REPRODUCED),
    ],
)
def test_rouge_aim_needs_the_whole_interval_above_the_margin(
    low: float, high: float, verdict: str
) -> None:
    assert (
        aims.rouge_aim("xsum", difference_rows(low, high, 1.0), margin=0.01)["verdict"] == verdict
    )


def gain_scores(conseq: float, spread: float) -> Scores:
    random = np.random.default_rng(0)
    values = np.array([0.5, 0.4, conseq])[:, None, None] + random.normal(0, spread, (3, 1, 50))
    ids = tuple(map(str, range(50)))
    return Scores("xsum", ("mle", "rouge", "conseq"), (0,), ids, {"qags": values}, None)


@pytest.mark.parametrize(
    ("conseq", "spread", "verdict"),
    [
        (0.53, 0.01, claims.REPRODUCED),  # +6 %, the best previous model being MLE
        (0.505, 0.005, claims.NOT_REPRODUCED),  # +1 %
        (0.8, 0.01, claims.NOT_REPRODUCED),  # +60 %
        (0.52, 0.5, claims.INCONCLUSIVE),
    ],
)
def test_gain_is_relative_to_the_best_previous_model(
    conseq: float, spread: float, verdict: str
) -> None:
    scores = gain_scores(conseq, spread)
    draws = draw(1, 50, resamples=500, seed=0)
    row = claims.gain_claim(scores, draws, level=0.95)
    means = {name: scores.of("qags", name).mean() for name in scores.methods}
    expected = 100 * (means["conseq"] / max(means["mle"], means["rouge"]) - 1)
    assert row["measured"] == pytest.approx(expected)
    assert row["verdict"] == verdict


def test_undefined_interval_is_written_as_text() -> None:
    assert claims.span(Interval(None, None, None)) == "undefined"
    assert claims.span(Interval(0.5, None, None)) == "0.500 without an interval"


def test_readme_block_is_stable_and_sits_between_its_markers(
    finished: Path, tmp_path: Path
) -> None:
    results, path = finished / "results/testbed", tmp_path / "README.md"
    write_text(path, f"# Title\n\n{readme.START}\nstale words\n{readme.END}\n\nafter\n")
    readme.update(path, readme.render_block(results))
    once = path.read_text()
    readme.update(path, readme.render_block(results))
    assert path.read_text() == once
    assert (
        once
        == f"# Title\n\n{readme.START}\n\n{readme.render_block(results)}\n\n{readme.END}\n\nafter\n"
    )
    assert "stale words" not in once
    assert str(finished) not in once


@pytest.mark.parametrize("text", ["no markers", f"{readme.END} {readme.START}", readme.START])
def test_readme_without_its_markers_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="results:start"):
        readme.filled(text, "block")
