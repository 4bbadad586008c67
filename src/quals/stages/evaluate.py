"""Stage `evaluate`: every metric on a system's test summaries; at testbed scale the truth too."""

from quals.command import run, stage_parser
from quals.corpus import read_articles
from quals.jsonl import read_jsonl, write_json, write_jsonl
from quals.metrics.suite import MetricPaths, MetricSuite
from quals.signature import signature
from quals.testbed.oracle import Oracle
from quals.training.loop import Stopwatch


def main(arguments) -> None:
    watch = Stopwatch()
    articles = read_articles(arguments.corpus, "test")
    written = {
        row["id"]: row["summary"]
        for row in read_jsonl(arguments.summaries, {"id": str, "summary": str})
    }
    summaries = [written[article.id] for article in articles]
    paths = MetricPaths.of(arguments)
    suite = MetricSuite(arguments.params, paths)
    scores = suite.score([a.document for a in articles], [a.summary for a in articles], summaries)
    oracle = Oracle(arguments.truth, "test", articles)
    rows = []
    for article, summary, metrics in zip(articles, summaries, scores, strict=True):
        verdict = oracle.judge(article.id, summary)
        truth = {
            "truth": float(verdict.consistent),
            "unparsed": float("unparsed" in verdict.errors),
        }
        rows.append({"id": article.id, "metrics": {**metrics, **truth}, "error": verdict.error})
    write_jsonl(arguments.scores, rows)
    names = rows[0]["metrics"]
    values = {name: [row["metrics"][name] for row in rows] for name in names}
    known = {name: [v for v in column if v is not None] for name, column in values.items()}
    means = {name: sum(column) / len(column) if column else None for name, column in known.items()}
    write_json(
        arguments.out,
        {
            "dataset": arguments.dataset,
            "method": arguments.method,
            "seed": arguments.seed,
            "n": len(rows),
            "metrics": means,
            "undefined": {name: len(rows) - len(column) for name, column in known.items()},
            "signature": signature(seed=arguments.seed, models=paths.folders()),
        },
    )
    shown = ", ".join(f"{name} {value:.3f}" for name, value in means.items() if value is not None)
    title = f"evaluate {arguments.dataset} {arguments.method} {arguments.seed}"
    print(f"{title}: {shown}, {watch.seconds():.1f} s")


if __name__ == "__main__":
    parser = stage_parser(
        __doc__,
        paths="params corpus truth summaries qagen qg reader factcc spacy scores out",
        names="dataset method",
        seed=True,
    )
    run(main, parser)
