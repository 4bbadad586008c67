"""Batches for the three question-answering models: QAGen, question generator, reader."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from quals.corpus import Context
from quals.decoding.scoring import target_logprobs
from quals.models.heads import ProbeFormatter, Prober
from quals.models.interface import ConditionalModel
from quals.models.tokenizer import TextTokenizer
from quals.training.batches import Example, TargetBatch
from quals.training.losses import mean_likelihood
from quals.training.parts import mean_over, one_by_one


def target_tokens(batch: TargetBatch | Sequence[TargetBatch]) -> int:
    """The tokens that a likelihood is a mean over."""
    if isinstance(batch, TargetBatch):
        return int(batch.target_mask.sum())
    return sum(map(target_tokens, batch))


@mean_over(target_tokens)
def likelihood_of(model: ConditionalModel, batch: TargetBatch) -> Tensor:
    """Mean negative log-likelihood of a batch's targets."""
    logprobs = target_logprobs(
        model, model.read(batch.ids, batch.mask), batch.targets, batch.target_mask
    )
    return mean_likelihood(logprobs, batch.target_mask)


@mean_over(target_tokens, one_by_one)
def likelihood_of_parts(model: ConditionalModel, parts: tuple[TargetBatch, ...]) -> Tensor:
    """The sum of the parts' mean losses, so that one with more tokens does not drown others."""
    return torch.stack([likelihood_of(model, part) for part in parts]).sum()


def qagen_examples(
    contexts: list[Context], tokenizer: TextTokenizer, *, separator: int, end: int, limit: int
) -> list[Example]:
    """Context -> question, separator, answer, end, for every answered question of a context.

    Question and answer are encoded apart, so that an answer's tokens do not depend on the question.
    """
    sources = tokenizer.encode([context.text for context in contexts], limit)
    answered = [
        [(q.question, q.answer) for q in c.questions if q.answer is not None] for c in contexts
    ]
    questions = iter(tokenizer.encode([question for pairs in answered for question, _ in pairs]))
    answers = iter(tokenizer.encode([answer for pairs in answered for _, answer in pairs]))
    return [
        Example(source, [[*next(questions), separator, *next(answers), end] for _ in pairs])
        for source, pairs in zip(sources, answered, strict=True)
        if pairs
    ]


def question_examples(
    contexts: list[Context], tokenizer: TextTokenizer, *, separator: int, end: int, limit: int
) -> list[Example]:
    """Context, separator, answer -> question, end: every answered question is its own example."""
    asked = [(c, q) for c in contexts for q in c.questions if q.answer is not None]
    sources = dict(
        zip([c.id for c in contexts], tokenizer.encode([c.text for c in contexts]), strict=True)
    )
    answers = tokenizer.encode([q.answer for _, q in asked])
    questions = tokenizer.encode([q.question for _, q in asked])
    return [
        Example([*sources[c.id][: max(0, limit - len(a) - 1)], separator, *a], [[*q, end]])
        for (c, _), a, q in zip(asked, answers, questions, strict=True)
    ]


@dataclass(frozen=True)
class SpanExample:
    """A context, its questions, and the first and last token of each answer; -1 for no answer."""

    context: list[int]
    questions: list[list[int]]
    spans: list[tuple[int, int]]


def span_examples(
    contexts: list[Context], tokenizer: TextTokenizer, limit: int
) -> list[SpanExample]:
    """Every context with all its questions. An answer beyond the cut counts as none."""
    encoded = tokenizer.backend.encode_batch([c.text for c in contexts], add_special_tokens=False)
    questions = iter(tokenizer.encode([q.question for c in contexts for q in c.questions]))
    examples = []
    for context, encoding in zip(contexts, encoded, strict=True):
        spans = []
        for asked in context.questions:
            first = last = -1
            if asked.answer is not None:
                first = encoding.char_to_token(asked.start)
                last = encoding.char_to_token(asked.start + len(asked.answer) - 1)
            spans.append((first, last) if last < limit else (-1, -1))
        own = [next(questions) for _ in context.questions]
        examples.append(SpanExample(encoding.ids[:limit], own, spans))
    return examples


@dataclass(frozen=True)
class ProbeBatch:
    """Inputs of a prober and targets [B, G, ...]; rows without a text have `IGNORED`."""

    inputs: tuple[Tensor, Tensor, Tensor, Tensor]
    targets: Tensor


IGNORED = -100  # what cross entropy leaves out


def span_batch(chosen: list[SpanExample], formatter: ProbeFormatter) -> ProbeBatch:
    """One padded batch; targets [B, G, 2] are counted from 1, 0 stands for no answer."""
    rows = max(len(example.questions) for example in chosen)
    spans = [
        [(first + 1, last + 1) for first, last in example.spans]
        + [(IGNORED, IGNORED)] * (rows - len(example.spans))
        for example in chosen
    ]
    inputs = formatter.batch([e.context for e in chosen], [e.questions for e in chosen])
    return ProbeBatch(inputs, torch.tensor(spans))


def judged(parts: tuple[ProbeBatch, ...]) -> int:
    """The judgments that a cross entropy is a mean over."""
    return sum(int((part.targets != IGNORED).sum()) for part in parts)


@mean_over(judged, one_by_one)
def probe_loss(model: Prober, parts: tuple[ProbeBatch, ...]) -> Tensor:
    """Cross entropy averaged within a part (start and end alike); the parts add up."""
    losses = [
        nn.functional.cross_entropy(
            model(*part.inputs).flatten(0, 1), part.targets.flatten(0, 1), ignore_index=IGNORED
        )
        for part in parts
    ]
    return torch.stack(losses).sum()
