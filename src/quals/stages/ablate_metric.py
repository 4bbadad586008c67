"""Stage `ablate_metric`: QUALS with other settings against the truth, on all corpora.

A scale whose text has no truth says null, and its file of rows is empty.
"""

from functools import partial

import numpy as np

from quals.ablations.metric_items import gather
from quals.ablations.metric_rows import metric_rows
from quals.ablations.variants import MetricAblations, metric_variants, score_by_folder
from quals.analysis.statistics import draw
from quals.command import run, stage_parser
from quals.corpus import read_articles
from quals.grid import Seeds, read_grid
from quals.jsonl import Row, read_jsonl, write_json
from quals.metrics.quals import QualsSettings
from quals.metrics.texts import Texts, score_in_parts
from quals.parallel import THREADS
from quals.params import has_section, load_section
from quals.signature import signature
from quals.stages.corpus import Corpus
from quals.testbed.oracle import Oracle
from quals.training.loop import Stopwatch


def main(arguments) -> None:
    """Data of a corpus lie in `data`/<dataset>, MLE's outputs in `data`/summaries/<dataset>/mle."""
    if not has_section(arguments.settings, "metric"):
        write_json(arguments.out, {"rows": []})
        return
    base = load_section(arguments.params, "quals", QualsSettings)
    tried = load_section(arguments.settings, "metric", MetricAblations)
    rows: list[Row] = []
    for dataset in arguments.datasets:
        watch = Stopwatch()
        rows += _rows(arguments, dataset, base, tried)
        print(f"ablate_metric {dataset}: {watch.seconds():.0f} s")
    record = {
        "rows": rows,
        "split": "test",
        "signature": signature(seed=tried.seed, models={"qagen": arguments.qagen}, threads=THREADS),
    }
    write_json(arguments.out, record)


def _rows(arguments, dataset: str, base: QualsSettings, tried: MetricAblations) -> list[Row]:
    seeds = read_grid(arguments.grid, Seeds).seeds
    articles = read_articles(arguments.data / dataset / "corpus", "test", tried.documents)
    outputs = arguments.data / "summaries" / dataset / "mle"
    written = {
        seed: {
            row["id"]: row["summary"]
            for row in read_jsonl(outputs / f"{seed}.jsonl", {"id": str, "summary": str})
        }
        for seed in seeds
    }
    items = gather(
        articles,
        written,
        Oracle(arguments.data / dataset / "truth", "test", articles),
        load_section(arguments.params, "corpus", Corpus).noise[dataset],
        dataset,
        seed=tried.swaps_seed,
    )
    variants = metric_variants(base, tried)
    # Each setting once: the base belongs to every ablation.
    distinct = list(dict.fromkeys(v.settings for v in variants if v.settings is not None))
    scores = score_in_parts(
        partial(score_by_folder, arguments.qagen, distinct),
        Texts(
            ids=[articles[at].id for at in items.numbers],
            documents=items.documents,
            references=[articles[at].summary for at in items.numbers],
            summaries=items.summaries,
        ),
    )
    places = [-1 if v.settings is None else distinct.index(v.settings) for v in variants]
    return metric_rows(
        dataset,
        variants,
        np.array(scores, dtype=float).T[places],
        [items.of_seed(seed) for seed in seeds],
        items.swaps(),
        base=places.index(distinct.index(base)),
        draws=draw(len(seeds), len(articles), resamples=tried.resamples, seed=tried.seed),
        level=tried.level,
    )


if __name__ == "__main__":
    parser = stage_parser(__doc__, paths="params settings grid data qagen out", datasets=True)
    run(main, parser)
