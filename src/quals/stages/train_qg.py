"""Stage `train_qg`: text and answer -> question; the second of QAGS's three models."""

import random

from quals.command import run, stage_parser
from quals.corpus import read_contexts
from quals.metrics.qags import QagsSettings, QuestionGenerator
from quals.models import checkpoint
from quals.models.tokenizer import END, PAD, SEPARATOR
from quals.params import Count, Natural, Section, load_section
from quals.text import exact_match
from quals.training.batches import epochs
from quals.training.loop import Optimisation, Stopwatch, seed_everything, train
from quals.training.qa import likelihood_of, question_examples
from quals.training.record import write_record


class TrainQg(Section):
    """The scale's `train_qg` section."""

    seed: Natural
    steps: Count
    batch_size: Count
    gate_questions: Count
    optimisation: Optimisation


def main(arguments) -> None:
    settings = load_section(arguments.params, "train_qg", TrainQg)
    qags = load_section(arguments.params, "qags", QagsSettings)
    seed_everything(settings.seed)
    watch = Stopwatch()
    start = checkpoint.load(arguments.init)
    # QAGS asks about summaries only.
    contexts = read_contexts(arguments.questions / "train.jsonl")
    examples = question_examples(
        [c for c in contexts if c.kind == "summary"],
        start.tokenizer,
        separator=start.tokenizer.id_of(SEPARATOR),
        end=start.tokenizer.id_of(END),
        limit=qags.max_source_tokens,
    )
    rng = random.Random(settings.seed)
    losses = train(
        start.model,
        epochs(examples, settings.batch_size, start.tokenizer.id_of(PAD), rng),
        likelihood_of,
        steps=settings.steps,
        optimisation=settings.optimisation,
        title="train_qg",
    )
    checkpoint.save(start.model, start.tokenizer, arguments.out)
    metrics = _gate(start, arguments, qags, settings.gate_questions)
    write_record(
        arguments.metrics,
        stage="train_qg",
        seed=settings.seed,
        model=start.model,
        losses=losses,
        metrics=metrics,
        watch=watch,
    )


def _gate(
    start: checkpoint.Checkpoint, arguments, settings: QagsSettings, most: int
) -> dict[str, float]:
    """How often the likeliest question is one that was really asked about (text, answer)."""
    asked: dict[tuple[str, str], list[str]] = {}
    for context in read_contexts(arguments.questions / "validation.jsonl"):
        if context.kind == "summary":
            for question in context.questions:
                if question.answer is not None:
                    asked.setdefault((context.text, question.answer), []).append(question.question)
    work = sorted(asked)[:most]
    generated = QuestionGenerator(start, settings).generate(work)
    hits = [
        max((exact_match(group[0].text, known) for known in asked[key]), default=0.0)
        if group
        else 0.0
        for key, group in zip(work, generated, strict=True)
    ]
    return {"exact_match": sum(hits) / len(hits)}


if __name__ == "__main__":
    run(main, stage_parser(__doc__, paths="params questions init out metrics"))
