"""How does a pretrained encoder-decoder become QAGS's question generator? All weights are trained.

Text, separator, answer -> question, end, on all contexts: QAGS trains on whole articles.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from quals.corpus import Context, read_contexts
from quals.metrics.qags import QagsSettings, QuestionGenerator
from quals.models import checkpoint
from quals.models.adapter_folder import Places
from quals.models.released import find
from quals.params import Count, Natural, Section, load_section
from quals.training.gates import asking_gate
from quals.training.pretrained import PretrainedTraining, finetune, fitting, likelihood_loss
from quals.training.pretrained_qagen import separator_of
from quals.training.qa import question_examples
from quals.training.record import begin
from quals.training.running import Running


class PretrainedQg(Section):
    """The scale's `train_qg` section where it fine-tunes all weights; see `PretrainedQagen`."""

    seed: Natural
    base: Places
    separator: str
    separator_id: Natural | None
    gate_questions: Count
    finetuning: PretrainedTraining


def train_pretrained_qg(
    params: Path, questions: Path, out: Path, metrics: Path, running: Running
) -> None:
    """Write the model to `out` and its quality to `metrics`."""
    settings = load_section(params, "train_qg", PretrainedQg)
    qags = load_section(params, "qags", QagsSettings)
    begun = begin("train_qg", settings.seed)
    start = checkpoint.load(find(settings.base, params))
    separator = separator_of(start.tokenizer, settings.separator, settings.separator_id)
    examples = question_examples(
        read_contexts(questions / "train.jsonl"),
        start.tokenizer,
        separator=separator,
        end=start.model.config.eos_token_id,
        limit=qags.max_source_tokens,
    )
    losses = finetune(
        start,
        fitting(examples),
        likelihood_loss(settings.finetuning.label_smoothing),
        settings.finetuning,
        seed=settings.seed,
        title="train_qg",
        running=running,
    )
    if not running.leads:
        return
    checkpoint.save(start.model, start.tokenizer, out, separator_token_id=separator)
    held_out = as_summaries(read_contexts(questions / "validation.jsonl"))
    generator = QuestionGenerator(start, qags, separator=separator)
    begun.record(
        metrics,
        model=start.model,
        losses=losses,
        metrics={
            "questions": float(len(examples)),
            **asking_gate(generator, held_out, settings.gate_questions),
        },
    )


def as_summaries(contexts: Sequence[Context]) -> list[Context]:
    """All contexts under the kind that the gate asks about."""
    return [replace(context, kind="summary") for context in contexts]
