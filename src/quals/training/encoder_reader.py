"""How does a pretrained encoder become QAGS's reader? It learns to point, or at no answer.

As BERT on SQuAD 2.0: start and end of the answer are two choices among a window's tokens and the
first one, which stands for no answer. A window that the answer is not wholly in has none.
"""

import random
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from tokenizers import Encoding

from quals.corpus import Asked, Context, read_contexts
from quals.metrics.encoder_reader import EncoderReader, EncoderReaderSettings, span_logits
from quals.models import encoder
from quals.models.adapter_folder import Places
from quals.models.encoder import SPAN, Encoder
from quals.models.released import find
from quals.models.tokenizer import TextTokenizer
from quals.models.windows import windows
from quals.params import Count, Natural, Section, load_section
from quals.training.encoders import EncoderTraining, Labelled, train_encoder
from quals.training.gates import reading_gates
from quals.training.record import begin
from quals.training.running import Running

NO_ANSWER = (0, 0)


class TrainEncoderReader(Section):
    """The scale's `train_reader` section where it names a base.

    Without `training` (null) the base is a reader already and stands in as it is.
    """

    seed: Natural
    base: Places
    gate_contexts: Count
    training: EncoderTraining | None


def train_encoder_reader(
    params: Path, questions: Path, out: Path, metrics: Path, running: Running
) -> None:
    """Train on questions from all contexts, write the model to `out` and its quality."""
    settings = load_section(params, "train_reader", TrainEncoderReader)
    reading = load_section(params, "reader", EncoderReaderSettings)
    begun = begin("train_reader", settings.seed)
    folder = find(settings.base, params)
    if settings.training is None:
        start, losses, counts = encoder.load(SPAN, folder, longest=reading.longest), [], Counter()
    else:
        start, losses, counts = _trained(
            folder, questions / "train.jsonl", settings.training, reading, settings.seed, running
        )
    if not running.leads:
        return
    encoder.save(start, out)
    held_out = read_contexts(questions / "validation.jsonl")
    gates = reading_gates(EncoderReader(out, reading), held_out, settings.gate_contexts)
    begun.record(
        metrics,
        model=start.model,
        losses=losses,
        metrics={**{name: float(count) for name, count in counts.items()}, **gates},
        data="a public reader stands in, not trained here" if settings.training is None else None,
    )


def _trained(
    folder: Path,
    questions: Path,
    training: EncoderTraining,
    reading: EncoderReaderSettings,
    seed: int,
    running: Running,
) -> tuple[Encoder, list[float], Counter[str]]:
    """The encoder in `folder` with a new head that has learnt, its losses, and counts of rows."""
    start = encoder.start(SPAN, folder, longest=reading.longest, dropout=training.dropout)
    contexts = read_contexts(questions)
    asked = sample(contexts, training.steps * training.batch_size, random.Random(seed))
    rows, counts = span_rows(asked, start.tokenizer, reading)
    losses = train_encoder(
        start, rows, span_logits, training, seed=seed, title="train_reader", running=running
    )
    return start, losses, counts


def sample(
    contexts: Sequence[Context], most: int, rng: random.Random
) -> list[tuple[Context, Asked]]:
    """At most `most` questions with their contexts, drawn from all."""
    asked = [(context, question) for context in contexts for question in context.questions]
    return rng.sample(asked, min(most, len(asked)))


def span_rows(
    asked: Sequence[tuple[Context, Asked]], tokenizer: TextTokenizer, reading: EncoderReaderSettings
) -> tuple[list[Labelled], Counter[str]]:
    """The windows of every question with the answer's places in the pair, and counts.

    An answer that the tokenizer drops altogether leaves its question out.
    """
    texts = list({context.id: context.text for context, _ in asked}.items())
    encodings = tokenizer.backend.encode_batch([t for _, t in texts], add_special_tokens=False)
    encoded = {name: (found, found.ids) for (name, _), found in zip(texts, encodings, strict=True)}
    questions = tokenizer.encode([q.question for _, q in asked], reading.longest_question)
    rows, counts = [], Counter(questions=0, without_tokens=0, windows=0, answered_windows=0)
    for (context, question), ids in zip(asked, questions, strict=True):
        encoding, tokens = encoded[context.id]
        answer = _answer_tokens(encoding, question)
        if question.answer is not None and answer is None:
            counts["without_tokens"] += 1
            continue
        counts["questions"] += 1
        for window, _ in windows(len(tokens), reading.room(ids), reading.stride):
            target = _target(answer, window, shift=len(ids) + 2)
            counts["windows"] += 1
            counts["answered_windows"] += target != NO_ANSWER
            rows.append(Labelled(ids, tokens[window.start : window.stop], target))
    return rows, counts


def _answer_tokens(encoding: Encoding, question: Asked) -> tuple[int, int] | None:
    """First and last token of the answer; characters that the tokenizer drops have none."""
    if question.answer is None or question.start is None:
        return None
    places = range(question.start, question.start + len(question.answer))
    tokens = [t for place in places if (t := encoding.char_to_token(place)) is not None]
    return (tokens[0], tokens[-1]) if tokens else None


def _target(answer: tuple[int, int] | None, window: range, *, shift: int) -> tuple[int, int]:
    """The answer's places in a pair that has `shift` tokens before the window."""
    if answer is None or answer[0] not in window or answer[1] not in window:
        return NO_ANSWER
    first, last = (token - window.start + shift for token in answer)
    return first, last
