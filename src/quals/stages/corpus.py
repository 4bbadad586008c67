"""Stage `corpus`: documents and reference summaries in three splits, generated with truth or real.

Without `source` in the scale's section the news world is told; with it real text is read.
"""

import os
import random
from collections import Counter
from typing import Literal

from quals.command import run, stage_parser
from quals.corpora.articles import load_articles
from quals.corpora.settings import GENERATED, RealCorpus, names_sources
from quals.jsonl import write_json, write_jsonl
from quals.params import Count, Natural, Section, Share, load_section
from quals.testbed.news import Noise, write_article, write_summary
from quals.testbed.world import draw_story


class Corpus(Section):
    """The scale's `corpus` section: split sizes, what articles state, and each style's noise."""

    source: Literal["generated"] = GENERATED
    seed: Natural
    train: Count
    validation: Count
    test: Count
    detail_share: Share
    aside_share: Share
    noise: dict[str, Noise]


def main(arguments) -> None:
    if names_sources(arguments.params, "corpus"):
        _read(arguments)
    else:
        _generate(arguments)


def _generate(arguments) -> None:
    settings = load_section(arguments.params, "corpus", Corpus)
    style = arguments.dataset
    for split in ("train", "validation", "test"):
        rng = random.Random(f"{settings.seed} {style} {split}")
        articles, truths, errors = [], [], Counter()
        for number in range(getattr(settings, split)):
            story = draw_story(
                rng,
                f"{style}-{split}-{number:05d}",
                split,
                detail_share=settings.detail_share,
                aside_share=settings.aside_share,
            )
            told = write_summary(story, style, settings.noise[style], rng)
            document = write_article(story, rng)
            articles.append({"id": story.id, "document": document, "summary": told.text})
            truths.append({**story.to_row(), "reference_error": told.error})
            errors[told.error] += 1
        write_jsonl(arguments.out / f"{split}.jsonl", articles)
        write_jsonl(arguments.truth / f"{split}.jsonl", truths)
        shares = {
            str(error): round(n / len(articles), 3) for error, n in sorted(errors.items(), key=str)
        }
        print(f"{style} {split}: {len(articles)} articles, reference errors {shares}")


def _read(arguments) -> None:
    """Real text has no truth: in its place stands where the text is from, and what was dropped."""
    settings = load_section(arguments.params, "corpus", RealCorpus)
    corpus = load_articles(arguments.dataset, settings, os.environ)
    for lacking in corpus.lacking:
        print(f"{arguments.dataset}: passed over, {lacking}")
    for split, articles in corpus.splits.items():
        rows = [{"id": a.id, "document": a.document, "summary": a.summary} for a in articles]
        write_jsonl(arguments.out / f"{split}.jsonl", rows)
        print(f"{arguments.dataset} {split} from {corpus.origin}: {corpus.counts[split]}")
    record = {"origin": corpus.origin, "counts": corpus.counts}
    write_json(arguments.truth / "origin.json", record)


if __name__ == "__main__":
    run(main, stage_parser(__doc__, paths="params out truth", names="dataset"))
