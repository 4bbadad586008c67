"""What are a stage's settings? One section of a YAML file, checked against a strict schema."""

import copy
from functools import lru_cache
from pathlib import Path
from typing import Annotated, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from quals.errors import InputError


class ParamsError(InputError):
    """A settings file cannot be used; the message names the file and the key."""


class Section(BaseModel):
    """Base of all settings: frozen, no unknown keys, no silent conversions, no defaults."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


Count = Annotated[int, Field(ge=1)]
Natural = Annotated[int, Field(ge=0)]
Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0)]
NonNegative = Annotated[float, Field(ge=0)]

S = TypeVar("S", bound=Section)


def load_yaml(path: Path | str) -> dict[str, object]:
    """The file's top-level mapping.

    ruamel and not PyYAML, because PyYAML reads `1e-5` as a string where DVC reads a number.
    """
    try:
        content = copy.deepcopy(_parsed(Path(path).read_text(encoding="utf-8")))
    except FileNotFoundError as error:
        raise ParamsError(f"{path}: no such file") from error
    except UnicodeDecodeError as error:
        raise ParamsError(f"{path}: not UTF-8 ({error.reason})") from error
    except YAMLError as error:
        raise ParamsError(f"{path}: not YAML: {error}") from error
    if not isinstance(content, dict):
        raise ParamsError(f"{path}: must hold a mapping at the top")
    return content


@lru_cache(maxsize=8)
def _parsed(text: str) -> object:
    """A stage reads many sections of one file, and parsing a scale takes a tenth of a second."""
    return YAML(typ="safe", pure=True).load(text)


def has_section(path: Path | str, section: str) -> bool:
    """Whether a section says anything; one that is missing raises."""
    return _section(path, section) is not None


def load_section(path: Path | str, section: str, schema: type[S]) -> S:
    """One section (dots descend) as `schema`; problems raise `ParamsError` with file and key."""
    return validated(_section(path, section), schema, path=path, within=section)


def _section(path: Path | str, section: str) -> object:
    """What stands there; a section that is missing raises."""
    value: object = load_yaml(path)
    walked: list[str] = []
    for key in section.split("."):
        walked.append(key)
        if not isinstance(value, dict) or key not in value:
            raise ParamsError(f"{path}: section '{'.'.join(walked)}' is missing")
        value = value[key]
    return value


def validated(value: object, schema: type[S], *, path: Path | str, within: str = "") -> S:
    """`value`, read from `path`, as `schema`; problems raise `ParamsError` with file and key."""
    try:
        return schema.model_validate(value)
    except ValidationError as error:
        problems = [
            f"{'.'.join(filter(None, [within, *map(str, item['loc'])]))}: {item['msg']}"
            for item in error.errors()
        ]
        raise ParamsError(f"{path}: " + "; ".join(problems)) from error
