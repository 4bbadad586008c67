"""Stage `report`: score files in; tables, figures, verdicts, `report.md` and `report.html` out."""

import argparse
from collections import Counter
from pathlib import Path
from typing import Annotated

import pandas as pd
from pydantic import Field

from quals.analysis import plots, plots_evidence
from quals.analysis.evidence import first_pairs, gather, public
from quals.analysis.findings import Findings, find
from quals.analysis.formatting import is_aim
from quals.analysis.html import read_pictures, render_page
from quals.analysis.report import render
from quals.analysis.tables import Scores, check_run, stack
from quals.command import run, stage_parser
from quals.grid import Grid, read_grid
from quals.jsonl import DataError, Row, read_json, read_jsonl, write_json, write_text, write_whole
from quals.left_out import LeftOut, read_left_out
from quals.params import Section, load_section, load_yaml, validated

SCORE_FIELDS = {"id": str, "metrics": dict}
METRIC_MODELS = ("qagen", "qg", "reader", "factcc")
ITEM_FIELDS = {"id": str, "document_id": str, "source": str, "scores": dict}
SYSTEMS = "systems.json"
HEADLINE = ("truth", "unparsed", "qags", "factcc", "quals", "rougeL", "copy2")


class ReportSettings(Section):
    """Section `report` of a scale's file."""

    resamples: Annotated[int, Field(ge=100)]
    permutations: Annotated[int, Field(ge=100)]
    seed: Annotated[int, Field(ge=0)]
    level: Annotated[float, Field(gt=0, lt=1)]
    equivalence_margin_rouge: Annotated[float, Field(gt=0, lt=1)]


class ClaimSets(Section):
    """The list of the grid that says which claims FactCC has judged; at most scales none."""

    judgments_claims: list[str]


def read_scores(scores: Path, grid: Grid) -> tuple[list[Scores], list[Row]]:
    """Exactly the grid's runs, each run file checked against its score file; never a glob."""
    datasets, runs = [], []
    for dataset in grid.datasets:
        names = {
            (method, seed): f"{dataset}/{method}/{seed}"
            for method in grid.methods
            for seed in grid.seeds
        }
        rows = {
            key: read_jsonl(_existing(scores / f"{name}.jsonl"), SCORE_FIELDS)
            for key, name in names.items()
        }
        datasets.append(stack(dataset, rows, methods=grid.methods, seeds=grid.seeds))
        for name in names.values():
            path = _existing(scores / f"{name}.json")
            run = read_json(path)
            check_run(run, datasets[-1], str(path))
            runs.append(run)
    return datasets, runs


def read_gates(results: Path, grid: Grid) -> dict[str, Row]:
    """What the training stages measured, by model: the four of the metrics, then summarizers.

    A retrained method has one file for all its seeds, every other model one of its own.
    """
    training = results / "training"
    gates = {name: read_json(_existing(training / f"{name}.json")) for name in METRIC_MODELS}
    for dataset in grid.datasets:
        for method in grid.methods:
            name = f"{dataset}-{method}"
            if method in grid.contrastive:
                found = read_json(_existing(training / f"{name}.json"))["seeds"]
                runs = {seed: found[str(seed)] for seed in grid.seeds}
            else:
                runs = {s: read_json(_existing(training / f"{name}-{s}.json")) for s in grid.seeds}
            gates |= {f"{name}-{seed}": run for seed, run in runs.items()}
    return gates


def read_copying(folder: Path, grid: Grid) -> tuple[Row, list[Scores]]:
    """What the stage `copying` lists, and the rows of exactly these systems, by data set."""
    listed = read_json(_existing(folder / SYSTEMS))
    names = [str(row["system"]) for row in listed["systems"]]
    found = []
    for dataset in grid.datasets:
        rows = {
            (name, seed): read_jsonl(
                _existing(folder / dataset / name / f"{seed}.jsonl"), SCORE_FIELDS
            )
            for name in names
            for seed in grid.seeds
        }
        found.append(stack(dataset, rows, methods=names, seeds=grid.seeds))
    return listed, found


def read_claims(grid: Path, folder: Path) -> list[Row]:
    """What the stage `judge_claims` found, for exactly the sets in the grid."""
    listed = {key: value for key, value in load_yaml(grid).items() if key in ClaimSets.model_fields}
    names = validated(listed, ClaimSets, path=grid).judgments_claims
    return [read_json(_existing(folder / f"{name}_claims.json")) for name in names]


def _existing(path: Path) -> Path:
    """The path, if the file is there."""
    if not path.is_file():
        raise DataError(f"{path}: the grid in params.yaml needs this file, and it is not there")
    return path


def read_section(path: Path) -> str:
    """A Markdown file without its title, which is its first line."""
    return _existing(path).read_text(encoding="utf-8").partition("\n")[2].strip()


