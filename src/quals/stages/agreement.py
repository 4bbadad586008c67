"""Stage `agreement`: each metric against the truth, on references, swaps and outputs."""

import random

from quals.analysis.agreement import agreement_by_error, agreement_rows
from quals.command import run, stage_parser
from quals.corpus import Article, read_articles
from quals.decoding.writers import writer_of
from quals.jsonl import read_jsonl, write_json, write_jsonl
from quals.left_out import reason_to_leave
from quals.metrics.suite import MetricPaths, score_texts
from quals.metrics.texts import Texts
from quals.parallel import THREADS
from quals.params import Natural, Section, load_section
from quals.signature import signature
from quals.stages.corpus import Corpus
from quals.testbed.news import write_summary
from quals.testbed.oracle import Oracle
from quals.training.loop import Stopwatch


class Agreement(Section):
    """The scale's `agreement` section."""

    seed: Natural


def main(arguments) -> None:
    if reason := reason_to_leave(arguments.params, "benchmarks", arguments.benchmark):
        write_jsonl(arguments.items, [])
        write_json(arguments.out, {"rows": [], "by_error": [], "left_out": reason})
        return
    watch = Stopwatch()
    settings = load_section(arguments.params, "agreement", Agreement)
    articles = read_articles(arguments.corpus, "test")
    oracle = Oracle(arguments.truth, "test", articles)
    written = {row["id"]: row["summary"] for row in read_jsonl(arguments.summaries, {"id": str})}
    texts = [("reference", a, a.summary) for a in articles]
    texts += [("mle", a, written[a.id]) for a in articles]
    texts += [("swapped", a, text) for a, text in _swapped(arguments, settings, articles, oracle)]
    documents = [a.document for _, a, _ in texts]
    paths = MetricPaths.in_folder(arguments.models)
    # ROUGE against the document: the references are among the items.
    scores = score_texts(
        arguments.params,
        paths,
        Texts([a.id for _, a, _ in texts], documents, documents, [text for _, _, text in texts]),
        mle=writer_of(arguments.params, arguments.benchmark, arguments.mle),
    )
    items = []
    for (source, article, text), metrics in zip(texts, scores, strict=True):
        verdict = oracle.judge(article.id, text)
        items.append(
            {
                "id": f"{article.id}-{source}",
                "document_id": article.id,
                "source": source,
                "truth": int(verdict.consistent),
                "error": verdict.error,
                "scores": metrics,
            }
        )
    write_jsonl(arguments.items, items)
    write_json(
        arguments.out,
        {
            "rows": agreement_rows(arguments.benchmark, items),
            "by_error": agreement_by_error(arguments.benchmark, items),
            "signature": signature(seed=settings.seed, models=paths.folders(), threads=THREADS),
        },
    )
    print(f"agreement {arguments.benchmark}: {len(items)} summaries, {watch.seconds():.0f} s")


def _swapped(
    arguments, settings: Agreement, articles: list[Article], oracle: Oracle
) -> list[tuple[Article, str]]:
    """A summary with an intrinsic error for every document, so that each kind has its share."""
    noise = load_section(arguments.params, "corpus", Corpus).noise[arguments.benchmark]
    noise = noise.model_copy(update={"preference_share": 0.0, "swap_share": 1.0})
    rng = random.Random(f"{settings.seed} {arguments.benchmark}")
    return [
        (article, write_summary(oracle.stories[article.id], arguments.benchmark, noise, rng).text)
        for article in articles
    ]


if __name__ == "__main__":
    parser = stage_parser(
        __doc__,
        paths="params corpus truth summaries mle models items out",
        names="benchmark",
    )
    run(main, parser)
