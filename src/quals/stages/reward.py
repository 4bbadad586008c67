"""Stage `reward`: a selector's score for every candidate and reference of the sampled documents."""

from collections.abc import Callable

from quals.command import run, stage_parser
from quals.corpus import read_articles
from quals.jsonl import read_jsonl, write_jsonl
from quals.metrics import selectors
from quals.metrics.quals import Quals, QualsSettings
from quals.metrics.rouge import Rouge, RougeSettings
from quals.metrics.selectors import Scores, Texts
from quals.params import ParamsError, load_section
from quals.testbed.oracle import Oracle
from quals.training.loop import Stopwatch


def main(arguments) -> None:
    watch = Stopwatch()
    candidates = {
        row["id"]: row["candidates"]
        for row in read_jsonl(arguments.candidates, {"id": str, "candidates": list})
    }
    articles = [a for a in read_articles(arguments.corpus, "train") if a.id in candidates]
    # A document's candidates, then its reference: they share the document's encoding.
    rows = [(a, text) for a in articles for text in (*candidates[a.id], a.summary)]
    scores = _selector(arguments, articles)(
        Texts(
            ids=[a.id for a, _ in rows],
            documents=[a.document for a, _ in rows],
            references=[a.summary for a, _ in rows],
            summaries=[text for _, text in rows],
        )
    )
    remaining = iter(scores)
    write_jsonl(
        arguments.out,
        (
            {
                "id": article.id,
                "candidates": candidates[article.id],
                "scores": [next(remaining) for _ in candidates[article.id]],
                "reference": article.summary,
                "reference_score": next(remaining),
            }
            for article in articles
        ),
    )
    missing = sum(score is None for score in scores)
    title = f"reward {arguments.selector}"
    print(f"{title}: {len(scores)} texts, {missing} undefined, {watch.seconds():.0f} s")


def _selector(arguments, articles) -> Callable[[Texts], Scores]:
    """The selector of that name, with only its own models loaded."""
    match arguments.selector:
        case "quals":
            settings = load_section(arguments.params, "quals", QualsSettings)
            return selectors.by_quals(Quals.from_pretrained(arguments.qagen, settings))
        case "rouge":
            settings = load_section(arguments.params, "rouge", RougeSettings)
            return selectors.by_rouge(Rouge(use_stemmer=settings.use_stemmer))
        case "copy":
            return selectors.by_copying
        case "oracle":
            oracle = Oracle(arguments.truth, "train", articles)
            return selectors.by_truth(lambda id_, text: oracle.judge(id_, text).consistent)
    raise ParamsError(f"no selector is called '{arguments.selector}'")


if __name__ == "__main__":
    parser = stage_parser(
        __doc__, paths="params corpus candidates qagen truth out", names="selector"
    )
    run(main, parser)
