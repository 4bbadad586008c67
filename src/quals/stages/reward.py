"""Stage `reward`: a selector's score for every candidate and reference, all seeds together."""

from collections.abc import Callable, Iterator
from pathlib import Path

from quals.command import run, stage_parser
from quals.corpus import Article, read_articles
from quals.grid import Seeds, read_grid
from quals.jsonl import Row, read_jsonl, write_jsonl
from quals.metrics import selectors
from quals.metrics.quals import QualsSettings
from quals.metrics.rouge import Rouge, RougeSettings
from quals.metrics.selectors import QualsSelection, Selector
from quals.metrics.texts import Texts
from quals.params import ParamsError, load_section
from quals.testbed.oracle import Oracle
from quals.training.loop import Stopwatch


def main(arguments) -> None:
    """What belongs to a corpus lies in `data`/<dataset>."""
    seeds = read_grid(arguments.grid, Seeds).seeds
    load = _loader(arguments)
    for dataset in arguments.datasets:
        watch = Stopwatch()
        data = arguments.data / dataset
        candidates = {seed: _candidates(data / "candidates" / f"{seed}.jsonl") for seed in seeds}
        sampled = set().union(*candidates.values())
        articles = [a for a in read_articles(data / "corpus", "train") if a.id in sampled]
        # One call for all seeds: what they share, documents and references, is read once.
        rows = [
            (article, text)
            for seed in seeds
            for article in articles
            for text in (*candidates[seed].get(article.id, ()), article.summary)
        ]
        scores = load(data / "truth", articles)(
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
            write_jsonl(data / "rewards" / arguments.selector / f"{seed}.jsonl", scored)
        missing = sum(score is None for score in scores)
        title = f"reward {dataset} {arguments.selector}"
        print(f"{title}: {len(scores)} texts, {missing} undefined, {watch.seconds():.0f} s")


def _candidates(path: Path) -> dict[str, list[str]]:
    rows = read_jsonl(path, {"id": str, "candidates": list})
    return {row["id"]: row["candidates"] for row in rows}


def _row(article: Article, candidates: list[str], scores: Iterator[float | None]) -> Row:
    """A document's candidates and reference, each with the next of the scores."""
    return {
        "id": article.id,
        "candidates": candidates,
        "scores": [next(scores) for _ in candidates],
        "reference": article.summary,
        "reference_score": next(scores),
    }


def _loader(arguments) -> Callable[[Path, list[Article]], Selector]:
    """Truth folder and articles of a corpus to the selector of that name."""
    match arguments.selector:
        case "quals":
            settings = load_section(arguments.params, "quals", QualsSettings)
            selection = load_section(arguments.params, "quals_selection", QualsSelection)
            by_quals = selectors.by_quals_in_parts(arguments.qagen, selection.applied(settings))
            return lambda truth, articles: by_quals
        case "rouge":
            settings = load_section(arguments.params, "rouge", RougeSettings)
            by_rouge = selectors.by_rouge(Rouge(use_stemmer=settings.use_stemmer))
            return lambda truth, articles: by_rouge
        case "copy":
            return lambda truth, articles: selectors.by_copying
        case "oracle":
            return _by_oracle
    raise ParamsError(f"no selector is called '{arguments.selector}'")


def _by_oracle(truth: Path, articles: list[Article]) -> Selector:
    oracle = Oracle(truth, "train", articles)
    return selectors.by_truth(lambda id_, text: oracle.judge(id_, text).consistent)


if __name__ == "__main__":
    parser = stage_parser(__doc__, paths="params grid data qagen", names="selector", datasets=True)
    run(main, parser)
