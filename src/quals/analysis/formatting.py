"""How do numbers, names and tables read in Markdown? Shared by the report and the README."""

import html
import re
from collections.abc import Sequence

from quals.analysis.claims import INCONCLUSIVE, NOT_REPRODUCED, OURS, REPRODUCED
from quals.jsonl import Row

NAMES = {
    "rouge1": "ROUGE-1",
    "rouge2": "ROUGE-2",
    "rougeL": "ROUGE-L",
    "qags": "QAGS",
    "factcc": "FactCC",
    "quals": "QUALS",
    "truth": "Consistent",
    "unparsed": "Unparsed",
    "copy1": "Copied words",
    "copy2": "Copied bigrams",
    "copy3": "Copied trigrams",
    "novel2": "Novel bigrams",
    "length": "Length (words)",
    "likelihood": "Likelihood",
    "likelihood_explained": "Likelihood, explained share",
    "consistent": "Consistent",
    "density": "Density",
    "coverage": "Coverage",
}
METHODS = {
    "mle": "MLE",
    "rouge": "ROUGE-contrastive",
    "conseq": "ConSeq",
    "likelihood": "ConSeq (likelihood only)",
    "masked": "ConSeq (masked negatives)",
    "copy": "Copy-contrastive",
    "oracle": "Oracle-contrastive",
}
MODELS = {
    "qagen": "QAGen (QUALS)",
    "qg": "Question generator (QAGS)",
    "reader": "Reader (QAGS)",
    "factcc": "FactCC",
}
AIM_WORDS = {REPRODUCED: "reached", NOT_REPRODUCED: "missed", INCONCLUSIVE: "undecided"}
MISSING = "-"  # a cell without a value
FEWEST_SEEDS = 3  # with fewer, tables show each seed's value
# Keys of the two intervals of a mean: Student's, and the bootstrap's.
OWN, RESAMPLED = ("low", "high"), ("bootstrap_low", "bootstrap_high")


def name(metric: str) -> str:
    """How a metric is written in tables and on axes."""
    return NAMES.get(metric, metric)


def method_name(method: str) -> str:
    """How a method is written in tables and on axes."""
    return METHODS.get(method, method)


def number(value: float | None, digits: int = 3) -> str:
    """A number with fixed digits, MISSING where there is none."""
    return MISSING if value is None else f"{value:.{digits}f}"


def span(
    value: float | None, low: float | None, high: float | None, *, digits: int = 3, sign: str = ""
) -> str:
    """An estimate with its interval; `sign` is "+" to write the sign of positive numbers too."""
    if value is None:
        return MISSING
    text = f"{value:{sign}.{digits}f}"
    return text if low is None else f"{text} {interval(low, high, digits=digits, sign=sign)}"


def interval(low: float | None, high: float | None, *, digits: int = 3, sign: str = "+") -> str:
    """The ends of an interval in brackets."""
    return MISSING if low is None else f"[{low:{sign}.{digits}f}, {high:{sign}.{digits}f}]"


def shown_ends(seeds: int) -> tuple[str, str] | None:
    """Keys of the interval beside a mean: over documents with one seed, none with too few."""
    if seeds == 1:
        return RESAMPLED
    return OWN if seeds >= FEWEST_SEEDS else None


def counted(count: int, noun: str) -> str:
    """A number of things: 1 seed, 3 seeds."""
    return f"{count} {noun}{'' if count == 1 else 's'}"


def compact(*values: float | None) -> list[str]:
    """Numbers of unknown size, all with as many digits as the largest needs."""
    known = [value for value in values if value is not None]
    if all(value == int(value) for value in known):
        digits = 0
    else:
        digits = 1 if max(map(abs, known)) >= 2 else 3
    return [number(value, digits) for value in values]


def table(header: Sequence[str], rows: Sequence[Sequence[str]], *, align: str = "") -> str:
    """A Markdown table; bars in cells are escaped.

    `align` has an "l" or "r" per column; without it all but the first are right-aligned.
    """
    sides = align or "l" + "r" * (len(header) - 1)
    lines = [list(header), [":--" if side == "l" else "--:" for side in sides]]
    lines += [[cell.replace("|", "\\|") for cell in row] for row in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def claims_table(rows: Sequence[Row]) -> str:
    """The published claims beside what was measured."""
    cells = [
        [row["claim"], row["published"] or MISSING, measured(row), row["verdict"]]
        for row in rows
        if not is_aim(row)
    ]
    return table(["Claim", "Published", "Measured", "Verdict"], cells, align="llll")


def aims_table(rows: Sequence[Row]) -> str:
    """This repository's own aims; nothing of them was published."""
    cells = [
        [row["claim"].removeprefix(OURS), measured(row), AIM_WORDS.get(row["verdict"], "untested")]
        for row in rows
        if is_aim(row)
    ]
    return table(["Aim", "Measured", "State"], cells, align="lll")


def measured(row: Row) -> str:
    """The measured value of a claim with its interval."""
    value, low, high = compact(row["measured"], row["low"], row["high"])
    return value if row["low"] is None else f"{value} [{low}, {high}]"


def is_aim(row: Row) -> bool:
    """Whether a row of claims.json is an aim of ours."""
    return str(row["claim"]).startswith(OURS)


def unique(rows: Sequence[Row], key: str) -> list[str]:
    """The values of a key in the order of their first row."""
    return list(dict.fromkeys(row[key] for row in rows))


def quoted(text: str) -> str:
    """A text from outside as Markdown that shows it as it is, on one line."""
    return html.escape(re.sub(r"([\\`*_{}\[\]#|~$])", r"\\\1", " ".join(text.split())), quote=False)


def folded(summary: str, body: str) -> str:
    """Markdown behind a line that the reader may open."""
    return f"<details>\n<summary>{summary}</summary>\n\n{body}\n\n</details>"
