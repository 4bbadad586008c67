"""Stage `train_reader`: question and text -> answer or none; the third of QAGS's three models."""

import random
from collections.abc import Iterator

from quals.command import run, stage_parser
from quals.corpus import Context, read_contexts
from quals.metrics.reader import Reader, ReaderSettings
from quals.models import checkpoint, heads
from quals.models.heads import ProbeFormatter, SpanPointer
from quals.models.tokenizer import TextTokenizer
from quals.params import Count, Natural, Section, load_section
from quals.text import exact_match, token_f1
from quals.training.batches import bucketed
from quals.training.loop import Optimisation, Stopwatch, seed_everything, train
from quals.training.qa import ProbeBatch, probe_loss, span_batch, span_examples
from quals.training.record import write_record


class TrainReader(Section):
    """The scale's `train_reader` section."""

    seed: Natural
    steps: Count
    articles_per_batch: Count
    summaries_per_batch: Count
    gate_contexts: Count
    optimisation: Optimisation


def main(arguments) -> None:
    settings = load_section(arguments.params, "train_reader", TrainReader)
    reading = load_section(arguments.params, "reader", ReaderSettings)
    seed_everything(settings.seed)
    watch = Stopwatch()
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
    )
    checkpoint.save(model, tokenizer, arguments.out)
    validation = read_contexts(arguments.questions / "validation.jsonl")
    reader = Reader(arguments.out, reading)
    metrics: dict[str, float] = {}
    for kind in ("article", "summary"):
        chosen = [c for c in validation if c.kind == kind][: settings.gate_contexts]
        metrics |= {f"{kind}_{name}": value for name, value in _gate(reader, chosen).items()}
    write_record(
        arguments.metrics,
        stage="train_reader",
        seed=settings.seed,
        model=model,
        losses=losses,
        metrics=metrics,
        watch=watch,
    )


def _batches(
    contexts: list[Context],
    tokenizer: TextTokenizer,
    formatter: ProbeFormatter,
    settings: TrainReader,
    limit: int,
) -> Iterator[tuple[ProbeBatch, ...]]:
    """A step sees articles and summaries, each with a mean loss of its own."""
    sizes = {"article": settings.articles_per_batch, "summary": settings.summaries_per_batch}
    parts = []
    for kind, size in sizes.items():
        chosen = [c for c in contexts if c.kind == kind and c.questions]
        examples = span_examples(chosen, tokenizer, limit)
        rng = random.Random(f"{settings.seed} {kind}")
        batches = bucketed(examples, size, lambda e: len(e.context), rng)
        parts.append(span_batch(batch, formatter) for batch in batches)
    return zip(*parts, strict=True)


def _gate(reader: Reader, contexts: list[Context]) -> dict[str, float]:
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


if __name__ == "__main__":
    run(main, stage_parser(__doc__, paths="params questions init out metrics"))
