"""What may stand in a study's files? Texts to compare, the key, and answers; checked when read."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from quals.jsonl import DataError, Row, read_json, read_jsonl
from quals.params import Natural, Section, validated
from quals.study.blinding import Compared

Choice = Literal["A", "equal", "B"]
Text = Annotated[str, Field(min_length=1)]


class KeyItem(Section):
    """Who wrote A and B of one item."""

    item: Text
    document_id: Text
    A: Text
    B: Text
    summaries: dict[str, str]


class Key(Section):
    """What `quals study make` hides from the form; the second name is the method under test."""

    form: Text
    names: Annotated[list[Text], Field(min_length=2, max_length=2)]
    seed: int
    both: Natural
    identical: Natural
    identical_kept: bool
    items: Annotated[list[KeyItem], Field(min_length=1)]


class Answer(Section):
    """One annotator on one item; null where a question has no answer."""

    item: Text
    factual: Choice | None
    informative: Choice | None
    grammatical: Choice | None
    comment: str

    def choice(self, question: str) -> Choice | None:
        return getattr(self, question)


class Answers(Section):
    """What the form exports."""

    form: Text
    annotator: Text
    answers: list[Answer]


def read_compared(documents: Path, first: Path, second: Path) -> Compared:
    """Rows {"id", "document"} and twice {"id", "summary"}; other fields are ignored."""
    return Compared(
        _texts(documents, "document"), _texts(first, "summary"), _texts(second, "summary")
    )


def read_key(path: Path) -> Key:
    """The key of a form; repeated items or names that are not the key's raise `DataError`."""
    key = validated(_object(path), Key, path=path)
    if key.names[0] == key.names[1]:
        raise DataError(f"{path}: names: both methods are called '{key.names[0]}'")
    seen: set[str] = set()
    for at, item in enumerate(key.items):
        if item.item in seen:
            raise DataError(f"{path}: items.{at}.item: '{item.item}' occurs twice")
        seen.add(item.item)
        if sorted((item.A, item.B)) != sorted(key.names):
            raise DataError(f"{path}: items.{at}: A and B must be {' and '.join(key.names)}")
        if sorted(item.summaries) != sorted(key.names):
            raise DataError(
                f"{path}: items.{at}.summaries: must be those of {' and '.join(key.names)}"
            )
    return key


def read_answers(paths: Sequence[Path], key: Key) -> list[Answers]:
    """Every annotator's answers, checked against the key; one file per annotator.

    Another form, an unknown or repeated item, or an annotator with two files raise `DataError`.
    """
    known = {item.item for item in key.items}
    owners: dict[str, Path] = {}
    found = []
    for path in paths:
        answers = validated(_object(path), Answers, path=path)
        if answers.form != key.form:
            raise DataError(
                f"{path}: form: answers of form '{answers.form}', the key is of '{key.form}'"
            )
        annotator = " ".join(answers.annotator.split())
        if not annotator:
            raise DataError(f"{path}: annotator: must not be blank")
        if annotator in owners:
            raise DataError(
                f"{path}: annotator: '{annotator}' has answered in {owners[annotator]} already; "
                "give one file per annotator"
            )
        owners[annotator] = path
        seen: set[str] = set()
        for at, answer in enumerate(answers.answers):
            if answer.item not in known:
                raise DataError(f"{path}: answers.{at}.item: the key has no item '{answer.item}'")
            if answer.item in seen:
                raise DataError(f"{path}: answers.{at}.item: '{answer.item}' occurs twice")
            seen.add(answer.item)
        found.append(answers.model_copy(update={"annotator": annotator}))
    return found


def _object(path: Path) -> Row:
    content = read_json(path)
    if not isinstance(content, dict):
        raise DataError(f"{path}: must be an object, not {type(content).__name__}")
    return content


def _texts(path: Path, field: str) -> dict[str, str]:
    """A text per id; a repeated id, an empty id or half a character raises `DataError`."""
    texts: dict[str, str] = {}
    for number, row in enumerate(read_jsonl(path, {"id": str, field: str}), start=1):
        id_, text = str(row["id"]), str(row[field])
        if not id_:
            raise DataError(f"{path}:{number}: field 'id' is empty")
        if id_ in texts:
            raise DataError(f"{path}:{number}: field 'id': '{id_}' occurs twice")
        for name, value in (("id", id_), (field, text)):
            try:
                value.encode("utf-8")
            except UnicodeEncodeError as error:  # JSON can escape half a character: "\ud83d"
                where = f"{path}:{number}: field '{name}'"
                raise DataError(f"{where} holds half a character") from error
        texts[id_] = text
    return texts
