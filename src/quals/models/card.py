"""What must a user know of a released adapter? Its model card, written from a metrics file."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

from pydantic import Field

from quals.jsonl import DataError, dump, read_json, write_text
from quals.models import adapter_folder
from quals.models.adapter_folder import WEIGHTS, Adapter, Base, Record
from quals.params import Section, load_section

CARD = "README.md"
Rows = list[tuple[str, str]]


class Source(Section):
    """Data that the model was trained on: where it can be had, and what was made of it."""

    name: str
    licence: str
    origin: str
    use: str


class About(Section):
    """The scale's `card` section: what no number says of the model; `licence` is an SPDX id.

    `retrain` are the commands that make it again, in order.
    """

    title: str
    purpose: str
    licence: str
    data: Annotated[list[Source], Field(min_length=1)]
    limits: list[str]
    retrain: Annotated[list[str], Field(min_length=1)]


def write_card(adapter: Path, metrics: Path, params: Path, *, name: str) -> None:
    """Write README.md into the folder of the adapter called `name`. Equal files give equal bytes.

    `metrics` is the JSON of the training stage, with `settings`, `metrics` (on the dev set) and
    `signature`; `params` the scale's file. Problems raise errors that name file and field.
    """
    about = load_section(params, "card", About)
    content = read_json(metrics)
    content = content if isinstance(content, dict) else {}
    tables: dict[str, Rows] = {}
    for field in ("settings", "metrics", "signature"):
        if not isinstance(content.get(field), dict) or not content[field]:
            raise DataError(f"{metrics}: field '{field}' must hold an object with entries")
        tables[field] = list(_flat(content[field]))
    found, record = adapter_folder.load(adapter), adapter_folder.load_record(adapter)
    file = adapter / WEIGHTS
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    size = f"{file.stat().st_size:,} bytes, SHA-256 `{digest}`"
    write_text(adapter / CARD, card(name, about, tables, found, record, size))


def card(
    name: str, about: About, tables: dict[str, Rows], adapter: Adapter, record: Record, size: str
) -> str:
    """The card as Markdown; `tables` are the rows of `settings`, `metrics` and `signature`."""
    base = record.base
    values = sum(matrix.numel() for pair in adapter.pairs.values() for matrix in pair)
    data = [(s.name, s.licence, s.origin, s.use) for s in about.data]
    parts = [
        _front_matter(about, base),
        f"# {about.title}",
        about.purpose,
        _table(("", ""), _facts(about, adapter, record, f"{values:,} values, {size}")),
        "## Use",
        f"```\nquals score summaries.jsonl --out scores.jsonl --model released/{name}\n```",
        "The base model is found and merged with the adapter once; a cache keeps the result.",
        "## Training data",
        _table(("name", "licence", "from", "use"), data),
        "## Measured on the dev set",
        _table(("metric", "value"), tables["metrics"]),
        "## Settings",
        _table(("setting", "value"), tables["settings"]),
        "## Train it again",
        "```\n" + "\n".join(about.retrain) + "\n```",
        "Made with:",
        _table(("", ""), tables["signature"]),
    ]
    if about.limits:
        parts += ["## Limits", "\n".join(f"- {limit}" for limit in about.limits)]
    return "\n\n".join(parts) + "\n"


def _front_matter(about: About, base: Base) -> str:
    """What the hub reads; a JSON string is a YAML string."""
    lines = [f"base_model: {json.dumps(base.hub.partition('@')[0])}"] if base.hub else []
    lines += [
        "library_name: peft",
        f"license: {json.dumps(about.licence.lower())}",
        "tags: [lora, question-generation, factual-consistency, summarization]",
    ]
    return "\n".join(["---", *lines, "---"])


def _facts(about: About, adapter: Adapter, record: Record, size: str) -> Rows:
    base = record.base
    places = [base.folder and f"`{base.folder}`", base.hub, base.variable and f"`${base.variable}`"]
    tokens = record.special_tokens.items()
    return [
        ("licence", about.licence),
        ("base", ", ".join(filter(None, places))),
        ("hash of the base's weights", ", ".join(f"`{h}`" for h in base.weights)),
        ("adapter", f"LoRA, rank {adapter.rank}, alpha {adapter.alpha:g}"),
        ("adapted layers", ", ".join(f"`{t}`" for t in adapter.targets)),
        ("size", size),
        *((f"{role} token", f"`{token}`") for role, token in sorted(tokens)),
    ]


def _flat(value: object, key: str = "") -> Iterator[tuple[str, str]]:
    """Nested entries with dotted keys, sorted; numbers as the JSON files of the project have them.

    What is null has no value: a dash.
    """
    if isinstance(value, dict):
        for name in sorted(value):
            yield from _flat(value[name], f"{key}.{name}" if key else name)
    elif isinstance(value, list):
        yield key, ", ".join(item if isinstance(item, str) else dump(item) for item in value)
    else:
        yield key, "-" if value is None else value if isinstance(value, str) else dump(value)


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [head, (":--",) * len(head), *([_cell(text) for text in row] for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _cell(text: str) -> str:
    """Text that stays within its cell."""
    return " ".join(text.replace("|", "\\|").split())