def left_out_first(left_out: LeftOut, deviations: str) -> str:
    """The deviations, after what the scale leaves out of the grid where there is such a thing."""
    if left_out.reason is None:
        return deviations
    listed = "; ".join(left_out.described())
    return f"Left out at this scale: {listed}. The reason: {left_out.reason}.\n\n{deviations}"


def headline(main: list[Row]) -> Row:
    """Means by data set, method and metric: `dvc exp show` reads no lists."""
    means: Row = {}
    for row in main:
        if row["metric"] in HEADLINE and row["mean"] is not None:
            methods = means.setdefault(row["dataset"], {})
            methods.setdefault(row["method"], {})[row["metric"]] = row["mean"]
    return means


def write(found: Findings, runs: list[Row], results: Path) -> None:
    """All files of the report."""
    evidence = found.evidence
    for record in runs:
        name = f"{record['dataset']}-{record['method']}-{record['seed']}"
        write_json(results / "runs" / f"{name}.json", record)
    tables = {
        "main": found.main,
        "means": headline(found.main),
        "differences": found.differences,
        "errors": found.errors,
        "agreement": found.agreement,
        "agreement_errors": found.agreement_errors,
        "agreement_details": {
            "by_source": found.by_source,
            "histograms": found.histograms,
            "typical": found.typical,
        },
        "agreement_dependence": found.dependence,
        "claims": found.claims,
        "copying": evidence.copying,
        "distributions": evidence.distributions,
        "examples": evidence.examples,
    }
    for name, rows in tables.items():
        write_json(results / f"{name}.json", rows)
    main = pd.DataFrame(found.main)
    figures = {
        "results": plots.results_figure(main),
        "distributions": plots_evidence.distributions_figure(pd.DataFrame(evidence.distributions)),
        "copying": plots_evidence.copying_figure(pd.DataFrame(evidence.copying)),
        "training": plots_evidence.training_figure(evidence.curves),
        "tokens": plots_evidence.tokens_figure(first_pairs(evidence.examples)),
        "quals_by_truth": plots.truth_figure(pd.DataFrame(found.histograms)),
        "speed": plots.speed_figure(pd.DataFrame(found.speed["protocols"])),
    }
    if curve := found.speed.get("groups"):
        figures["cost"] = plots.cost_figure(pd.DataFrame(curve))
    for name, figure in figures.items():
        write_whole(results / f"{name}.png", lambda path, drawn=figure: plots.save(drawn, path))
    text = render(found)
    write_text(results / "report.md", text)
    write_text(results / "report.html", render_page(text, read_pictures(results)))


def main(arguments: argparse.Namespace) -> None:
    """Read exactly what the grid names, compute, write."""
    settings = load_section(arguments.params, "report", ReportSettings)
    grid = read_grid(arguments.grid, Grid, arguments.params)
    results, items = arguments.results, arguments.agreement_items
    scores, runs = read_scores(arguments.scores, grid)
    agreement = [
        read_json(_existing(results / "agreement" / f"{name}.json")) for name in grid.benchmarks
    ]
    gates = read_gates(results, grid)
    systems, copying = read_copying(arguments.copying, grid)
    resampling = {"resamples": settings.resamples, "seed": settings.seed, "level": settings.level}
    found = find(
        arguments.scale,
        scores,
        runs,
        agreement=[row for part in agreement for row in part["rows"]],
        agreement_errors=[row for part in agreement for row in part["by_error"]],
        benchmarks={
            name: read_jsonl(_existing(items / f"{name}.jsonl"), ITEM_FIELDS)
            for name in grid.benchmarks
        },
        checked=read_claims(arguments.grid, results / "agreement"),
        speed=read_json(_existing(results / "speed.json")),
        gates=gates,
        evidence=gather(
            scores,
            copying=copying,
            systems=systems,
            gates=gates,
            ablations=read_json(_existing(arguments.ablations)),
            contrast=read_json(_existing(arguments.contrast))["rows"],
            examples=public(read_json(_existing(arguments.examples))),
            costs=read_json(_existing(arguments.costs)).get(arguments.scale, []),
            deviations=left_out_first(
                read_left_out(arguments.params), read_section(arguments.deviations)
            ),
            **resampling,
        ),
        permutations=settings.permutations,
        margin=settings.equivalence_margin_rouge,
        **resampling,
    )
    write(found, runs, results)
    verdicts = Counter(str(row["verdict"]) for row in found.claims if not is_aim(row))
    listed = ", ".join(f"{count} {verdict}" for verdict, count in sorted(verdicts.items()))
    print(f"report {arguments.scale}: {listed}")


if __name__ == "__main__":
    run(
        main,
        stage_parser(
            __doc__,
            paths="params grid results scores agreement-items copying examples ablations contrast "
            "costs deviations",
            names="scale",
        ),
    )
