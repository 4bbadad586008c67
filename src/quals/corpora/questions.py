"""Which real questions train the question models? SQuAD's, and NewsQA's where the user has it."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from quals.corpora.contexts import make_contexts
from quals.corpora.newsqa import stories
from quals.corpora.settings import RealQuestions
from quals.corpora.sources import find
from quals.corpora.splits import apart, sample
from quals.corpora.squad import Passage, passages
from quals.corpus import Context
from quals.jsonl import DataError

SQUAD = "squad"
NEWSQA = "QUALS_NEWSQA"  # names its combined JSON file where the settings name none
SPLITS = ("train", "validation")


@dataclass(frozen=True)
class LoadedQuestions:
    """Contexts by split, where they are from, and what became of the rows that were read."""

    origin: str
    lacking: tuple[str, ...]
    splits: dict[str, list[Context]]
    counts: dict[str, dict[str, int]]


def load_questions(settings: RealQuestions, environment: Mapping[str, str]) -> LoadedQuestions:
    """Contexts for training and validation; no passage is in both.

    NewsQA joins where the settings or `QUALS_NEWSQA` name its file; the origin says whether. Raises
    `MissingDataError` where no source has SQuAD, `DataError` for a row or split of no use.
    """
    found = find(SQUAD, settings.source, splits=SPLITS, environment=environment)
    read: dict[str, list[Passage]] = {}
    counts: dict[str, Counter[str]] = {}
    for split in SPLITS:
        read[split], counts[split] = passages(found.rows[split])
    origin = found.origin
    newsqa = settings.newsqa or environment.get(NEWSQA)
    if newsqa:
        told, lost = stories(Path(newsqa))
        for split in SPLITS:
            read[split] += told[split]
            counts[split] += lost[split]
        origin += ", newsqa"
    kept_apart, repeated = apart(read, lambda passage: passage.text)
    limits = {"train": settings.train, "validation": settings.validation}
    splits = {}
    for split in SPLITS:
        chosen = sample(kept_apart[split], limits[split], settings.seed)
        splits[split], made = make_contexts(
            chosen,
            seed=settings.seed,
            short_share=settings.short_share,
            short_sentences=settings.short_sentences,
            longest_words=settings.longest_words,
            unanswerable_share=settings.unanswerable_share,
            unanswerable_nearest=settings.unanswerable_nearest,
        )
        if not splits[split]:
            raise DataError(f"{SQUAD} from {origin}: no row of '{split}' can be used")
        counts[split] += repeated[split] + made
        counts[split] += Counter({"passages": len(chosen)})
        counts[split] += Counter({"beyond the size": len(kept_apart[split]) - len(chosen)})
    return LoadedQuestions(
        origin, found.lacking, splits, {name: dict(each) for name, each in counts.items()}
    )
