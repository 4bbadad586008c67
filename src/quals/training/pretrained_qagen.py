"""How does a pretrained encoder-decoder become a QAGen? As the paper's: all weights are trained.

Text -> question, separator, answer, end, one example for each question. The separator is a word of
BART's vocabulary that no text holds; no `<s>` stands anywhere.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from quals.corpus import Asked, Context, read_contexts
from quals.errors import InputError
from quals.jsonl import read_json
from quals.metrics.pairs import mean
from quals.metrics.quals import Quals, QualsSettings, save_settings
from quals.models import checkpoint
from quals.models.adapter_folder import Places
from quals.models.checkpoint import Checkpoint
from quals.models.released import find
from quals.models.tokenizer import TextTokenizer
from quals.params import Count, Natural, Section, load_section
from quals.training.batches import Example
from quals.training.gates import mean_loss
from quals.training.pretrained import PretrainedTraining, finetune, fitting, likelihood_loss
from quals.training.qa import qagen_examples
from quals.training.record import begin
from quals.training.running import Running


class PretrainedQagen(Section):
    """The scale's `train_qagen` section where it fine-tunes all weights of a base.

    `separator` is a token of the base's vocabulary, and `separator_id` its number there, which is
    checked where it is not null.
    """

    seed: Natural
    base: Places
    separator: str
    separator_id: Natural | None
    max_source_tokens: Count
    gate_contexts: Count
    finetuning: PretrainedTraining


def train_pretrained_qagen(
    params: Path, questions: Path, truth: Path, out: Path, metrics: Path, running: Running
) -> None:
    """Write the model to `out` and its quality to `metrics`, with the data's origin in `truth`."""
    settings = load_section(params, "train_qagen", PretrainedQagen)
    quals_settings = load_section(params, "quals", QualsSettings)
    begun = begin("train_qagen", settings.seed)
    start = checkpoint.load(find(settings.base, params))
    separator = separator_of(start.tokenizer, settings.separator, settings.separator_id)
    fixed = {
        "separator": separator,
        "end": start.model.config.eos_token_id,
        "limit": settings.max_source_tokens,
    }
    contexts = read_contexts(questions / "train.jsonl")
    examples = fitting(paper_examples(contexts, start.tokenizer, **fixed))
    losses = finetune(
        start,
        examples,
        likelihood_loss(settings.finetuning.label_smoothing),
        settings.finetuning,
        seed=settings.seed,
        title="train_qagen",
        running=running,
    )
    if not running.leads:
        return
    checkpoint.save(start.model, start.tokenizer, out, separator_token_id=separator)
    save_settings(quals_settings, out)
    held_out = read_contexts(questions / "validation.jsonl")[: settings.gate_contexts]
    quals = Quals(Checkpoint(start.model, start.tokenizer), separator, quals_settings)
    begun.record(
        metrics,
        model=start.model,
        losses=losses,
        metrics={
            "pairs": float(len(examples)),
            "validation_loss": mean_loss(
                start.model,
                paper_examples(held_out, start.tokenizer, **fixed),
                pad_id=start.model.config.pad_token_id,
                batch_size=1,
            ),
            **survival(quals, held_out),
        },
        data=data_of(truth),
    )


def separator_of(tokenizer: TextTokenizer, token: str, expected: int | None) -> int:
    """The separator's id; `InputError` where the vocabulary has none, or another than expected."""
    try:
        found = tokenizer.id_of(token)
    except ValueError as error:
        raise InputError(f"train_qagen.separator: {error}") from error
    if expected is not None and found != expected:
        raise InputError(
            f"train_qagen.separator_id: '{token}' is token {found} of the base, not {expected}"
        )
    return found


def paper_examples(
    contexts: Sequence[Context], tokenizer: TextTokenizer, *, separator: int, end: int, limit: int
) -> list[Example]:
    """One example for each question whose answer ends within the first `limit` tokens of its text.

    Others are left out: they would teach answers that the model cannot see (paper.md 1a).
    """
    texts = [context.text for context in contexts]
    encodings = tokenizer.backend.encode_batch(texts, add_special_tokens=False)
    seen = [
        replace(context, questions=tuple(q for q in context.questions if _ends_within(q, last)))
        for context, encoding in zip(contexts, encodings, strict=True)
        for last in [encoding.offsets[:limit][-1][1] if encoding.ids else 0]
    ]
    grouped = qagen_examples(seen, tokenizer, separator=separator, end=end, limit=limit)
    return [Example(group.source, [target]) for group in grouped for target in group.targets]


def _ends_within(question: Asked, last: int) -> bool:
    """Whether the answer is in the text's first `last` characters; none is in none."""
    if question.answer is None or question.start is None:
        return False
    return question.start + len(question.answer) <= last


def survival(quals: Quals, contexts: Sequence[Context]) -> dict[str, float]:
    """What QUALS keeps of the pairs about texts: their number, and the share without any."""
    kept = [len(pairs) for pairs in quals.generate(sorted({c.text for c in contexts})).values()]
    return {"kept_pairs": mean(kept), "without_pairs": kept.count(0) / len(kept)}


def data_of(truth: Path) -> str:
    """Where the questions are from, as the stage `questions` wrote it down."""
    origin = str(read_json(truth / "origin.json")["origin"])
    return origin if "newsqa" in origin else f"{origin}, without NewsQA, which the paper used"
