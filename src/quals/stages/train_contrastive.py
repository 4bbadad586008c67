"""Stage `train_contrastive`: select S+ and S-, retrain each seed; ConSeq, ROUGE and controls."""

import random
from pathlib import Path

from pydantic import model_validator

from quals.command import run, stage_parser
from quals.corpus import read_articles
from quals.errors import InputError
from quals.grid import Seeds, read_grid
from quals.jsonl import read_jsonl, write_json
from quals.models import checkpoint
from quals.models.checkpoint import Checkpoint
from quals.params import (
    Count,
    NonNegative,
    ParamsError,
    Positive,
    Section,
    Share,
    load_section,
)
from quals.signature import signature
from quals.training import pretrained
from quals.training.batches import Example, epochs
from quals.training.contrast import contrast_examples, contrastive_loss
from quals.training.loop import Optimisation, Schedule, Stopwatch, curve, seed_everything, train
from quals.training.mle import TrainMle
from quals.training.pretrained import PretrainedTraining, finetune
from quals.training.selection import ContrastPair, Scored, select_pairs


class Contrastive(Section):
    """The scale's `contrastive` section: what all methods share, so that they compare.

    `pairs` is null for all. `steps` and `finetuning` have an entry for each corpus: one of the two
    says how long, and `finetuning` stands for `batch_size` and `schedule` too.
    """

    pairs: Count | None
    negative_share: Share
    steps: dict[str, Count] | None = None
    batch_size: Count | None = None
    schedule: Schedule | None = None
    finetuning: dict[str, PretrainedTraining] | None = None

    @model_validator(mode="after")
    def _is_one_of_both(self) -> "Contrastive":
        own = (self.steps, self.batch_size, self.schedule)
        if any(own) if self.finetuning is not None else None in own:
            raise ValueError("it needs steps, batch_size and schedule, or else finetuning")
        return self

    @property
    def corpora(self) -> dict[str, object]:
        """What says how each corpus is trained on."""
        return dict(self.steps or self.finetuning or {})


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
    """Data of a corpus lie in `data`/<dataset>, its models in `models`/<dataset>."""
    shared = load_section(arguments.params, "contrastive", Contrastive)
    method = load_section(arguments.params, f"methods.{arguments.method}", Method)
    source_limit = load_section(arguments.params, "train_mle", TrainMle).max_source_tokens
    seeds = read_grid(arguments.grid, Seeds).seeds
    missing = [name for name in arguments.datasets if name not in shared.corpora]
    if missing:
        key = "steps" if shared.finetuning is None else "finetuning"
        raise ParamsError(f"{arguments.params}: contrastive.{key}.{missing[0]} is missing")
    for dataset in arguments.datasets:
        title = f"train_contrastive {dataset} {arguments.method}"
        data, models = arguments.data / dataset, arguments.models / dataset
        articles = {article.id: article for article in read_articles(data / "corpus", "train")}
        watch = Stopwatch()
        runs = {}
        for seed in seeds:
            start = checkpoint.load(models / "mle" / str(seed))
            pairs = _pairs(data / "rewards" / method.selector / f"{seed}.jsonl", shared, method)
            examples = contrast_examples(pairs, articles, start, source_limit)
            losses = _retrain(start, examples, method, shared, dataset, seed, title)
            checkpoint.save(start.model, start.tokenizer, models / arguments.method / str(seed))
            runs[str(seed)] = {
                "metrics": {"pairs": len(pairs), "train_loss": losses[-1]},
                "curve": curve(losses),
            }
        counts = ", ".join(str(run["metrics"]["pairs"]) for run in runs.values())
        print(f"{title}: {counts} pairs, {watch.seconds():.0f} s")
        write_json(
            arguments.metrics / f"{dataset}-{arguments.method}.json",
            {"stage": title, "seeds": runs, "signature": signature()},
        )


def _retrain(
    start: Checkpoint,
    examples: list[Example],
    method: Method,
    shared: Contrastive,
    dataset: str,
    seed: int,
    title: str,
) -> list[float]:
    """Train the model in place; its losses."""
    seed_everything(seed)
    if shared.finetuning is not None:
        settings = shared.finetuning[dataset].model_copy(update={"lr": method.lr})
        return finetune(
            start,
            pretrained.fitting(examples),
            pretrained.contrastive_loss(settings.label_smoothing, method.negative_weight),
            settings,
            counted=pretrained.punishing(method.negative_tokens),
            seed=seed,
            title=f"{title} {seed}",
        )
    return train(
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
        steps=shared.steps[dataset],
        optimisation=Optimisation(lr=method.lr, other_lr=method.lr, **shared.schedule.model_dump()),
        title=f"{title} {seed}",
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
        __doc__, paths="params grid data models metrics", names="method", datasets=True
    )
    run(main, parser)
