"""The section `judgments` of a toy scale and its models: what the tests of its stages share."""

from pathlib import Path

from adapters import make_base, save_base

from quals.metrics.likelihood import Likelihood
from quals.models import checkpoint
from quals.models.tokenizer import SEPARATOR


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
