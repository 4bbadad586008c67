"""What does a text answer to a question? An encoder reads both together, long texts in windows."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from pydantic import model_validator
from torch import Tensor, nn
from tqdm import tqdm

from quals.metrics.reader import cut
from quals.models import encoder
from quals.models.encoder import SPAN, SPECIAL, Inputs
from quals.models.windows import windows
from quals.params import Count, Section


class EncoderReaderSettings(Section):
    """How the encoder reads; lengths are tokens.

    `longest` is that of question and window with the special tokens, `longest_answer` a span's.
    Windows begin `stride` tokens apart. An answer is given unless no answer scores higher by more
    than `null_threshold` (QAGS: 0).
    """

    longest: Count
    longest_question: Count
    stride: Count
    longest_answer: Count
    null_threshold: float
    windows_per_batch: Count

    @model_validator(mode="after")
    def _leaves_room(self) -> "EncoderReaderSettings":
        if self.longest <= self.longest_question + SPECIAL:
            raise ValueError("longest leaves no room for a context beside longest_question")
        return self

    def room(self, question: list[int]) -> int:
        """Tokens of a window beside this question."""
        return self.longest - SPECIAL - len(question)


@dataclass(frozen=True)
class Reply:
    """The best span of a context with its score, and the score of no answer."""

    span: str
    score: float
    none: float


@dataclass(frozen=True)
class _Context:
    text: str
    ids: list[int]
    offsets: list[tuple[int, int]]


@dataclass(frozen=True)
class _Window:
    """Some tokens of a context for question number `asked`; answers begin at `judged` ones only."""

    asked: int
    question: list[int]
    context: _Context
    tokens: range
    judged: tuple[bool, ...]

    @property
    def pair(self) -> tuple[list[int], list[int]]:
        return self.question, self.context.ids[self.tokens.start : self.tokens.stop]

    @property
    def shift(self) -> int:
        """Tokens of the pair before the context's."""
        return len(self.question) + 2


@dataclass(frozen=True)
class _Found:
    """The best span of a window by tokens of the context, its score, and that of no answer."""

    score: float
    first: int
    last: int
    none: float


class EncoderReader:
    """Extractive reader, BERT on SQuAD 2.0: the best span, "" where none beats no answer."""

    def __init__(self, folder: Path | str, settings: EncoderReaderSettings):
        self.settings = settings
        self.encoder = encoder.load(SPAN, folder, longest=settings.longest)

    def answer(self, questions: list[str], contexts: list[str]) -> list[str]:
        """The answer to each question from its own context, "" where it has none."""
        threshold = self.settings.null_threshold
        replies = self.replies(questions, contexts)
        return ["" if r.none > r.score + threshold else r.span for r in replies]

    def replies(self, questions: list[str], contexts: list[str]) -> list[Reply]:
        """What is best in each context, and how it scores against no answer.

        The best span is that of all windows, no answer scores its lowest of all windows (BERT):
        what one window lacks another may hold.
        """
        asked = sorted(set(zip(questions, contexts, strict=True)))
        cuts = self._windows(asked)
        cuts.sort(key=lambda window: window.shift + len(window.tokens))
        found: list[list[_Found]] = [[] for _ in asked]
        size = self.settings.windows_per_batch
        for at in tqdm(range(0, len(cuts), size), desc="reader", delay=5, leave=False):
            chosen = cuts[at : at + size]
            for window, best in zip(chosen, self._read(chosen), strict=True):
                found[window.asked].append(best)
        contexts_of = {window.asked: window.context for window in cuts}
        replies = {
            key: _reply(contexts_of[number], found[number]) for number, key in enumerate(asked)
        }
        return [replies[key] for key in zip(questions, contexts, strict=True)]

    def _windows(self, asked: list[tuple[str, str]]) -> list[_Window]:
        tokenizer = self.encoder.tokenizer
        questions = list(dict.fromkeys(question for question, _ in asked))
        ids = tokenizer.encode(questions, self.settings.longest_question)
        question_ids = dict(zip(questions, ids, strict=True))
        texts = list(dict.fromkeys(context for _, context in asked))
        encodings = tokenizer.backend.encode_batch(texts, add_special_tokens=False)
        contexts = {
            text: _Context(text, encoding.ids, encoding.offsets)
            for text, encoding in zip(texts, encodings, strict=True)
        }
        return [
            _Window(number, question_ids[question], contexts[text], tokens, judged)
            for number, (question, text) in enumerate(asked)
            for tokens, judged in windows(
                len(contexts[text].ids),
                self.settings.room(question_ids[question]),
                self.settings.stride,
            )
        ]

    @torch.inference_mode()
    def _read(self, chosen: list[_Window]) -> Iterator[_Found]:
        """The best span of each window, one pass."""
        inputs = self.encoder.batch([window.pair for window in chosen])
        logits = span_logits(self.encoder.model, inputs)
        device, width = logits.device, logits.shape[1]
        flags = [
            [
                *[False] * window.shift,
                *window.judged,
                *[False] * (width - window.shift - len(window.judged)),
            ]
            for window in chosen
        ]
        begins = torch.tensor(flags, dtype=torch.bool, device=device)
        starts = logits[..., 0].masked_fill(~begins, -torch.inf)
        best, first, last = best_spans(starts, logits[..., 1], self.settings.longest_answer)
        shifts = [window.tokens.start - window.shift for window in chosen]
        shift = torch.tensor(shifts, device=device)
        columns = (best, first + shift, last + shift, logits[:, 0].sum(-1))
        rows = zip(*(column.tolist() for column in columns), strict=True)
        return (_Found(*row) for row in rows)


def _reply(context: _Context, found: list[_Found]) -> Reply:
    """The highest span, of equal ones the first, and the lowest score of no answer."""
    best = max(found, key=lambda one: (one.score, -one.first))
    span = cut(context.text, context.offsets, best.first, best.last) if context.ids else ""
    return Reply(span, best.score, min(one.none for one in found))


def span_logits(model: nn.Module, inputs: Inputs) -> Tensor:
    """Start and end logits [B, S, 2], minus infinity but for the context and no answer, place 0."""
    found = model(**inputs)
    logits = torch.stack([found.start_logits, found.end_logits], dim=-1).float()
    places = torch.arange(logits.shape[1], device=logits.device)
    ends = inputs["attention_mask"].sum(1, keepdim=True) - 1  # of the last special token
    allowed = (inputs["token_type_ids"] == 1) & (places < ends)
    allowed[:, 0] = True
    return logits.masked_fill(~allowed[..., None], -torch.inf)


def best_spans(starts: Tensor, ends: Tensor, longest: int) -> tuple[Tensor, Tensor, Tensor]:
    """Score, first and last place [N] of the best span of at most `longest` places.

    Logits [N, S]; what is minus infinity neither begins nor ends a span.
    """
    ahead = nn.functional.pad(ends, (0, longest - 1), value=-torch.inf).unfold(1, longest, 1)
    best, flat = (starts[:, :, None] + ahead).flatten(1).max(1)
    first = flat // longest
    return best, first, first + flat % longest
