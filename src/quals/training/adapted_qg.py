"""How does a pretrained language model become QAGS's question generator? By an adapter, merged.

Context, separator, answer -> question, end, on the contexts as short as summaries.
"""

from pathlib import Path

from quals.corpus import Context, read_contexts
from quals.metrics.qags import QagsSettings, QuestionGenerator
from quals.models import checkpoint
from quals.models.adapter import add
from quals.models.adapter_folder import Places
from quals.models.checkpoint import Checkpoint
from quals.models.released import find
from quals.params import Count, Natural, Section, load_section
from quals.training.batches import Example
from quals.training.gates import asking_gate, mean_loss
from quals.training.lora import LoraTraining, train_lora
from quals.training.qa import question_examples
from quals.training.record import begin
from quals.training.running import Running


class AdaptedQg(Section):
    """The scale's `train_qg` section where it names a base.

    `separator` is a token of the base's vocabulary that its texts never hold.
    """

    seed: Natural
    base: Places
    separator: str
    gate_questions: Count
    training: LoraTraining


def train_adapted_qg(
    params: Path, questions: Path, out: Path, metrics: Path, running: Running
) -> None:
    """Write the merged model to `out` and its quality to `metrics`."""
    settings = load_section(params, "train_qg", AdaptedQg)
    qags = load_section(params, "qags", QagsSettings)
    begun = begin("train_qg", settings.seed)
    folder = find(settings.base, params)
    start = checkpoint.load(folder)
    separator = start.tokenizer.id_of(settings.separator)
    examples = _examples(read_contexts(questions / "train.jsonl"), start, separator, qags)
    adapter, losses = train_lora(
        start,
        examples,
        settings.training,
        seed=settings.seed,
        title="train_qg",
        running=running,
    )
    if not running.leads:
        return
    merged = checkpoint.load(folder)
    add(merged.model, adapter, folder=out)
    checkpoint.save(merged.model, merged.tokenizer, out, separator_token_id=separator)
    held_out = read_contexts(questions / "validation.jsonl")
    generator = QuestionGenerator(merged, qags, separator=separator)
    loss = mean_loss(
        merged.model,
        _examples(held_out, merged, separator, qags)[: settings.gate_questions],
        pad_id=merged.model.config.pad_token_id,
        batch_size=settings.training.part_size,
    )
    begun.record(
        metrics,
        model=merged.model,
        losses=losses,
        metrics={
            "questions": len(examples),
            **asking_gate(generator, held_out, settings.gate_questions),
            "validation_loss": loss,
        },
    )


def _examples(
    contexts: list[Context], start: Checkpoint, separator: int, qags: QagsSettings
) -> list[Example]:
    """QAGS asks about summaries only."""
    return question_examples(
        [context for context in contexts if context.kind == "summary"],
        start.tokenizer,
        separator=separator,
        end=start.model.config.eos_token_id,
        limit=qags.max_source_tokens,
    )
