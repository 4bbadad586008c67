"""Stage `copying`: consistency and copying of all methods, and of the MLE model decoded otherwise.

With an oracle consistency is the truth, without one it is QUALS.
"""

from collections.abc import Callable
from pathlib import Path

import torch

from quals.command import run, stage_parser
from quals.corpus import Article, read_articles
from quals.decoding.summarizer import SummaryLimits
from quals.decoding.variants import Copying, decode, variants
from quals.grid import Methods, read_grid
from quals.jsonl import read_jsonl, write_json, write_jsonl
from quals.metrics.fragments import extractiveness
from quals.metrics.quals import Quals, QualsSettings
from quals.models import checkpoint
from quals.params import load_section
from quals.testbed.oracle import Oracle
from quals.training.loop import Stopwatch, seed_everything
from quals.training.mle import TrainMle

Judge = Callable[[list[Article], list[str]], list[float | None]]


def main(arguments) -> None:
    """Rows like those of `evaluate` for each data set, system and seed; their list beside them."""
    settings = load_section(arguments.params, "copying", Copying)
    source_limit = load_section(arguments.params, "train_mle", TrainMle).max_source_tokens
    grid = read_grid(arguments.grid, Methods)
    systems = [{"system": method, "family": "method", "setting": None} for method in grid.methods]
    ways = list(variants(settings))
    systems += [{"system": w.name, "family": w.family, "setting": w.setting} for w in ways]
    judges = {}
    for dataset in arguments.datasets:
        watch = Stopwatch()
        limits = load_section(arguments.params, f"summaries.{dataset}", SummaryLimits)
        articles = read_articles(arguments.data / dataset / "corpus", "test")
        documents = [article.document for article in articles]
        judges[dataset], judge = _judge(arguments, dataset, articles)
        out = arguments.out / dataset
        for seed in grid.seeds:
            for method in grid.methods:
                summaries = _column(
                    arguments.data / "summaries" / dataset / method / f"{seed}.jsonl", "summary"
                )
                metrics = _column(
                    arguments.data / "scores" / dataset / method / f"{seed}.jsonl", "metrics"
                )
                texts = [summaries[article.id] for article in articles]
                found = [metrics[article.id][judges[dataset]] for article in articles]
                _write(out / method / f"{seed}.jsonl", articles, texts, found)
            seed_everything(settings.seed)
            mle = checkpoint.load(arguments.models / dataset / "mle" / str(seed))
            for way in ways:
                texts = decode(
                    way,
                    mle,
                    documents,
                    limits=limits,
                    max_source_tokens=source_limit,
                    top_k=settings.top_k,
                    generator=torch.Generator().manual_seed(settings.seed),
                )
                _write(out / way.name / f"{seed}.jsonl", articles, texts, judge(articles, texts))
        print(f"copying {dataset}: {len(systems)} systems, {watch.seconds():.0f} s")
    write_json(arguments.out / "systems.json", {"judges": judges, "systems": systems})


def _judge(arguments, dataset: str, articles: list[Article]) -> tuple[str, Judge]:
    """The metric that judges the data set, and how it judges texts that `evaluate` never saw."""
    truth = arguments.data / dataset / "truth"
    if (truth / "test.jsonl").is_file():
        oracle = Oracle(truth, "test", articles)
        return "truth", lambda those, texts: [
            float(oracle.judge(article.id, text).consistent)
            for article, text in zip(those, texts, strict=True)
        ]
    settings = load_section(arguments.params, "quals", QualsSettings)
    quals = Quals.from_pretrained(arguments.models / "metrics" / "qagen", settings)
    return "quals", lambda those, texts: [
        score.quals for score in quals.score([article.document for article in those], texts)
    ]


def _column(path: Path, field: str) -> dict[str, object]:
    kind = str if field == "summary" else dict
    return {row["id"]: row[field] for row in read_jsonl(path, {"id": str, field: kind})}


def _write(
    path: Path, articles: list[Article], texts: list[str], consistent: list[float | None]
) -> None:
    write_jsonl(
        path,
        (
            {
                "id": article.id,
                "metrics": {"consistent": value, **extractiveness(article.document, text)},
            }
            for article, text, value in zip(articles, texts, consistent, strict=True)
        ),
    )


if __name__ == "__main__":
    run(main, stage_parser(__doc__, paths="params grid data models out", datasets=True))
