"""Stage `contrast_pairs`: which metrics rank a true summary above its smallest false edit?

A scale whose text has no truth says null, and its file of rows is empty.
"""

import random
from typing import Annotated

from pydantic import Field

from quals.ablations.contrast_rows import ORIGINAL, PARAPHRASE, contrast_rows
from quals.analysis.agreement import METRICS
from quals.command import run, stage_parser
from quals.corpus import Article, read_articles
from quals.decoding.writers import writer_of
from quals.jsonl import Row, write_json
from quals.metrics.suite import MetricPaths, score_texts
from quals.metrics.texts import Texts
from quals.parallel import THREADS
from quals.params import Count, Natural, Section, has_section, load_section
from quals.signature import signature
from quals.testbed.edits import contrast
from quals.testbed.oracle import Oracle
from quals.training.loop import Stopwatch


class ContrastPairs(Section):
    """Section `contrast_pairs`: documents, drafts and other wordings of each, bootstrap."""

    seed: Natural
    documents: Count
    drafts: Count
    tries: Count
    resamples: Count
    level: Annotated[float, Field(gt=0, lt=1)]


def main(arguments) -> None:
    """Data of a corpus lie in `data`/<dataset>, its MLE models in `models`/<dataset>/mle."""
    if not has_section(arguments.settings, "contrast_pairs"):
        write_json(arguments.out, {"rows": []})
        return
    settings = load_section(arguments.settings, "contrast_pairs", ContrastPairs)
    paths = MetricPaths.in_folder(arguments.models / "metrics")
    rows: list[Row] = []
    for dataset in arguments.datasets:
        watch = Stopwatch()
        texts = _texts(arguments, dataset, settings)
        scores = _scores(arguments, dataset, paths, texts)
        rows += contrast_rows(
            dataset,
            scores,
            resamples=settings.resamples,
            seed=settings.seed,
            level=settings.level,
        )
        count = sum(len(kinds) for _, kinds in texts)
        print(f"contrast_pairs {dataset}: {count} summaries, {watch.seconds():.0f} s")
    record = {
        "rows": rows,
        "split": "test",
        "signature": signature(seed=settings.seed, models=paths.folders(), threads=THREADS),
    }
    write_json(arguments.out, record)


def _texts(
    arguments, dataset: str, settings: ContrastPairs
) -> list[tuple[Article, dict[str, str]]]:
    """Each article with its texts by kind."""
    data = arguments.data / dataset
    articles = read_articles(data / "corpus", "test", settings.documents)
    stories = Oracle(data / "truth", "test", articles).stories
    rng = random.Random(f"{settings.seed} {dataset}")
    search = {"drafts": settings.drafts, "tries": settings.tries}
    found = []
    for article in articles:
        made = contrast(stories[article.id], dataset, article.document, rng, **search)
        if made is not None:
            kinds = {ORIGINAL: made.original, **made.edits}
            if made.paraphrase is not None:
                kinds[PARAPHRASE] = made.paraphrase
            found.append((article, kinds))
    return found


def _scores(
    arguments, dataset: str, paths: MetricPaths, texts: list[tuple[Article, dict[str, str]]]
) -> dict[str, list[dict[str, float | None]]]:
    """Of each metric, the scores of every article's texts by kind."""
    mle = arguments.models / dataset / "mle" / "0"
    asked = [(article, text) for article, kinds in texts for text in kinds.values()]
    documents = [article.document for article, _ in asked]
    # ROUGE against the document: nobody has written references of these summaries.
    scored = score_texts(
        arguments.params,
        paths,
        Texts([article.id for article, _ in asked], documents, documents, [t for _, t in asked]),
        mle=writer_of(arguments.params, dataset, mle),
    )
    remaining = iter(scored)
    of_articles = [{kind: next(remaining) for kind in kinds} for _, kinds in texts]
    return {
        metric: [{kind: row[metric] for kind, row in kinds.items()} for kinds in of_articles]
        for metric in METRICS
        if metric in scored[0]
    }


if __name__ == "__main__":
    parser = stage_parser(__doc__, paths="params settings data models out", datasets=True)
    run(main, parser)
