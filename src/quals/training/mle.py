"""How is a maximum-likelihood summarizer trained? From QAGen's weights, on one corpus and seed."""

import random
from dataclasses import dataclass
from pathlib import Path

from pydantic import model_validator

from quals.corpus import Article, read_articles
from quals.decoding.summarizer import Summarizer, SummaryLimits
from quals.models import checkpoint
from quals.models.adapter_folder import Places
from quals.models.checkpoint import Checkpoint
from quals.params import Count, Section
from quals.training.batches import Example, epochs
from quals.training.loop import Optimisation, train
from quals.training.qa import likelihood_of
from quals.training.record import Begun, begin
from quals.training.running import Running
from quals.training.tuning import Tuning


class TrainMle(Section):
    """The scale's `train_mle` section.

    Without `base` training goes on from QAGen. With it each corpus has a pretrained model, and how
    that is trained; null for a summarizer that stands in as it is.
    """

    max_source_tokens: Count
    steps: Count | None = None
    batch_size: Count | None = None
    optimisation: Optimisation | None = None
    base: dict[str, Places] | None = None
    finetuning: dict[str, Tuning | None] | None = None

    @model_validator(mode="after")
    def _is_one_of_both(self) -> "TrainMle":
        own = (self.steps, self.batch_size, self.optimisation)
        if self.base is None and (None in own or self.finetuning is not None):
            raise ValueError("without 'base' it needs steps, batch_size and optimisation, no more")
        if self.base is not None and (any(own) or self.finetuning is None):
            raise ValueError("with 'base' it needs finetuning, and no steps of its own")
        return self


@dataclass(frozen=True)
class MleJob:
    """One summarizer: what it learns from and how, and where model and metrics go."""

    dataset: str
    seed: int
    corpus: Path
    init: Path
    out: Path
    metrics: Path
    settings: TrainMle
    limits: SummaryLimits
    running: Running


def train_mle(job: MleJob) -> None:
    """Train, save, and measure the loss on the validation split."""
    begun = begin(f"train_mle {job.dataset} {job.seed}", job.seed)
    start = checkpoint.load(job.init)
    articles = read_articles(job.corpus, "train")
    examples = summary_examples(articles, start, job.settings.max_source_tokens)
    losses = train(
        start.model,
        epochs(
            examples,
            job.settings.batch_size,
            start.model.config.pad_token_id,
            random.Random(job.seed),
        ),
        likelihood_of,
        steps=job.settings.steps,
        optimisation=job.settings.optimisation,
        title=begun.stage,
        running=job.running,
    )
    if job.running.leads:
        keep(start, losses, job, begun)


def keep(
    found: Checkpoint, losses: list[float], job: MleJob, begun: Begun, *, data: str | None = None
) -> None:
    """Save the summarizer, and record its loss on the validation split."""
    checkpoint.save(found.model, found.tokenizer, job.out)
    held_out = read_articles(job.corpus, "validation")
    likelihoods = Summarizer(found, job.limits, job.settings.max_source_tokens).likelihood(
        [a.document for a in held_out], [a.summary for a in held_out]
    )
    begun.record(
        job.metrics,
        model=found.model,
        losses=losses,
        metrics={"validation_loss": -sum(likelihoods) / len(likelihoods)},
        data=data,
    )


def summary_examples(articles: list[Article], start: Checkpoint, limit: int) -> list[Example]:
    """Document -> summary, end; documents are cut at `limit` tokens."""
    sources = start.tokenizer.encode([a.document for a in articles], limit)
    targets = start.tokenizer.encode([a.summary for a in articles])
    end = start.model.config.eos_token_id
    return [Example(s, [[*t, end]]) for s, t in zip(sources, targets, strict=True)]
