"""How much text does a scale work with? What is here is counted, else published sizes are taken.

Published sizes are for planning only: rows of the data sets on the hub, and mean words, rounded.
"""

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from quals.corpora.sources import ENVIRONMENT

Raw = Mapping[str, object]
LOOKED_AT = 300  # rows whose words are counted
TOKENS_PER_WORD = 1.3  # of subword vocabularies on news
TOKENS_PER_INVENTED_WORD = 1.13  # of the testbed's own vocabulary on its own texts
SPLITS = ("train", "validation", "test")


@dataclass(frozen=True)
class Corpus:
    """Documents of each split; mean tokens of a document and of its reference."""

    train: int
    validation: int
    test: int
    document: float
    summary: float
    origin: str


@dataclass(frozen=True)
class Questions:
    """Contexts of both kinds; mean tokens, and mean questions of one, answered or not.

    `answered` is the share of questions that have an answer.
    """

    articles: int
    summaries: int
    article: float
    summary: float
    article_questions: float
    summary_questions: float
    answered: float
    question: float
    answer: float
    origin: str


# Words of a document and of its summary; rows as on the hub.
PUBLISHED = {
    "xsum": Corpus(204_045, 11_332, 11_334, 430, 23, "published size"),
    "cnndm": Corpus(287_113, 13_368, 11_490, 690, 52, "published size"),
}
# SQuAD v1.1: passages and questions of the training split; NewsQA: articles of its training split.
SQUAD = Questions(18_896, 0, 120, 60, 4.6, 4.6, 1.0, 10, 3.2, "published size of SQuAD")
NEWSQA_ARTICLES, NEWSQA_WORDS, NEWSQA_QUESTIONS = 11_469, 600, 6.5
# The testbed's: words of its grammar's texts, questions beside the settings' unanswerable ones.
INVENTED = Corpus(0, 0, 0, 54, 15, "settings")
INVENTED_CNNDM_SUMMARY = 20.2
INVENTED_QUESTION, INVENTED_ANSWER, INVENTED_SUMMARY = 6.6, 1.4, 18.5


def corpus_sizes(root: Path, scale: str, dataset: str, section: Raw) -> Corpus:
    """The corpus of a data set: as made, else as the sources at hand have it, else as published."""
    made = _counted(root / "data" / scale / dataset / "corpus", "made")
    if made is not None:
        factor = TOKENS_PER_WORD if _named(section) else TOKENS_PER_INVENTED_WORD
        return _in_tokens(made, factor)
    if not _named(section):
        found = replace(INVENTED, **{split: int(section.get(split) or 0) for split in SPLITS})
        if dataset == "cnndm":
            found = replace(found, summary=INVENTED_CNNDM_SUMMARY)
        return _in_tokens(found, TOKENS_PER_INVENTED_WORD)
    places = (folder / dataset for folder in folders(root, section))
    counted = (_counted(place, "folder") for place in places)
    whole = next((found for found in counted if found), None) or PUBLISHED.get(
        dataset, PUBLISHED["cnndm"]
    )
    limits = {split: section.get(split) for split in SPLITS}
    kept = {s: min(getattr(whole, s), most) for s, most in limits.items() if isinstance(most, int)}
    return _in_tokens(replace(whole, **kept), TOKENS_PER_WORD)


def question_sizes(root: Path, scale: str, section: Raw) -> Questions:
    """The question-answer training data, in the same order."""
    made = root / "data" / scale / "questions/train.jsonl"
    if made.is_file():
        factor = TOKENS_PER_WORD if _named(section) else TOKENS_PER_INVENTED_WORD
        return _counted_questions(made, factor)
    if not _named(section):
        share = 1 / (1 + float(section.get("unanswerable_share") or 0))
        return _questions_in_tokens(
            Questions(
                articles=int(section.get("train_articles") or 0),
                summaries=int(section.get("train_summaries") or 0),
                article=INVENTED.document,
                summary=INVENTED_SUMMARY,
                article_questions=float(section.get("per_article") or 0) / share,
                summary_questions=float(section.get("per_summary") or 0) / share,
                answered=share,
                question=INVENTED_QUESTION,
                answer=INVENTED_ANSWER,
                origin="settings",
            ),
            TOKENS_PER_INVENTED_WORD,
        )
    return _questions_in_tokens(_published_questions(section), TOKENS_PER_WORD)


