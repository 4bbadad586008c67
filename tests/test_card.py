"""Laws of model cards: every number is the metrics file's, and equal files give equal bytes."""

import hashlib
import json
import re

import pytest
from adapters import make_adapter, make_base, save_adapter
from ruamel.yaml import YAML

from quals.errors import InputError
from quals.jsonl import rounded
from quals.models.adapter_folder import WEIGHTS
from quals.models.card import write_card

METRICS = {
    "stage": "train_qagen",
    "settings": {"steps": 3, "lora": {"rank": 3, "alpha": 5.0, "targets": ["q_proj", "v_proj"]}},
    "metrics": {"validation_loss": 1.23456789, "pairs": 7.5, "right": None},
    "curve": [3.0, 2.0],
    "signature": {"seed": 0, "versions": {"torch": "2.13", "peft": "0.21"}},
}
CARD = {
    "title": "Tiny QAGen",
    "purpose": "It asks and answers questions.",
    "licence": "Apache-2.0",
    "data": [
        {
            "name": "Toy | questions",
            "licence": "CC-BY-SA-4.0",
            "origin": "owner/toy",
            "use": "contexts\nwith questions",
        }
    ],
    "limits": ["It knows twelve words."],
    "retrain": ["make assets", "dvc repro train_qagen@laptop"],
}


@pytest.fixture
def released(tmp_path):
    model = make_base(40)
    return save_adapter(model, make_adapter(model), tmp_path / "tiny", hub="owner/base@0a1b")


@pytest.fixture
def metrics(tmp_path):
    path = tmp_path / "metrics.json"
    path.write_text(json.dumps(METRICS))
    return path


@pytest.fixture
def params(tmp_path):
    path = tmp_path / "scale.yaml"
    path.write_text(json.dumps({"card": CARD}))  # JSON is YAML
    return path


def table_rows(text):
    found = (re.split(r"(?<!\\)\|", line)[1:-1] for line in text.split("\n") if line[:1] == "|")
    return [tuple(cell.strip() for cell in row) for row in found]


def test_the_card_has_all_that_a_user_must_know(released, metrics, params):
    write_card(released, metrics, params, name="tiny")
    text = (released / "README.md").read_text()
    rows = table_rows(text)
    assert ("licence", "Apache-2.0") in rows
    for name, value in METRICS["metrics"].items():
        shown = "-" if value is None else str(rounded(value))
        assert (name, shown) in rows
    assert ("validation_loss", "1.234568") in rows
    assert ("lora.targets", "q_proj, v_proj") in rows
    assert ("lora.alpha", "5.0") in rows
    assert ("versions.peft", "0.21") in rows
    toy = ("Toy \\| questions", "CC-BY-SA-4.0", "owner/toy", "contexts with questions")
    assert toy in rows
    assert ("separator token", "`<sep>`") in rows
    assert "make assets\ndvc repro train_qagen@laptop" in text
    assert "- It knows twelve words." in text
    assert "--model released/tiny" in text
    content = (released / WEIGHTS).read_bytes()
    (size,) = (value for name, *value in rows if name == "size")
    assert f"{len(content):,} bytes" in size[0]
    assert hashlib.sha256(content).hexdigest() in size[0]


def test_the_front_matter_is_what_the_hub_reads(released, metrics, params):
    write_card(released, metrics, params, name="tiny")
    _, front, _ = (released / "README.md").read_text().split("---\n", 2)
    assert YAML(typ="safe", pure=True).load(front) == {
        "base_model": "owner/base",
        "library_name": "peft",
        "license": "apache-2.0",
        "tags": ["lora", "question-generation", "factual-consistency", "summarization"],
    }


def test_equal_files_give_equal_bytes_in_whatever_order_their_keys_are(released, metrics, params):
    write_card(released, metrics, params, name="tiny")
    first = (released / "README.md").read_bytes()
    turned = {key: METRICS[key] for key in reversed(METRICS)}
    turned["metrics"] = {key: METRICS["metrics"][key] for key in reversed(METRICS["metrics"])}
    metrics.write_text(json.dumps(turned))
    write_card(released, metrics, params, name="tiny")
    assert (released / "README.md").read_bytes() == first


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"card": {**CARD, "licence": 3}}, r"scale\.yaml: card\.licence: "),
        ({"card": {**CARD, "data": []}}, r"scale\.yaml: card\.data: "),
        ({"card": {**CARD, "more": 1}}, r"scale\.yaml: card\.more: "),
        ({"metrics": {}}, r"metrics\.json: field 'metrics' must"),
        ({"settings": 3}, r"metrics\.json: field 'settings' must"),
        ({"signature": None}, r"metrics\.json: field 'signature' must"),
    ],
)
def test_what_is_missing_is_named_and_no_card_is_written(
    released, metrics, params, changed, message
):
    metrics.write_text(json.dumps({**METRICS, **changed}))
    params.write_text(json.dumps({"card": CARD, **changed}))
    with pytest.raises(InputError, match=message):
        write_card(released, metrics, params, name="tiny")
    assert not (released / "README.md").exists()
