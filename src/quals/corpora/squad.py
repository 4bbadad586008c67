"""What do SQuAD's rows ask? Passages with questions whose answers stand where they say."""

import hashlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from quals.corpora.columns import Located, checked_text, identifier, text_field
from quals.corpus import Asked
from quals.jsonl import DataError


@dataclass(frozen=True)
class Passage:
    """A text with questions about it. Passages of one title are about the same subject."""

    id: str
    title: str
    text: str
    questions: tuple[Asked, ...]


def passages(rows: Iterable[Located]) -> tuple[list[Passage], Counter[str]]:
    """The rows of SQuAD v1.1 or v2.0 (as on the hub) by passage, and what was dropped, counted.

    A question keeps its first answer that the passage holds (the paper makes an example of every
    distinct one, which differs in the validation set only); one without any answer is unanswerable.
    """
    asked: dict[tuple[str, str], dict[str, Asked]] = {}
    ids: set[str] = set()
    counts: Counter[str] = Counter()
    for found in sorted(rows, key=identifier):  # whatever their order in the file
        counts["read"] += 1
        name = identifier(found)
        title, text = text_field(found, ("title",)), text_field(found, ("context",))
        question = text_field(found, ("question",)).strip()
        answers = _answers(found)
        held = asked.setdefault((title, text), {}) if text.strip() else {}
        if name in ids:
            counts["repeated id"] += 1
        elif not text.strip() or not question:
            counts["empty context or question"] += 1
        elif question.casefold() in held:
            counts["repeated question"] += 1
        elif not answers:
            held[question.casefold()] = Asked(question, None, None)
        else:
            place = _place(text, answers, counts)
            if place is not None:
                held[question.casefold()] = Asked(question, *place)
        ids.add(name)
    found_passages = [
        Passage(f"{title}-{_digest(text)}", title, text, tuple(questions.values()))
        for (title, text), questions in asked.items()
        if questions
    ]
    return found_passages, counts


def locate(text: str, answer: str, start: int) -> tuple[str, int] | None:
    """The answer without outer spaces and where it stands: at `start`, else where nearest to it.

    None where the text does not hold it.
    """
    stripped = answer.strip()
    if not stripped:
        return None
    start += len(answer) - len(answer.lstrip())
    if start >= 0 and text.startswith(stripped, start):
        return stripped, start
    places = []
    at = text.find(stripped)
    while at >= 0:
        places.append(at)
        at = text.find(stripped, at + 1)
    if not places:
        return None
    return stripped, min(places, key=lambda place: abs(place - start))


def _place(
    text: str, answers: list[tuple[str, int]], counts: Counter[str]
) -> tuple[str, int] | None:
    for answer, start in answers:
        place = locate(text, answer, start)
        if place is not None:
            counts["start repaired"] += place != _stated(answer, start)
            return place
    counts["answer not in the context"] += 1
    return None


def _stated(answer: str, start: int) -> tuple[str, int]:
    return answer.strip(), start + len(answer) - len(answer.lstrip())


def _answers(found: Located) -> list[tuple[str, int]]:
    """The pairs of text and start in `answers`; `DataError` where it has another shape."""
    if "answers" not in found.row:
        raise DataError(f"{found.where}: field 'answers' is missing")
    answers = found.row["answers"]
    where = f"{found.where}: field 'answers'"
    if not isinstance(answers, dict) or not {"text", "answer_start"} <= answers.keys():
        raise DataError(f"{where} must be an object with 'text' and 'answer_start'")
    texts, starts = answers["text"], answers["answer_start"]
    if not isinstance(texts, list) or not isinstance(starts, list) or len(texts) != len(starts):
        raise DataError(f"{where}: 'text' and 'answer_start' must be lists of one length")
    for start in starts:
        if not isinstance(start, int) or isinstance(start, bool):
            raise DataError(f"{where}: 'answer_start' must hold int, not {type(start).__name__}")
    return [
        (checked_text(text, f"{where}: each 'text'"), start)
        for text, start in zip(texts, starts, strict=True)
    ]


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:10]
