"""A tiny QAGen folder and inputs for it: what the tests of `quals score` share."""

import json
from pathlib import Path

from quals.cli import main
from quals.models import checkpoint
from quals.models.tokenizer import SEPARATOR
from quals.params import load_yaml

SCALE = Path(__file__).parents[1] / "scales" / "testbed.yaml"
SMALL = {"groups": 10, "shortest": 1, "longest": 5, "max_pairs": 4, "max_source_tokens": 8}
TEXTS = [  # document, summary: every one of them gets pairs
    ("Ada beat Ivan in Kelby on Monday", "Ada beat Ivan"),
    ("Ivan beat Ada on Monday", "Ada beat Ivan"),
    ("Ada beat Ivan in Kelby on Monday", "Monday in Kelby Ada beat Ivan on"),
    ("Ada", "Who beat Ada on Monday"),
    ("in Kelby on Monday", "Ivan in Kelby"),
]


def make_folder(folder: Path, model, tokenizer) -> Path:
    """A QAGen model and, beside it, a settings file at toy size."""
    checkpoint.save(model, tokenizer, folder, separator_token_id=tokenizer.id_of(SEPARATOR))
    settings = {**load_yaml(SCALE)["quals"], **SMALL}
    (folder.parent / "settings.yaml").write_text(json.dumps({"quals": settings}))
    return folder


def rows(count: int) -> list[dict[str, object]]:
    """`count` rows whose texts repeat and whose order is not that of their ids."""
    return [
        {"id": f"id{(7 * i) % count}-{i}", "document": document, "summary": summary}
        for i in range(count)
        for document, summary in [TEXTS[i * i % len(TEXTS)]]
    ]


def write(path: Path, content: list[dict[str, object]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in content))
    return path


def command(source: Path | str, out: Path | str, model: Path, *options: str) -> list[str]:
    """The arguments of `quals score`, without --threads the same on every machine."""
    paths = ["--out", str(out), "--model", str(model)]
    settings = ["--params", str(model.parent / "settings.yaml")]
    return ["score", str(source), *paths, *settings, "--threads", "1", *options]


def score(*arguments: object) -> int:
    return main(command(*arguments))


def read(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n")[:-1]]


def leftovers(folder: Path) -> list[str]:
    """What a run left behind besides its input and output."""
    return sorted(p.name for p in folder.iterdir() if p.name.startswith("."))
