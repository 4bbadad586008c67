"""What was published in figures that can be cited, and what do our scales find of it?

The paper's table cells and human percentages could not be verified and stand nowhere.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from quals.jsonl import Row, read_json

UNTESTABLE = "cannot be tested here"
BLOG = "the authors' blog post"
PEOPLE = f"{BLOG}: people compared 100 summaries of each, for each data set"


@dataclass(frozen=True)
class Published:
    """A claim in the words with which its rows in `claims.json` begin, its value, who gives it."""

    claim: str
    value: str
    source: str

    def about(self, what: str) -> str:
        """The claim's text in `claims.json`, of one data set or protocol."""
        return f"{self.claim} ({what})"


FASTER = Published("QUALS is about 55 times as fast as QAGS", "55 times", BLOG)
FIVE_OF_FIVE = Published(
    "ConSeq is ahead of MLE and of ROUGE-contrastive training on ROUGE-1, ROUGE-2, ROUGE-L, QAGS "
    "and FactCC",
    "5 of 5",
    BLOG,
)
GAIN = Published(
    "ConSeq raises QAGS over the best previous model, in percent",
    "15 % on one data set, 2 % on the other",
    BLOG,
)
FACTUAL = Published(
    "People find ConSeq's summaries more factual than MLE's", "better on average", PEOPLE
)
INFORMATIVE = Published(
    "People find ConSeq's summaries more informative than MLE's", "better on average", PEOPLE
)
GRAMMATICAL = Published(
    "People find ConSeq's summaries as grammatical as MLE's", "virtually equal", PEOPLE
)
RELATION = Published(
    "QUALS correlates with QAGS", '"very well" (second-hand)', "a reader's post, without a number"
)
# Nothing can test it: their questions and answers are shown in a picture only.
EXAMPLES = Published(
    "QUALS of an inconsistent and of a consistent example", "-2.615 and -0.054", BLOG
)
PUBLISHED = (
    FASTER,
    FIVE_OF_FIVE,
    GAIN,
    FACTUAL,
    INFORMATIVE,
    GRAMMATICAL,
    RELATION,
    EXAMPLES,
)


@dataclass(frozen=True)
class Beside:
    """A published claim, of one data set or protocol, and its row at each scale that has one."""

    claim: str
    published: Published
    found: dict[str, Row]

    def verdict(self, scale: str) -> str:
        """Nobody has tested what a scale has no row of."""
        return str(self.found[scale]["verdict"]) if scale in self.found else UNTESTABLE


def beside(results: Path, scales: Sequence[str]) -> list[Beside]:
    """Every published claim with what `<scale>/claims.json` says of it, where it has been made."""
    paths = {scale: results / scale / "claims.json" for scale in scales}
    tested = {scale: read_json(path) for scale, path in paths.items() if path.is_file()}
    found = []
    for one in PUBLISHED:
        own = {
            scale: {r["claim"]: r for r in rows if str(r["claim"]).startswith(f"{one.claim} (")}
            for scale, rows in tested.items()
        }
        texts = dict.fromkeys(text for rows in own.values() for text in rows)
        for text in texts or [one.claim]:
            at = {scale: rows[text] for scale, rows in own.items() if text in rows}
            found.append(Beside(str(text), one, at))
    return found
