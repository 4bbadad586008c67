"""What does NewsQA ask? Its combined JSON file, which everybody must build for themselves."""

from collections import Counter
from pathlib import Path

from quals.corpora.columns import checked_text
from quals.corpora.squad import Passage
from quals.corpus import Asked
from quals.errors import InputError
from quals.jsonl import DataError, read_json

_SPLITS = {"train": "train", "dev": "validation"}  # as in the official code, `test` stays aside


def stories(path: Path) -> tuple[dict[str, list[Passage]], dict[str, Counter[str]]]:
    """The stories of `combined-newsqa-data-v1.json` by split, and what was dropped, counted.

    An answer is the consensus of the annotators; where they found none, the question is
    unanswerable. `InputError` where the file is missing, `DataError` for another shape.
    """
    if not path.is_file():
        raise InputError(
            f"{path}: no such file; build it as github.com/Maluuba/newsqa says (its licence lets"
            " nobody pass it on), or set `newsqa: null` and no QUALS_NEWSQA"
        )
    content = read_json(path)
    if not isinstance(content, dict) or not isinstance(content.get("data"), list):
        raise DataError(f"{path}: must be an object with a list 'data'")
    found: dict[str, list[Passage]] = {"train": [], "validation": []}
    counts: dict[str, Counter[str]] = {split: Counter() for split in found}
    for number, story in enumerate(content["data"]):
        where = f"{path}: data.{number}"
        if not isinstance(story, dict):
            raise DataError(f"{where} must be an object")
        kind = _text(story, "type", where)
        if kind not in (*_SPLITS, "test"):
            raise DataError(f"{where}.type must be train, dev or test, not '{kind}'")
        if kind in _SPLITS:
            passage = _passage(story, where, counts[_SPLITS[kind]])
            if passage.questions:
                found[_SPLITS[kind]].append(passage)
    return found, counts


def _passage(story: dict, where: str, counts: Counter[str]) -> Passage:
    name, raw = _text(story, "storyId", where), _text(story, "text", where)
    text = raw.strip()
    if not isinstance(story.get("questions"), list):
        raise DataError(f"{where}.questions must be a list")
    asked: dict[str, Asked] = {}
    for number, row in enumerate(story["questions"]):
        at = f"{where}.questions.{number}"
        counts["read"] += 1
        if not isinstance(row, dict) or not isinstance(row.get("consensus"), dict):
            raise DataError(f"{at}.consensus must be an object")
        question, consensus = _text(row, "q", at).strip(), row["consensus"]
        key = question.casefold()
        if not question or key in asked:
            counts["repeated question" if question else "empty context or question"] += 1
        elif consensus.get("noAnswer"):
            asked[key] = Asked(question, None, None)
        elif "s" not in consensus or "e" not in consensus:
            counts["no consensus"] += 1
        else:
            answer, start = _slice(raw, consensus, at)
            if answer:
                asked[key] = Asked(question, answer, start - (len(raw) - len(raw.lstrip())))
            else:
                counts["answer not in the context"] += 1
    return Passage(f"newsqa-{name}", name, text, tuple(asked.values()))


def _slice(raw: str, consensus: dict, at: str) -> tuple[str, int]:
    """The consensus span without outer spaces and where it starts in the raw text."""
    start, end = consensus["s"], consensus["e"]
    if not all(isinstance(place, int) and place >= 0 for place in (start, end)):
        raise DataError(f"{at}.consensus: 's' and 'e' must be places in the text")
    span = raw[start:end]
    return span.strip(), start + len(span) - len(span.lstrip())


def _text(row: dict, field: str, where: str) -> str:
    return checked_text(row.get(field), f"{where}.{field}")
