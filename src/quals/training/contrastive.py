"""How is a summarizer retrained on S+ and S-? From the MLE model, on one corpus and seed."""

import random
from dataclasses import dataclass
from pathlib import Path

from pydantic import model_validator

from quals.corpus import read_articles
from quals.errors import InputError
from quals.models import checkpoint
from quals.models.checkpoint import Checkpoint
from quals.params import Count, NonNegative, Positive, Section, Share
from quals.training import pretrained
from quals.training.batches import Example, epochs
from quals.training.contrast import contrast_examples, contrastive_loss
from quals.training.loop import Optimisation, Schedule, seed_everything, train
from quals.training.running import Running
from quals.training.selection import read_scores, select_pairs
from quals.training.tuning import Tuning, tune


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
    finetuning: dict[str, Tuning] | None = None

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


@dataclass(frozen=True)
class ContrastiveJob:
    """One retraining: where it starts, what it learns from, and where the model goes."""

    title: str
    seed: int
    start: Path
    corpus: Path
    rewards: Path
    out: Path
    shared: Contrastive
    method: Method
    dataset: str
    max_source_tokens: int
    running: Running


@dataclass(frozen=True)
class Retrained:
    """On how many pairs, and the loss of each step."""

    pairs: int
    losses: list[float]


def train_contrastive(job: ContrastiveJob) -> Retrained:
    """Select, retrain and save; `InputError` where nothing is selected."""
    shared, method = job.shared, job.method
    pairs = select_pairs(
        read_scores(job.rewards),
        negative_share=shared.negative_share,
        positive_share=method.positive_share,
        most=shared.pairs,
    )
    if not pairs:
        raise InputError(f"{job.rewards}: S+ and S- share no document")
    articles = {article.id: article for article in read_articles(job.corpus, "train")}
    start = checkpoint.load(job.start)
    examples = contrast_examples(pairs, articles, start, job.max_source_tokens)
    retrained, losses = _retrain(start, examples, job)
    if job.running.leads:
        checkpoint.save(retrained.model, retrained.tokenizer, job.out)
    return Retrained(len(pairs), losses)


def _retrain(
    start: Checkpoint, examples: list[Example], job: ContrastiveJob
) -> tuple[Checkpoint, list[float]]:
    """The trained model and the loss of each step."""
    shared, method = job.shared, job.method
    seed_everything(job.seed)
    if shared.finetuning is not None:
        settings = shared.finetuning[job.dataset].model_copy(update={"lr": method.lr})
        return tune(
            job.start,
            start,
            pretrained.fitting(examples),
            pretrained.contrastive_loss(
                smoothing=settings.label_smoothing,
                negative_weight=method.negative_weight,
                negative_tokens=method.negative_tokens,
            ),
            settings,
            seed=job.seed,
            title=job.title,
            running=job.running,
        )
    losses = train(
        start.model,
        epochs(
            examples,
            min(shared.batch_size, len(examples)),
            start.model.config.pad_token_id,
            random.Random(job.seed),
        ),
        contrastive_loss(
            negative_tokens=method.negative_tokens, negative_weight=method.negative_weight
        ),
        steps=shared.steps[job.dataset],
        optimisation=Optimisation(lr=method.lr, other_lr=method.lr, **shared.schedule.model_dump()),
        title=job.title,
        running=job.running,
    )
    return start, losses
