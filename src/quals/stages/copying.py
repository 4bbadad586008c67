"""Stage `copying`: consistency and copying of all methods, and of MLE models decoded otherwise."""

from pathlib import Path

from quals.command import run, stage_parser
from quals.corpus import read_articles
from quals.decoding.variants import Copying, variants
from quals.decoding.writers import writer_of
from quals.grid import Methods, read_grid
from quals.jsonl import read_jsonl, write_json
from quals.metrics.copying import CopyingJob, decode_and_judge, judge_of, write_rows
from quals.metrics.quals import QualsSettings
from quals.parallel import run_jobs
from quals.params import load_section
from quals.training.loop import Stopwatch


def main(arguments) -> None:
    """Rows like those of `evaluate` for each data set, system and seed; their list beside them."""
    watch = Stopwatch()
    settings = load_section(arguments.params, "copying", Copying)
    quals = load_section(arguments.params, "quals", QualsSettings)
    grid = read_grid(arguments.grid, Methods, arguments.params)
    jobs = []
    for dataset in arguments.datasets:
        models = arguments.models / dataset / "mle"
        jobs += [
            CopyingJob(
                seed=seed,
                writer=writer_of(arguments.params, dataset, models / str(seed)),
                settings=settings,
                corpus=arguments.data / dataset / "corpus",
                truth=arguments.data / dataset / "truth",
                qagen=arguments.models / "metrics" / "qagen",
                quals=quals,
                out=arguments.out / dataset,
            )
            for seed in grid.seeds
        ]
    run_jobs(decode_and_judge, jobs)
    judges = {name: judge_of(arguments.data / name / "truth") for name in arguments.datasets}
    for dataset, judge in judges.items():
        _write_methods(arguments, dataset, judge, grid)
    systems = [{"system": method, "family": "method", "setting": None} for method in grid.methods]
    systems += [
        {"system": way.name, "family": way.family, "setting": way.setting}
        for way in variants(settings)
    ]
    write_json(arguments.out / "systems.json", {"judges": judges, "systems": systems})
    print(f"copying: {len(systems)} systems, {watch.seconds():.0f} s")


def _write_methods(arguments, dataset: str, judge: str, grid: Methods) -> None:
    """What the methods wrote, with the scores that `evaluate` gave it."""
    articles = read_articles(arguments.data / dataset / "corpus", "test")
    for method in grid.methods:
        for seed in grid.seeds:
            place = Path(dataset) / method / f"{seed}.jsonl"
            summaries = _column(arguments.data / "summaries" / place, "summary", str)
            metrics = _column(arguments.data / "scores" / place, "metrics", dict)
            write_rows(
                arguments.out / place,
                articles,
                [summaries[article.id] for article in articles],
                [metrics[article.id][judge] for article in articles],
            )


def _column(path: Path, field: str, kind: type) -> dict[str, object]:
    return {row["id"]: row[field] for row in read_jsonl(path, {"id": str, field: kind})}


if __name__ == "__main__":
    run(main, stage_parser(__doc__, paths="params grid data models out", datasets=True))
