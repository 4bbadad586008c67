"""Stage `train_factcc`: the FactCC classifier, on rule-made corruptions of corpus sentences.

A head on QAGen, or, where the scale's section names a `base`, on that encoder.
"""

import random
from dataclasses import dataclass
from pathlib import Path

import torch

from quals.command import run, stage_parser
from quals.corpus import read_articles
from quals.metrics.answers import LanguageSettings, load_spacy
from quals.metrics.corruptions import ClaimExample, training_examples
from quals.metrics.factcc import FactccSettings
from quals.models import checkpoint, heads
from quals.models.classifier import TrainedClassifier
from quals.models.heads import ClaimClassifier, ProbeFormatter
from quals.models.tokenizer import TextTokenizer
from quals.params import Count, Natural, Section, Share, load_section
from quals.training.bases import names_base
from quals.training.batches import bucketed
from quals.training.encoder_factcc import train_encoder_factcc
from quals.training.gates import belief_gate
from quals.training.loop import Optimisation, train
from quals.training.qa import IGNORED, ProbeBatch, probe_loss
from quals.training.record import begin
from quals.training.running import Running, running


class TrainFactcc(Section):
    """The scale's `train_factcc` section."""

    seed: Natural
    documents: Count
    validation_documents: Count
    pairs_per_document: Count
    shortest_claim: Count
    noise_share: Share
    noise_chance: Share
    steps: Count
    documents_per_batch: Count
    optimisation: Optimisation


def main(arguments) -> None:
    with running(arguments.params, "train_factcc") as how:
        if names_base(arguments.params, "train_factcc"):
            train_encoder_factcc(
                arguments.params, arguments.corpora, arguments.out, arguments.metrics, how
            )
        else:
            _train_prober(arguments, how)


def _train_prober(arguments, how: Running) -> None:
    settings = load_section(arguments.params, "train_factcc", TrainFactcc)
    reading = load_section(arguments.params, "factcc", FactccSettings)
    begun = begin("train_factcc", settings.seed)
    language = load_section(arguments.params, "language", LanguageSettings)
    nlp = load_spacy(language.spacy_pipeline)
    claims = {
        split: _claims(arguments.corpora, split, most, nlp, settings)
        for split, most in (
            ("train", settings.documents),
            ("validation", settings.validation_documents),
        )
    }
    model, tokenizer = heads.load(ClaimClassifier, arguments.init)
    formatter = ProbeFormatter(model, tokenizer)
    examples = _examples(claims["train"], tokenizer, reading.longest)
    batches = bucketed(
        examples,
        settings.documents_per_batch,
        lambda e: len(e.document),
        random.Random(settings.seed),
    )
    losses = train(
        model,
        batches.map(lambda chosen: (_batch(chosen, formatter),)),
        probe_loss,
        steps=settings.steps,
        optimisation=settings.optimisation,
        title="train_factcc",
        running=how,
    )
    if not how.leads:
        return
    checkpoint.save(model, tokenizer, arguments.out)
    classifier = TrainedClassifier(
        arguments.out, longest=reading.longest, contexts_per_batch=reading.contexts_per_batch
    )
    metrics = {"claims": len(claims["train"]), **belief_gate(classifier, claims["validation"])}
    begun.record(arguments.metrics, model=model, losses=losses, metrics=metrics)


def _claims(corpora, split, most, nlp, settings) -> list[ClaimExample]:
    """Corruptions of documents only: what references look like stays unknown to the classifier."""
    rows = [
        {"id": article.id, "document": article.document}
        for folder in corpora
        for article in read_articles(folder, split, most)
    ]
    return training_examples(
        rows,
        nlp,
        random.Random(f"{settings.seed} {split}"),
        pairs_per_document=settings.pairs_per_document,
        shortest=settings.shortest_claim,
        noise_share=settings.noise_share,
        noise_chance=settings.noise_chance,
    )


@dataclass(frozen=True)
class _Example:
    document: list[int]
    claims: list[list[int]]
    labels: list[int]


def _examples(claims: list[ClaimExample], tokenizer: TextTokenizer, limit: int) -> list[_Example]:
    """A document with all its claims, clean and corrupted."""
    by_document: dict[str, list[ClaimExample]] = {}
    for claim in claims:
        by_document.setdefault(claim.document, []).append(claim)
    documents = tokenizer.encode(list(by_document), limit)
    return [
        _Example(document, tokenizer.encode([c.claim for c in group]), [c.label for c in group])
        for document, group in zip(documents, by_document.values(), strict=True)
    ]


def _batch(chosen: list[_Example], formatter: ProbeFormatter) -> ProbeBatch:
    rows = max(len(example.labels) for example in chosen)
    labels = [e.labels + [IGNORED] * (rows - len(e.labels)) for e in chosen]
    inputs = formatter.batch([e.document for e in chosen], [e.claims for e in chosen])
    return ProbeBatch(inputs, torch.tensor(labels))


if __name__ == "__main__":
    parser = stage_parser(__doc__, paths="params init out metrics")
    parser.add_argument("--corpora", type=Path, nargs="+", required=True, metavar="PATH")
    run(main, parser)
