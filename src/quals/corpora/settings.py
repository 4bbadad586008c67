"""Where does real text come from? The `source` of a scale's `corpus` and `questions` sections."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from quals.params import Count, Natural, Section, Share, load_yaml

GENERATED = "generated"


class Folder(Section):
    """A local folder with `<folder>/<data set>/<split>.jsonl`; relative to the project's root."""

    kind: Literal["folder"]
    folder: str


class HubSet(Section):
    """A data set of the Hugging Face hub, pinned by the hash of a commit."""

    id: Annotated[str, Field(pattern=r"^[\w.-]+/[\w.-]+$")]
    config: str | None
    revision: Annotated[str, Field(pattern=r"^[0-9a-f]{40}$")]


class Hub(Section):
    """The Hugging Face hub; `sets` says which repository is which data set."""

    kind: Literal["hub"]
    sets: dict[str, HubSet]


class Halueval(Section):
    """The articles and references of HaluEval's news set, in the place of data set `serves`.

    It has no splits of its own: a hash of the id deals them out by these shares, the rest trains.
    """

    kind: Literal["halueval"]
    file: str
    serves: str
    validation_share: Share
    test_share: Share


Source = Folder | Hub | Halueval


class RealCorpus(Section):
    """The scale's `corpus` section where it names sources: the first at hand is taken.

    A split takes at most so many rows (null: all), chosen by a hash of seed and id.
    """

    source: Annotated[
        list[Annotated[Source, Field(discriminator="kind")]],
        Field(min_length=1),
    ]
    seed: Natural
    filter_level: Literal[0, 1]
    train: Count | None
    validation: Count | None
    test: Count | None


class RealQuestions(Section):
    """The scale's `questions` section where it names sources: SQuAD, and NewsQA if it is there.

    A passage stays whole (an "article") or is cut into windows of a few sentences ("summaries"),
    so that models see texts as short as summaries too.
    """

    source: Annotated[
        list[Annotated[Folder | Hub, Field(discriminator="kind")]],
        Field(min_length=1),
    ]
    newsqa: str | None
    seed: Natural
    train: Count | None
    validation: Count | None
    short_share: Share
    short_sentences: Count
    longest_words: Count
    unanswerable_share: Share
    unanswerable_nearest: Count


def names_sources(path: Path | str, section: str) -> bool:
    """Whether a section of the scale file names sources; without them its text is generated."""
    found = load_yaml(path).get(section)
    return isinstance(found, dict) and found.get("source", GENERATED) != GENERATED
