"""Which runs belong together? The lists in params.yaml over which the stages multiply."""

from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from quals.left_out import read_left_out
from quals.params import ParamsError, Section, load_yaml


class Seeds(Section):
    """What the stages need that handle all seeds of a method at once."""

    seeds: list[int]


class Methods(Seeds):
    """What the stages need that handle all methods of a data set at once."""

    methods: list[str]


class Grid(Methods):
    """What the report needs: it reads exactly these files and never looks for others."""

    datasets: list[str]
    contrastive: list[str]
    benchmarks: list[str]


G = TypeVar("G", bound=Seeds)

MAY_BE_EMPTY = ("benchmarks", "ablations")  # as where a scale leaves all of them out


def read_grid(path: Path, schema: type[G], scale: Path | None = None) -> G:
    """The grid's lists as `schema`; other keys of the file are of no concern.

    With the file of a `scale`, the lists are without what that scale leaves out.

    `ParamsError` names the file and the key that is missing, empty or of another type.
    """
    content = load_yaml(path)
    if scale is not None:
        content = read_left_out(scale).lists(content)
    missing = [
        key
        for key in schema.model_fields
        if not content.get(key) and not (key in MAY_BE_EMPTY and content.get(key) == [])
    ]
    if missing:
        raise ParamsError(f"{path}: '{missing[0]}' is missing or empty")
    try:
        return schema.model_validate({key: content[key] for key in schema.model_fields})
    except ValidationError as error:
        problem = error.errors()[0]
        where = ".".join(map(str, problem["loc"]))
        raise ParamsError(f"{path}: {where}: {problem['msg']}") from error
