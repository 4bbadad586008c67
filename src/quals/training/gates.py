"""Are QAGS's and FactCC's models good enough to measure with? What each stage says of its own."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

import torch

from quals.corpus import Context
from quals.metrics.factcc import ClaimClassifier, balanced_accuracy
from quals.models.device import device_of, moved
from quals.models.interface import ConditionalModel
from quals.text import exact_match, token_f1
from quals.training.batches import Example, collate
from quals.training.qa import likelihood_of

if TYPE_CHECKING:  # it imports spaCy, which takes a second
    from quals.metrics.corruptions import ClaimExample


class SpanReader(Protocol):
    """Anything that answers questions from texts, "" where there is no answer."""

    def answer(self, questions: list[str], contexts: list[str]) -> list[str]:
        """One answer per question, in order."""
        ...


class Asker(Protocol):
    """Anything that asks about (text, answer); questions have a `text`, the likeliest first."""

    def generate(self, work: list[tuple[str, str]]) -> list[list]:
        """The questions of each item, in order."""
        ...


def reading_gate(reader: SpanReader, contexts: Sequence[Context]) -> dict[str, float]:
    """Exact match and F1 on answered questions, and the share of unanswerable ones left empty."""
    asked = [(q.question, c.text, q.answer) for c in contexts for q in c.questions]
    replies = reader.answer([q for q, _, _ in asked], [text for _, text, _ in asked])
    known = [(reply, a) for reply, (_, _, a) in zip(replies, asked, strict=True) if a is not None]
    empty = [reply == "" for reply, (_, _, a) in zip(replies, asked, strict=True) if a is None]
    return {
        "exact_match": sum(exact_match(*pair) for pair in known) / len(known),
        "f1": sum(token_f1(*pair) for pair in known) / len(known),
        "no_answer": sum(empty) / max(1, len(empty)),
    }


def reading_gates(reader: SpanReader, contexts: Sequence[Context], most: int) -> dict[str, float]:
    """`reading_gate` over the first `most` contexts of each kind that there is."""
    metrics: dict[str, float] = {}
    for kind in ("article", "summary"):
        chosen = [c for c in contexts if c.kind == kind][:most]
        if any(q.answer is not None for c in chosen for q in c.questions):
            found = reading_gate(reader, chosen)
            metrics |= {f"{kind}_{name}": value for name, value in found.items()}
    return metrics


def belief_gate(classifier: ClaimClassifier, claims: Sequence["ClaimExample"]) -> dict[str, float]:
    """Balanced accuracy on rule-made claims, and the share caught of each rule's corruptions."""
    probabilities = classifier.probabilities(
        [c.document for c in claims], [c.claim for c in claims]
    )
    guesses = [int(p > 0.5) for p in probabilities]
    metrics = {"balanced_accuracy": balanced_accuracy([c.label for c in claims], guesses)}
    for rule in sorted({c.rule for c in claims if c.rule}):
        caught = [g == 0 for g, c in zip(guesses, claims, strict=True) if c.rule == rule]
        metrics[f"caught_{rule}"] = sum(caught) / len(caught)
    return metrics


def asking_gate(generator: Asker, contexts: Sequence[Context], most: int) -> dict[str, float]:
    """How often the likeliest question is one that was really asked about (text, answer).

    Over the first `most` answers in contexts of kind "summary".
    """
    asked: dict[tuple[str, str], list[str]] = {}
    for context in contexts:
        if context.kind == "summary":
            for question in context.questions:
                if question.answer is not None:
                    asked.setdefault((context.text, question.answer), []).append(question.question)
    work = sorted(asked)[:most]
    hits = [
        max((exact_match(group[0].text, known) for known in asked[key]), default=0.0)
        if group
        else 0.0
        for key, group in zip(work, generator.generate(work), strict=True)
    ]
    return {"exact_match": sum(hits) / len(hits)}


@torch.inference_mode()
def mean_loss(
    model: ConditionalModel, examples: Sequence[Example], *, pad_id: int, batch_size: int
) -> float:
    """Mean negative log-likelihood of all target tokens of the examples."""
    ordered = sorted(examples, key=lambda example: len(example.source))
    total = count = 0.0
    for at in range(0, len(ordered), batch_size):
        batch = moved(collate(ordered[at : at + batch_size], pad_id), device_of(model))
        tokens = batch.target_mask.sum().item()
        total += likelihood_of(model, batch).item() * tokens
        count += tokens
    return total / count
