"""Stage `evaluate`: every metric on the test summaries of all methods; with an oracle, truth."""

from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from quals.command import run as run_stage
from quals.command import stage_parser
from quals.corpus import read_articles
from quals.grid import Methods, read_grid
from quals.jsonl import Row, read_jsonl, write_json, write_jsonl
from quals.metrics.suite import MetricPaths, score_texts
from quals.metrics.texts import Texts
from quals.parallel import THREADS
from quals.signature import signature
from quals.testbed.oracle import Oracle
from quals.testbed.truth import Verdict
from quals.training.loop import Stopwatch


@dataclass(frozen=True)
class Run:
    """A method's model of one seed."""

    method: str
    seed: int

    def file(self, folder: Path, ending: str) -> Path:
        return folder / self.method / f"{self.seed}.{ending}"


def main(arguments) -> None:
    watch = Stopwatch()
    grid = read_grid(arguments.grid, Methods, arguments.params)
    articles = read_articles(arguments.corpus, "test")
    # Real text has no truth.
    known = (arguments.truth / "test.jsonl").is_file()
    oracle = Oracle(arguments.truth, "test", articles) if known else None
    paths = MetricPaths.in_folder(arguments.models)
    runs = [Run(method, seed) for method in grid.methods for seed in grid.seeds]
    written = {run: _summaries(run.file(arguments.summaries, "jsonl")) for run in runs}
    # One call for all runs: documents are read once, and a summary that several models write,
    # as models do that have much in common, is scored once.
    asked = [(article, written[run][article.id]) for run in runs for article in articles]
    texts = Texts(
        ids=[article.id for article, _ in asked],
        documents=[article.document for article, _ in asked],
        references=[article.summary for article, _ in asked],
        summaries=[summary for _, summary in asked],
    )
    scores = score_texts(arguments.params, paths, texts)
    rows = [
        _row(article.id, metrics, oracle and oracle.judge(article.id, summary))
        for (article, summary), metrics in zip(asked, scores, strict=True)
    ]
    for place, run in enumerate(runs):
        own = rows[place * len(articles) : (place + 1) * len(articles)]
        write_jsonl(run.file(arguments.out, "jsonl"), own)
        record = {
            "dataset": arguments.dataset,
            "method": run.method,
            "seed": run.seed,
            "n": len(own),
            **_means(own),
            "signature": signature(seed=run.seed, models=paths.folders(), threads=THREADS),
        }
        write_json(run.file(arguments.out, "json"), record)
        shown = ", ".join(
            f"{name} {value:.3f}" for name, value in record["metrics"].items() if value is not None
        )
        print(f"evaluate {arguments.dataset} {run.method} {run.seed}: {shown}")
    distinct = len({(article.id, summary) for article, summary in asked})
    print(f"evaluate: {len(asked)} summaries, {distinct} distinct, {watch.seconds():.1f} s")


def _summaries(path: Path) -> dict[str, str]:
    return {row["id"]: row["summary"] for row in read_jsonl(path, {"id": str, "summary": str})}


def _row(article_id: str, metrics: Row, verdict: Verdict | None) -> Row:
    if verdict is None:
        return {"id": article_id, "metrics": metrics}  # an error of null would say: true
    truth = {"truth": float(verdict.consistent), "unparsed": float("unparsed" in verdict.errors)}
    return {"id": article_id, "metrics": {**metrics, **truth}, "error": verdict.error}


def _means(rows: list[Row]) -> dict[str, dict[str, float | int | None]]:
    """Means over the documents that have a score, and how many have none."""
    values = {name: [row["metrics"][name] for row in rows] for name in rows[0]["metrics"]}
    known = {name: [v for v in column if v is not None] for name, column in values.items()}
    return {
        "metrics": {name: fmean(column) if column else None for name, column in known.items()},
        "undefined": {name: len(rows) - len(column) for name, column in known.items()},
    }


if __name__ == "__main__":
    run_stage(
        main,
        stage_parser(
            __doc__, paths="params grid corpus truth summaries models out", names="dataset"
        ),
    )
