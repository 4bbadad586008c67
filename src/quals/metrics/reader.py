"""What does a text answer to a question? QAGS's extractive reader, which may answer nothing."""

from pathlib import Path

import torch
from torch import Tensor
from tqdm import tqdm

from quals.models import heads
from quals.models.heads import ProbeFormatter, SpanPointer
from quals.params import Count, Section


class ReaderSettings(Section):
    """`longest` is a context's length in tokens, `longest_answer` a span's.

    An answer is given unless no answer scores higher by more than `null_threshold` (QAGS: 0).
    """

    longest: Count
    longest_answer: Count
    null_threshold: float
    contexts_per_batch: Count


class Reader:
    """Extractive reader after BERT on SQuAD 2.0: the best span, "" where none beats no answer."""

    def __init__(self, folder: Path | str, settings: ReaderSettings):
        self.model, self.tokenizer = heads.load(SpanPointer, folder)
        self.settings = settings
        self.formatter = ProbeFormatter(self.model, self.tokenizer)

    def answer(self, questions: list[str], contexts: list[str]) -> list[str]:
        """The answer to each question from its own context, "" where it has none."""
        asked: dict[str, list[str]] = {}
        for question, context in sorted(set(zip(questions, contexts, strict=True))):
            asked.setdefault(context, []).append(question)
        texts = sorted(asked, key=lambda text: (len(text), text))
        found: dict[tuple[str, str], str] = {}
        size = self.settings.contexts_per_batch
        for start in tqdm(range(0, len(texts), size), desc="reader", delay=5, leave=False):
            chosen = texts[start : start + size]
            for text, answers in zip(chosen, self._read(chosen, asked), strict=True):
                found |= {(q, text): a for q, a in zip(asked[text], answers, strict=True)}
        return [found[key] for key in zip(questions, contexts, strict=True)]

    @torch.inference_mode()
    def _read(self, texts: list[str], asked: dict[str, list[str]]) -> list[list[str]]:
        """The answers to all questions of each text, one pass."""
        encodings = self.tokenizer.backend.encode_batch(texts, add_special_tokens=False)
        logits = self.model(
            *self.formatter.batch(
                [encoding.ids[: self.settings.longest] for encoding in encodings],
                [self.tokenizer.encode(asked[text]) for text in texts],
            )
        )
        spans = best_spans(
            logits.flatten(0, 1), self.settings.longest_answer, self.settings.null_threshold
        ).view(*logits.shape[:2], 2)
        return [
            [cut(text, encoding.offsets, *span) for span in rows[: len(asked[text])]]
            for text, encoding, rows in zip(texts, encodings, spans.tolist(), strict=True)
        ]


def cut(text: str, offsets: list[tuple[int, int]], first: int, last: int) -> str:
    """The characters from token `first` to token `last`, without the space before; "" if none."""
    return "" if last < 0 else text[offsets[first][0] : offsets[last][1]].strip()


def best_spans(logits: Tensor, longest: int, null_threshold: float) -> Tensor:
    """First and last token [N, 2] of the best span of at most `longest` tokens; -1 for none.

    logits [N, 1 + S, 2] of starts and ends; position 0 scores the absence of an answer.
    """
    none = logits[:, 0].sum(-1)
    begin, end = logits[:, 1:, 0], logits[:, 1:, 1]
    size = begin.shape[1]
    window = logits.new_ones(size, size, dtype=torch.bool).triu().tril(longest - 1)
    scores = (begin[:, :, None] + end[:, None, :]).masked_fill(~window, -torch.inf)
    best, flat = scores.flatten(1).max(1)
    spans = torch.stack([flat // size, flat % size], dim=1)
    return torch.where((none > best + null_threshold)[:, None], -1, spans)
