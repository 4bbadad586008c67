"""A toy scale, its models and judged summaries: what the tests of the stages that judge share."""

import json
from pathlib import Path

from adapters import make_base, save_base
from ruamel.yaml import YAML

from quals.metrics import parts
from quals.metrics.likelihood import Likelihood
from quals.models import checkpoint
from quals.models.tokenizer import SEPARATOR

VOTES = {"yes": [1, 1, 0], "no": [0, 0, 1]}
ORDERS = (  # words that the tests' QAGen knows
    "Monday in Kelby Ada beat Ivan on",
    "Ivan beat Ada on Monday",
    "Ada beat Ivan in Kelby",
    "Who beat Ada on Monday",
)


def write_scale(path: Path, sections: dict[str, object]) -> None:
    with open(path, "w") as file:
        YAML(typ="safe", pure=True).dump(sections, file)


def alone(monkeypatch) -> None:
    """Parts are scored in this process: patches and toy models are nowhere else."""
    monkeypatch.setattr(parts, "run_jobs", lambda score, work, workers: [score(w) for w in work])


def write_judged(folder: Path, count: int = 12) -> None:
    """Summaries that QAGS's readers judged, as the set `qags_xsum` of that folder."""
    path = folder / "qags/mturk_xsum.jsonl"
    path.parent.mkdir(parents=True)
    path.write_text("".join(json.dumps(_judged(number)) + "\n" for number in range(count)))


def _judged(number: int) -> dict[str, object]:
    one, other = ORDERS[number % 4], ORDERS[(number + 1) % 4]
    article = f"{one}. {other}. Who beat Ada {number}?"
    told = ["yes", "no"][number % 2]
    votes = enumerate(VOTES[told])
    responses = [{"worker_id": w, "response": "yes" if v else "no"} for w, v in votes]
    return {
        "article": article,
        "summary_sentences": [{"sentence": one, "responses": responses}],
    }


def judgments_section(folder: Path, **changes: object) -> dict[str, object]:
    """Sets lie in `folder`; HaluEval is nowhere."""
    return {
        "folder": str(folder),
        "halueval": "none",
        "rows": 4,
        "length_tolerance": 0.1,
        "max_likelihood_tokens": 30,
        "chunk_summaries": 5,
        **changes,
    }


def save_models(folder: Path, tokenizer, qagen, monkeypatch) -> dict[str, object]:
    """A QAGen and a base that never saw a question; the section that names the latter."""
    save_base(make_base(tokenizer.backend.get_vocab_size()), tokenizer, folder / "base")
    separator = tokenizer.id_of(SEPARATOR)
    checkpoint.save(qagen, tokenizer, folder / "qagen", separator_token_id=separator)
    # A newline is a token of real tokenizers only.
    monkeypatch.setattr(Likelihood, "__init__", _without_newline)
    return {"base": {"variable": None, "folder": str(folder / "base"), "hub": None}}


def _without_newline(metric, start, *, longest, row_budget) -> None:
    metric.model, metric.tokenizer = start.model, start.tokenizer
    metric.longest, metric.row_budget = longest, row_budget
