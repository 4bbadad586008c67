"""Stage `evaluate`: every metric on a method's test summaries, all seeds; with an oracle, truth."""

from statistics import fmean

from quals.command import run, stage_parser
from quals.corpus import read_articles
from quals.grid import Seeds, read_grid
from quals.jsonl import Row, read_jsonl, write_json, write_jsonl
from quals.metrics.suite import MetricPaths, MetricSuite
from quals.signature import signature
from quals.testbed.oracle import Oracle
from quals.training.loop import Stopwatch


def main(arguments) -> None:
    watch = Stopwatch()
    seeds = read_grid(arguments.grid, Seeds).seeds
    articles = read_articles(arguments.corpus, "test")
    oracle = Oracle(arguments.truth, "test", articles)
    paths = MetricPaths.in_folder(arguments.models)
    written = {seed: _summaries(arguments.summaries / f"{seed}.jsonl") for seed in seeds}
    # One call for all seeds: their documents are read once, equal summaries are scored once.
    asked = [(article, written[seed][article.id]) for seed in seeds for article in articles]
    scores = MetricSuite(arguments.params, paths).score(
        [article.document for article, _ in asked],
        [article.summary for article, _ in asked],
        [summary for _, summary in asked],
    )
    rows = [
        _row(article.id, metrics, oracle.judge(article.id, summary))
        for (article, summary), metrics in zip(asked, scores, strict=True)
    ]
    for place, seed in enumerate(seeds):
        own = rows[place * len(articles) : (place + 1) * len(articles)]
        write_jsonl(arguments.out / f"{seed}.jsonl", own)
        record = {
            "dataset": arguments.dataset,
            "method": arguments.method,
            "seed": seed,
            "n": len(own),
            **_means(own),
            "signature": signature(seed=seed, models=paths.folders()),
        }
        write_json(arguments.out / f"{seed}.json", record)
        shown = ", ".join(
            f"{name} {value:.3f}" for name, value in record["metrics"].items() if value is not None
        )
        print(f"evaluate {arguments.dataset} {arguments.method} {seed}: {shown}")
    print(f"evaluate: {watch.seconds():.1f} s")


def _summaries(path) -> dict[str, str]:
    return {row["id"]: row["summary"] for row in read_jsonl(path, {"id": str, "summary": str})}


def _row(article_id: str, metrics: Row, verdict) -> Row:
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
    run(
        main,
        stage_parser(
            __doc__,
            paths="params grid corpus truth summaries models out",
            names="dataset method",
        ),
    )
