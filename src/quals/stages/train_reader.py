"""Stage `train_reader`: question and text -> answer or none; the third of QAGS's three models.

A head on QAGen, or, where the scale's section names a `base`, on that encoder.
"""

import random

from quals.command import run, stage_parser
from quals.corpus import Context, read_contexts
from quals.metrics.reader import Reader, ReaderSettings
from quals.models import checkpoint, heads
from quals.models.heads import ProbeFormatter, SpanPointer
from quals.models.tokenizer import TextTokenizer
from quals.params import Count, Natural, Section, load_section
from quals.training.bases import names_base
from quals.training.batches import Batches, bucketed, together
from quals.training.encoder_reader import train_encoder_reader
from quals.training.gates import reading_gates
from quals.training.loop import Optimisation, train
from quals.training.qa import ProbeBatch, probe_loss, span_batch, span_examples
from quals.training.record import begin
from quals.training.running import Running, running


class TrainReader(Section):
    """The scale's `train_reader` section."""

    seed: Natural
    steps: Count
    articles_per_batch: Count
    summaries_per_batch: Count
    gate_contexts: Count
    optimisation: Optimisation


def main(arguments) -> None:
    with running(arguments.params, "train_reader") as how:
        if names_base(arguments.params, "train_reader"):
            train_encoder_reader(
                arguments.params, arguments.questions, arguments.out, arguments.metrics, how
            )
        else:
            _train_pointer(arguments, how)


def _train_pointer(arguments, how: Running) -> None:
    settings = load_section(arguments.params, "train_reader", TrainReader)
    reading = load_section(arguments.params, "reader", ReaderSettings)
    begun = begin("train_reader", settings.seed)
    model, tokenizer = heads.load(SpanPointer, arguments.init)
    formatter = ProbeFormatter(model, tokenizer)
    contexts = read_contexts(arguments.questions / "train.jsonl")
    losses = train(
        model,
        _batches(contexts, tokenizer, formatter, settings, reading.longest),
        probe_loss,
        steps=settings.steps,
        optimisation=settings.optimisation,
        title="train_reader",
        running=how,
    )
    if not how.leads:
        return
    checkpoint.save(model, tokenizer, arguments.out)
    validation = read_contexts(arguments.questions / "validation.jsonl")
    begun.record(
        arguments.metrics,
        model=model,
        losses=losses,
        metrics=reading_gates(Reader(arguments.out, reading), validation, settings.gate_contexts),
    )


def _batches(
    contexts: list[Context],
    tokenizer: TextTokenizer,
    formatter: ProbeFormatter,
    settings: TrainReader,
    limit: int,
) -> Batches[tuple[ProbeBatch, ...]]:
    """A step sees articles and summaries, each with a mean loss of its own."""
    sizes = {"article": settings.articles_per_batch, "summary": settings.summaries_per_batch}
    parts = []
    for kind, size in sizes.items():
        chosen = [c for c in contexts if c.kind == kind and c.questions]
        examples = span_examples(chosen, tokenizer, limit)
        rng = random.Random(f"{settings.seed} {kind}")
        batches = bucketed(examples, size, lambda e: len(e.context), rng)
        parts.append(batches.map(lambda batch: span_batch(batch, formatter)))
    return together(*parts)


if __name__ == "__main__":
    run(main, stage_parser(__doc__, paths="params questions init out metrics"))
