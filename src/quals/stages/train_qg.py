"""Stage `train_qg`: text and answer -> question; the second of QAGS's three models.

Trained on from QAGen, or, where the scale's section names a `base`, as an adapter of that, or with
`finetuning` by all its weights.
"""

import random

from quals.command import run, stage_parser
from quals.corpus import read_contexts
from quals.metrics.qags import QagsSettings, QuestionGenerator
from quals.models import checkpoint
from quals.models.tokenizer import END, PAD, SEPARATOR
from quals.params import Count, Natural, Section, load_section
from quals.training.adapted_qg import train_adapted_qg
from quals.training.bases import finetunes, names_base
from quals.training.batches import epochs
from quals.training.gates import asking_gate
from quals.training.loop import Optimisation, train
from quals.training.pretrained_qg import train_pretrained_qg
from quals.training.qa import likelihood_of, question_examples
from quals.training.record import begin
from quals.training.running import Running, running


class TrainQg(Section):
    """The scale's `train_qg` section."""

    seed: Natural
    steps: Count
    batch_size: Count
    gate_questions: Count
    optimisation: Optimisation


def main(arguments) -> None:
    paths = (arguments.questions, arguments.out, arguments.metrics)
    with running(arguments.params, "train_qg") as how:
        if finetunes(arguments.params, "train_qg"):
            train_pretrained_qg(arguments.params, *paths, how)
        elif names_base(arguments.params, "train_qg"):
            train_adapted_qg(arguments.params, *paths, how)
        else:
            _train_on(arguments, how)


def _train_on(arguments, how: Running) -> None:
    settings = load_section(arguments.params, "train_qg", TrainQg)
    qags = load_section(arguments.params, "qags", QagsSettings)
    begun = begin("train_qg", settings.seed)
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
        running=how,
    )
    if not how.leads:
        return
    checkpoint.save(start.model, start.tokenizer, arguments.out)
    validation = read_contexts(arguments.questions / "validation.jsonl")
    generator = QuestionGenerator(start, qags)
    begun.record(
        arguments.metrics,
        model=start.model,
        losses=losses,
        metrics=asking_gate(generator, validation, settings.gate_questions),
    )


if __name__ == "__main__":
    run(main, stage_parser(__doc__, paths="params questions init out metrics"))
