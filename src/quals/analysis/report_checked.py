"""How do the report and docs/people.md show the claims that people checked? Beside the controls."""

from collections.abc import Sequence

from quals.analysis.checked import CLASSIFIER
from quals.analysis.formatting import MISSING, name, span, table
from quals.jsonl import Row

NAMES = {"factcc": "FactCC's validation claims"}  # sets of claims; others follow by name


def section(found: Sequence[Row]) -> str:
    """A section of the report; empty where no claims were judged."""
    if not found:
        return ""
    parts = [
        "## Claims that people checked",
        "Every claim is one sentence about one document. AUC: the chance that a consistent claim "
        "scores higher than an inconsistent one. Balanced accuracy: the mean of the shares that "
        "are judged right among consistent and among inconsistent claims. Chance is 0.5 for both. "
        "Intervals resample documents with all their claims. What people said of whole summaries "
        "is in `docs/people.md`.",
        *map(judged_claims, found),
    ]
    return "\n\n".join(parts)


def judged_claims(found: Row) -> str:
    """What `claim_tables` found, in words and as a table."""
    kinds = ("consistent", "inconsistent")
    shares = [f"{_percent(found[f'believed_of_{kind}'])} of the {kind} ones" for kind in kinds]
    text = (
        f"{NAMES.get(found['benchmark'], found['benchmark'])}: {found['n']} claims about "
        f"{found['documents']} documents, {found['consistent']} of them consistent. "
        f"{name(CLASSIFIER)} believes {_percent(found['believed'])} of the claims: "
        f"{' and '.join(shares)}. Its verdict is right on {_percent(found['accuracy'])}; always "
        f"giving the more frequent one is right on {_percent(found['majority_accuracy'])}."
    )
    keys = ("balanced_accuracy", "balanced_accuracy_low", "balanced_accuracy_high")
    balanced = span(*(found[key] for key in keys))
    body = [
        [
            name(row["metric"]),
            str(row["n"]),
            str(row["undefined"]),
            balanced if row["metric"] == CLASSIFIER else MISSING,
            span(row["auc"], row["auc_low"], row["auc_high"]),
        ]
        for row in found["rows"]
    ]
    header = ["Metric", "n", "Undefined", "Balanced accuracy", "AUC"]
    return f"{text}\n\n{table(header, body)}"


def _percent(share: float | None) -> str:
    return MISSING if share is None else f"{share:.1%}"
