"""Stage `train_contrastive`: select S+ and S-, retrain each seed; ConSeq, ROUGE and controls."""

import random
from pathlib import Path

from quals.command import run, stage_parser
from quals.corpus import read_articles
from quals.errors import InputError
from quals.grid import Seeds, read_grid
from quals.jsonl import read_jsonl, write_json
from quals.models import checkpoint
from quals.params import (
    Count,
    Natural,
    NonNegative,
    ParamsError,
    Positive,
    Section,
    Share,
    load_section,
)
from quals.signature import signature
from quals.training.batches import epochs
from quals.training.contrast import contrast_examples, contrastive_loss
from quals.training.loop import Optimisation, Stopwatch, curve, seed_everything, train
from quals.training.mle import TrainMle
from quals.training.selection import ContrastPair, Scored, select_pairs


class Contrastive(Section):
    """The scale's `contrastive` section: what all methods share, so that they compare.

    `steps` has an entry for each corpus.
    """

    pairs: Count
    negative_share: Share
    steps: dict[str, Count]
    batch_size: Count
    warmup_steps: Natural
    final_share: Share
    weight_decay: NonNegative
    clip_norm: Positive


class Method(Section):
    """One entry of the scale's `methods` section.

    `positive_share` is null where the selector cannot tell references apart. `lr` is the loss's:
    one that punishes every token of S- stands a smaller one.
    """

    selector: str
    positive_share: Share | None
    negative_tokens: str
    negative_weight: NonNegative
    lr: Positive


def main(arguments) -> None:
    shared = load_section(arguments.params, "contrastive", Contrastive)
    method = load_section(arguments.params, f"methods.{arguments.method}", Method)
    source_limit = load_section(arguments.params, "train_mle", TrainMle).max_source_tokens
    if arguments.dataset not in shared.steps:
        raise ParamsError(f"{arguments.params}: contrastive.steps.{arguments.dataset} is missing")
    steps = shared.steps[arguments.dataset]
    watch = Stopwatch()
    articles = {article.id: article for article in read_articles(arguments.corpus, "train")}
    seeds = {}
    for seed in read_grid(arguments.grid, Seeds).seeds:
        seed_everything(seed)
        pairs = _pairs(arguments.rewards / method.selector / f"{seed}.jsonl", shared, method)
        start = checkpoint.load(arguments.init / str(seed))
        examples = contrast_examples(pairs, articles, start, source_limit)
        losses = train(
            start.model,
            epochs(
                examples,
                min(shared.batch_size, len(examples)),
                start.model.config.pad_token_id,
                random.Random(seed),
            ),
            contrastive_loss(
                negative_tokens=method.negative_tokens, negative_weight=method.negative_weight
            ),
            steps=steps,
            optimisation=Optimisation(
                lr=method.lr,
                warmup_steps=shared.warmup_steps,
                final_share=shared.final_share,
                weight_decay=shared.weight_decay,
                clip_norm=shared.clip_norm,
            ),
            title=f"train_contrastive {arguments.method} {seed}",
        )
        checkpoint.save(start.model, start.tokenizer, arguments.out / str(seed))
        seeds[str(seed)] = {
            "metrics": {"pairs": len(pairs), "train_loss": losses[-1]},
            "curve": curve(losses),
        }
    title = f"train_contrastive {arguments.dataset} {arguments.method}"
    counts = ", ".join(str(run["metrics"]["pairs"]) for run in seeds.values())
    print(f"{title}: {counts} pairs, {watch.seconds():.0f} s")
    write_json(
        arguments.metrics,
        {"stage": title, "seeds": seeds, "signature": signature()},
    )


def _pairs(path: Path, shared: Contrastive, method: Method) -> list[ContrastPair]:
    pairs = select_pairs(
        _read_scores(path),
        negative_share=shared.negative_share,
        positive_share=method.positive_share,
        most=shared.pairs,
    )
    if not pairs:
        raise InputError(f"{path}: S+ and S- share no document")
    return pairs


def _read_scores(path: Path) -> list[Scored]:
    rows = read_jsonl(path, {"id": str, "candidates": list, "scores": list, "reference": str})
    return [
        Scored(
            row["id"],
            tuple(row["candidates"]),
            tuple(row["scores"]),
            row["reference"],
            row["reference_score"],
        )
        for row in rows
    ]


if __name__ == "__main__":
    parser = stage_parser(
        __doc__,
        paths="params grid corpus rewards init out metrics",
        names="dataset method",
    )
    run(main, parser)
