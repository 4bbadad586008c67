"""Stage `reward`: a selector's score for every candidate and reference, all seeds together."""

from collections.abc import Callable, Iterator

from quals.command import run, stage_parser
from quals.corpus import Article, read_articles
from quals.grid import Seeds, read_grid
from quals.jsonl import Row, read_jsonl, write_jsonl
from quals.metrics import selectors
from quals.metrics.quals import Quals, QualsSettings
from quals.metrics.rouge import Rouge, RougeSettings
from quals.metrics.selectors import Scores, Texts
from quals.params import ParamsError, load_section
from quals.testbed.oracle import Oracle
from quals.training.loop import Stopwatch


def main(arguments) -> None:
    watch = Stopwatch()
    seeds = read_grid(arguments.grid, Seeds).seeds
    candidates = {
        seed: {
            row["id"]: row["candidates"]
            for row in read_jsonl(
                arguments.candidates / f"{seed}.jsonl", {"id": str, "candidates": list}
            )
        }
        for seed in seeds
    }
    sampled = set().union(*candidates.values())
    articles = [a for a in read_articles(arguments.corpus, "train") if a.id in sampled]
    # One call for all seeds: what they share, documents and references, is read once.
    rows = [
        (article, text)
        for seed in seeds
        for article in articles
        for text in (*candidates[seed].get(article.id, ()), article.summary)
    ]
    scores = _selector(arguments, articles)(
        Texts(
            ids=[a.id for a, _ in rows],
            documents=[a.document for a, _ in rows],
            references=[a.summary for a, _ in rows],
            summaries=[text for _, text in rows],
        )
    )
    remaining = iter(scores)
    for seed in seeds:
        own = candidates[seed]
        scored = [_row(article, own.get(article.id, []), remaining) for article in articles]
        write_jsonl(arguments.out / f"{seed}.jsonl", scored)
    missing = sum(score is None for score in scores)
    title = f"reward {arguments.selector}"
    print(f"{title}: {len(scores)} texts, {missing} undefined, {watch.seconds():.0f} s")


def _row(article: Article, candidates: list[str], scores: Iterator[float | None]) -> Row:
    """A document's candidates and reference, each with the next of the scores."""
    return {
        "id": article.id,
        "candidates": candidates,
        "scores": [next(scores) for _ in candidates],
        "reference": article.summary,
        "reference_score": next(scores),
    }


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
        __doc__, paths="params grid corpus candidates qagen truth out", names="selector"
    )
    run(main, parser)
