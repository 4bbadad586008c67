"""Stage `train_mle`: the maximum-likelihood summarizer of one corpus and seed."""

import random

from quals.command import run, stage_parser
from quals.corpus import Article, read_articles
from quals.decoding.summarizer import Summarizer, SummaryLimits
from quals.jsonl import write_json
from quals.models import checkpoint
from quals.models.checkpoint import Checkpoint
from quals.params import Count, Section, load_section
from quals.signature import signature
from quals.training.batches import Example, epochs
from quals.training.loop import Optimisation, Stopwatch, curve, seed_everything, train
from quals.training.qa import likelihood_of


class TrainMle(Section):
    """The scale's `train_mle` section."""

    steps: Count
    batch_size: Count
    max_source_tokens: Count
    optimisation: Optimisation


def main(arguments) -> None:
    settings = load_section(arguments.params, "train_mle", TrainMle)
    limits = load_section(arguments.params, f"summaries.{arguments.dataset}", SummaryLimits)
    seed_everything(arguments.seed)
    watch = Stopwatch()
    start = checkpoint.load(arguments.init)
    articles = read_articles(arguments.corpus, "train")
    examples = summary_examples(articles, start, settings.max_source_tokens)
    losses = train(
        start.model,
        epochs(
            examples,
            settings.batch_size,
            start.model.config.pad_token_id,
            random.Random(arguments.seed),
        ),
        likelihood_of,
        steps=settings.steps,
        optimisation=settings.optimisation,
        title=f"train_mle {arguments.dataset} {arguments.seed}",
    )
    checkpoint.save(start.model, start.tokenizer, arguments.out)
    held_out = read_articles(arguments.corpus, "validation")
    likelihoods = Summarizer(start, limits, settings.max_source_tokens).likelihood(
        [a.document for a in held_out], [a.summary for a in held_out]
    )
    metrics = {
        "train_loss": losses[-1],
        "validation_loss": -sum(likelihoods) / len(likelihoods),
    }
    print(f"train_mle {arguments.dataset} {arguments.seed}: {metrics}, {watch.seconds():.0f} s")
    write_json(
        arguments.metrics,
        {
            "stage": f"train_mle {arguments.dataset} {arguments.seed}",
            "metrics": metrics,
            "curve": curve(losses),
            "parameters": checkpoint.parameters(start.model),
            "signature": signature(seed=arguments.seed),
        },
    )


def summary_examples(articles: list[Article], start: Checkpoint, limit: int) -> list[Example]:
    """Document -> summary, end; documents are cut at `limit` tokens."""
    sources = start.tokenizer.encode([a.document for a in articles], limit)
    targets = start.tokenizer.encode([a.summary for a in articles])
    end = start.model.config.eos_token_id
    return [Example(s, [[*t, end]]) for s, t in zip(sources, targets, strict=True)]


if __name__ == "__main__":
    run(
        main,
        stage_parser(__doc__, paths="params corpus init out metrics", names="dataset", seed=True),
    )
