"""Laws of `quals.params`: a wrong setting never passes, and the error names file and key."""

from typing import Annotated

import pytest
from pydantic import Field, ValidationError

from quals.params import ParamsError, Section, load_section, load_yaml


class Train(Section):
    learning_rate: Annotated[float, Field(gt=0)]
    steps: Annotated[int, Field(ge=1)]
    shuffle: bool
    kinds: list[str]
    limit: int | None


class Outer(Section):
    train: Train


GOOD = """
train:
  learning_rate: 1e-5
  steps: 30
  shuffle: true
  kinds: [sport, court]
  limit: null
"""


@pytest.fixture
def write(tmp_path):
    def write(text):
        path = tmp_path / "scale.yaml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def test_a_good_section_loads(write):
    train = load_section(write(GOOD), "train", Train)
    assert train.learning_rate == 0.00001  # a string for readers of YAML 1.1
    assert (train.steps, train.shuffle, train.kinds) == (30, True, ["sport", "court"])
    assert train.limit is None


def test_a_whole_number_is_a_fine_float(write):
    path = write(GOOD.replace("1e-5", "2"))
    assert load_section(path, "train", Train).learning_rate == 2.0


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ("steps: 30", "steps: 30\n  stps: 3", "train.stps"),  # unknown
        ("steps: 30", "", "train.steps"),  # missing
        ("steps: 30", "steps: 3.0", "train.steps"),
        ("steps: 30", "steps: '30'", "train.steps"),
        ("steps: 30", "steps: true", "train.steps"),
        ("steps: 30", "steps: 0", "train.steps"),  # out of range
        ("steps: 30", "steps:", "train.steps"),
        ("1e-5", "-1e-5", "train.learning_rate"),
        ("1e-5", "fast", "train.learning_rate"),
        ("1e-5", "true", "train.learning_rate"),
        ("1e-5", ".nan", "train.learning_rate"),
        ("1e-5", ".inf", "train.learning_rate"),
        ("shuffle: true", "shuffle: 1", "train.shuffle"),
        ("shuffle: true", "shuffle: 'yes'", "train.shuffle"),
        ("[sport, court]", "sport", "train.kinds"),
        ("[sport, court]", "[sport, 3]", "train.kinds.1"),
        ("limit: null", "limit: many", "train.limit"),
    ],
)
def test_a_bad_value_is_refused_by_file_and_key(write, old, new, key):
    assert old in GOOD
    path = write(GOOD.replace(old, new))
    with pytest.raises(ParamsError) as caught:
        load_section(path, "train", Train)
    assert str(caught.value).startswith(f"{path}: ")
    assert f" {key}: " in str(caught.value)


def test_every_problem_is_named_at_once(write):
    path = write(GOOD.replace("30", "x").replace("1e-5", "x"))
    with pytest.raises(ParamsError, match=r"train\.learning_rate: .*; train\.steps: "):
        load_section(path, "train", Train)


def test_dots_descend_into_sections(write):
    nested = "models:\n" + "".join(f"  {line}\n" for line in GOOD.strip().splitlines())
    assert load_section(write(nested), "models.train", Train).steps == 30
    assert load_section(write(nested), "models", Outer).train.steps == 30
    with pytest.raises(ParamsError, match=r"models\.train\.steps: "):
        load_section(write(nested.replace("30", "x")), "models", Outer)


@pytest.mark.parametrize("section", ["test", "train.more", "train.steps.more", "test.more"])
def test_a_missing_section_is_named(write, section):
    path = write(GOOD)
    with pytest.raises(ParamsError, match=r"scale\.yaml: section '.*' is missing"):
        load_section(path, section, Train)


@pytest.mark.parametrize(
    "text", ["train: [", "- 1", "", "a: 1\na: 2", "train: 3", "train:", "a: !!python/name:os.x"]
)
def test_a_file_that_is_no_mapping_of_sections_is_named(write, text):
    with pytest.raises(ParamsError, match=r"scale\.yaml: "):
        load_section(write(text), "train", Train)


def test_a_file_that_is_absent_or_no_text_is_named(tmp_path):
    path = tmp_path / "scale.yaml"
    with pytest.raises(ParamsError, match=r"scale\.yaml: no such file"):
        load_yaml(path)
    path.write_bytes(b"a: \xff")
    with pytest.raises(ParamsError, match=r"scale\.yaml: not UTF-8"):
        load_yaml(path)


def test_settings_do_not_change(write):
    train = load_section(write(GOOD), "train", Train)
    with pytest.raises(ValidationError):
        train.steps = 4
