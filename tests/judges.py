"""The section `judgments` of a toy scale: what the tests of its stages share."""

from pathlib import Path


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
