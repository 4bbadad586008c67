"""Which column is what? Rows of every layout become one schema; a bad one is named by its place."""

from collections.abc import Sequence
from dataclasses import dataclass

from quals.corpus import Article
from quals.jsonl import DataError, Row

# In files of our own, on the hub (XSUM, then CNN/DailyMail), and in HaluEval.
DOCUMENT = ("document", "article")
SUMMARY = ("summary", "highlights", "reference")


@dataclass(frozen=True)
class Located:
    """A row and where it stands: `file:line`, or the hub's set with split and number."""

    where: str
    row: Row


def article(found: Located) -> Article:
    """A document with its reference; `DataError` names place and field where one is no text."""
    return Article(
        identifier(found),
        text_field(found, DOCUMENT),
        text_field(found, SUMMARY),
    )


def identifier(found: Located) -> str:
    """The row's id, which must not be empty."""
    name = text_field(found, ("id",))
    if not name.strip():
        raise DataError(f"{found.where}: field 'id' is empty")
    return name


def text_field(found: Located, names: Sequence[str]) -> str:
    """The text in the one column that has any of these names."""
    here = [name for name in names if name in found.row]
    if not here:
        others = "".join(f" (or '{name}')" for name in names[1:])
        raise DataError(f"{found.where}: field '{names[0]}'{others} is missing")
    if len(here) > 1:
        both = " and ".join(f"'{name}'" for name in here)
        raise DataError(f"{found.where}: fields {both} are both there; which one counts?")
    return checked_text(found.row[here[0]], f"{found.where}: field '{here[0]}'")


def checked_text(value: object, what: str) -> str:
    """`value` if it is a text that can be written as UTF-8; `what` opens the error."""
    if not isinstance(value, str):
        raise DataError(f"{what} must be str, not {type(value).__name__}")
    try:
        value.encode("utf-8")
    except UnicodeEncodeError as error:
        raise DataError(f"{what} is not Unicode text (a lone surrogate)") from error
    return value
