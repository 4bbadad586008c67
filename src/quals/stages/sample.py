"""Stage `sample`: candidate summaries of training documents from the MLE models, all seeds."""

import torch

from quals.command import run, stage_parser
from quals.corpus import read_articles
from quals.decoding.summarizer import Summarizer, SummaryLimits
from quals.grid import Seeds, read_grid
from quals.jsonl import write_jsonl
from quals.models import checkpoint
from quals.params import Count, Section, load_section
from quals.training.loop import Stopwatch, seed_everything
from quals.training.mle import TrainMle


class Sample(Section):
    """The scale's `sample` section (paper.md 4a: six samples, top-k 50)."""

    documents: Count | None  # null for all
    samples: Count
    top_k: Count


def main(arguments) -> None:
    settings = load_section(arguments.params, "sample", Sample)
    limits = load_section(arguments.params, f"summaries.{arguments.dataset}", SummaryLimits)
    source_limit = load_section(arguments.params, "train_mle", TrainMle).max_source_tokens
    watch = Stopwatch()
    articles = read_articles(arguments.corpus, "train", settings.documents)
    for seed in read_grid(arguments.grid, Seeds).seeds:
        seed_everything(seed)
        model = checkpoint.load(arguments.models / str(seed))
        candidates = Summarizer(model, limits, source_limit).sample(
            [article.document for article in articles],
            samples=settings.samples,
            top_k=settings.top_k,
            generator=torch.Generator().manual_seed(seed),
        )
        write_jsonl(
            arguments.out / f"{seed}.jsonl",
            (
                {"id": article.id, "candidates": texts}
                for article, texts in zip(articles, candidates, strict=True)
            ),
        )
        distinct = sum(len(set(texts)) for texts in candidates) / len(candidates)
        print(f"sample {arguments.dataset} {seed}: {distinct:.2f} distinct candidates a document")
    print(f"sample: {watch.seconds():.0f} s")


if __name__ == "__main__":
    run(main, stage_parser(__doc__, paths="params grid corpus models out", names="dataset"))