def folders(root: Path, section: Raw) -> Iterator[Path]:
    """Folders that hold data sets: that of the environment, else those that the settings name."""
    named = os.environ.get(ENVIRONMENT)
    if named:
        yield Path(named).expanduser()
        return
    for source in section.get("source") or ():
        if isinstance(source, Mapping) and source.get("kind") == "folder":
            yield root / Path(str(source.get("folder"))).expanduser()


def _named(section: Raw) -> bool:
    return isinstance(section.get("source"), list)


def _counted(folder: Path, origin: str) -> Corpus | None:
    """Rows of a folder's splits, and words of the first of them."""
    if not all((folder / f"{split}.jsonl").is_file() for split in SPLITS):
        return None
    rows = [json.loads(line) for line in _head(folder / "train.jsonl")]
    try:
        words = [
            sum(len(str(row[field]).split()) for row in rows) / len(rows)
            for field in ("document", "summary")
        ]
    except (KeyError, TypeError, ZeroDivisionError):
        return None
    return Corpus(*(_lines(folder / f"{split}.jsonl") for split in SPLITS), *words, origin)


def _counted_questions(path: Path, factor: float) -> Questions:
    """What a file of contexts holds, by its first rows of each kind."""
    kinds: dict[str, list[dict]] = {"article": [], "summary": []}
    counts = dict.fromkeys(kinds, 0)
    with path.open(encoding="utf-8") as file:
        for line in file:
            row = json.loads(line)
            counts[row["kind"]] += 1
            if len(kinds[row["kind"]]) < LOOKED_AT:
                kinds[row["kind"]].append(row)
    asked = [q for rows in kinds.values() for row in rows for q in row["questions"]]
    answers = [q["answer"] for q in asked if q["answer"] is not None]
    words = {
        kind: _mean(len(row["context"].split()) for row in rows) for kind, rows in kinds.items()
    }
    each = {kind: _mean(len(row["questions"]) for row in rows) for kind, rows in kinds.items()}
    found = Questions(
        articles=counts["article"],
        summaries=counts["summary"],
        article=words["article"],
        summary=words["summary"],
        article_questions=each["article"],
        summary_questions=each["summary"],
        answered=len(answers) / max(1, len(asked)),
        question=_mean(len(q["question"].split()) for q in asked),
        answer=_mean(len(answer.split()) for answer in answers),
        origin="made",
    )
    return _questions_in_tokens(found, factor)


def _published_questions(section: Raw) -> Questions:
    """SQuAD, and NewsQA where the settings or the environment name it; some passages in windows."""
    found = SQUAD
    if section.get("newsqa") or os.environ.get("QUALS_NEWSQA"):
        articles = SQUAD.articles + NEWSQA_ARTICLES
        share = NEWSQA_ARTICLES / articles
        found = replace(
            SQUAD,
            articles=articles,
            article=SQUAD.article + share * (NEWSQA_WORDS - SQUAD.article),
            article_questions=SQUAD.article_questions
            + share * (NEWSQA_QUESTIONS - SQUAD.article_questions),
            origin="published sizes of SQuAD and NewsQA",
        )
    most = section.get("train")
    articles = min(found.articles, most) if isinstance(most, int) else found.articles
    short = float(section.get("short_share") or 0)
    unanswerable = float(section.get("unanswerable_share") or 0)
    each = found.article_questions * (1 + unanswerable)
    return replace(
        found,
        articles=round(articles * (1 - short)),
        summaries=round(articles * short),
        article_questions=each,
        summary_questions=each,
        answered=1 / (1 + unanswerable),
    )


def _in_tokens(found: Corpus, factor: float) -> Corpus:
    return replace(found, document=found.document * factor, summary=found.summary * factor)


def _questions_in_tokens(found: Questions, factor: float) -> Questions:
    fields = ("article", "summary", "question", "answer")
    return replace(found, **{field: getattr(found, field) * factor for field in fields})


def _head(path: Path) -> list[str]:
    with path.open(encoding="utf-8") as file:
        return list(islice(file, LOOKED_AT))


def _lines(path: Path) -> int:
    with path.open("rb") as file:
        return sum(1 for _ in file)


def _mean(values: Iterator[int]) -> float:
    found = list(values)
    return sum(found) / len(found) if found else 0.0
