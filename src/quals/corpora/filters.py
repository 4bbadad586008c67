"""What did the crawl leave in the texts? The paper's corruption filter and its line format."""

from collections import Counter
from dataclasses import dataclass, replace

from quals.corpus import Article
from quals.errors import InputError
from quals.text import sentences

# The bar of buttons above a BBC article (official code).
SHARE_BAR = (
    "Share this with",
    "Email",
    "Facebook",
    "Messenger",
    "Twitter",
    "Pinterest",
    "WhatsApp",
    "LinkedIn",
    "Copy this link",
    "These are external links and will open in a new window",
)
# A line that ends in one of these gets no full stop (official code).
_ENDS = (".", "!", "?", "'", "`", '"', "\u2019", "\u201d", ")")


@dataclass(frozen=True)
class Corruption:
    """What does not belong: document lines (any case) and openings of summary lines."""

    document_lines: frozenset[str]
    summary_openings: tuple[str, ...]


NOTHING = Corruption(frozenset(), ())
_LEVEL_1 = {
    "xsum": Corruption(frozenset(line.lower() for line in SHARE_BAR), ()),
    "cnndm": Corruption(frozenset(), ("READ", "CLICK HERE")),
}


def corruption(dataset: str, level: int) -> Corruption:
    """The paper's `filter_level`: 0 removes nothing, 1 what is listed for the data set.

    Level 2, which drops references by their named entities, belongs to another paper.
    """
    if level == 0:
        return NOTHING
    if level != 1 or dataset not in _LEVEL_1:
        raise InputError(f"no corruption filter of level {level} is known for '{dataset}'")
    return _LEVEL_1[dataset]


def clean(article: Article, corruption: Corruption) -> tuple[Article | None, Counter[str]]:
    """The article on one line each for document and summary, and what was taken out, counted.

    Lines get a full stop where they lack an end, and are joined by spaces. None stands for an
    article of which document or summary is empty, before or after.
    """
    removed: Counter[str] = Counter()
    document = _lines(article.document)
    kept = [line for line in document if line.lower() not in corruption.document_lines]
    removed["share-bar line"] = len(document) - len(kept)
    summary = _lines(article.summary)
    if corruption.summary_openings and len(summary) == 1:
        # Some copies have lost their line breaks, and with them the highlights' borders.
        summary = sentences(summary[0])
    told = [line for line in summary if not line.startswith(corruption.summary_openings)]
    removed["link line"] = len(summary) - len(told)
    if not kept or not told:
        removed["row with an empty summary" if kept else "row with an empty document"] = 1
        return None, +removed
    return replace(article, document=_join(kept), summary=_join(told)), +removed


def _lines(text: str) -> list[str]:
    return [stripped for line in text.split("\n") if (stripped := line.strip())]


def _join(lines: list[str]) -> str:
    return " ".join(line if line.endswith(_ENDS) else f"{line}." for line in lines)
