"""Which real articles does a scale work with? Found, checked, filtered, apart, a sample of each."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from quals.corpora.columns import article
from quals.corpora.filters import clean, corruption
from quals.corpora.settings import RealCorpus
from quals.corpora.sources import find
from quals.corpora.splits import apart, sample
from quals.corpus import SPLITS, Article
from quals.jsonl import DataError


@dataclass(frozen=True)
class LoadedArticles:
    """Articles by split, where they are from, and what became of the rows that were read."""

    origin: str
    lacking: tuple[str, ...]
    splits: dict[str, list[Article]]
    counts: dict[str, dict[str, int]]


def load_articles(
    dataset: str, settings: RealCorpus, environment: Mapping[str, str]
) -> LoadedArticles:
    """The data set's three splits, each by id; no text is in two of them.

    Raises `MissingDataError` where no source has it, `DataError` for a row or split of no use.
    """
    found = find(dataset, settings.source, splits=SPLITS, environment=environment)
    foreign = corruption(dataset, settings.filter_level)
    cleaned: dict[str, list[Article]] = {}
    counts: dict[str, Counter[str]] = {}
    for split in SPLITS:
        cleaned[split], counts[split] = [], Counter(read=len(found.rows[split]))
        for row in found.rows[split]:
            kept, removed = clean(article(row), foreign)
            counts[split] += removed
            if kept is not None:
                cleaned[split].append(kept)
    kept_apart, repeated = apart(cleaned, lambda item: item.document)
    limits = {"train": settings.train, "validation": settings.validation, "test": settings.test}
    splits = {}
    for split in SPLITS:
        splits[split] = sample(kept_apart[split], limits[split], settings.seed)
        if not splits[split]:
            raise DataError(f"{dataset} from {found.origin}: no row of '{split}' can be used")
        counts[split] += repeated[split]
        counts[split] += Counter(
            {
                "beyond the size": len(kept_apart[split]) - len(splits[split]),
                "kept": len(splits[split]),
            }
        )
    return LoadedArticles(
        found.origin, found.lacking, splits, {name: dict(each) for name, each in counts.items()}
    )
