"""How does the report show copying, examples, training and costs? A section each."""

from collections.abc import Sequence

from quals.analysis.copying import BASE
from quals.analysis.evidence import Evidence
from quals.analysis.formatting import (
    MISSING,
    folded,
    method_name,
    name,
    number,
    quoted,
    span,
    table,
    unique,
)
from quals.analysis.plots_evidence import FAMILIES
from quals.analysis.quoting import CUT, MOST_WORDS
from quals.jsonl import Row


def copying(evidence: Evidence) -> str:
    """Consistency against copying, beside what the MLE model does when decoded otherwise."""
    parts = [
        "## Faithfulness against copying",
        "A summarizer that copies more is more often consistent, and no better for it. Grey marks "
        "show what that is worth: the MLE model as it is, with other numbers of beams, "
        "other length penalties, or sampled at other temperatures (labels: the setting). A "
        "method has learned something only if it lies above them.",
        "Density is the mean length, in words, of the piece copied from the document that a word "
        'of the summary lies in (0 for a word in none). "Ahead" is a method\'s consistency minus '
        "what plain decoding reaches at the same density: the best variant that copies no more, "
        "straight lines in between, and nothing where no variant copies so little. The best "
        "is the best on these very documents, which favours plain decoding a little. Its interval "
        "is a bootstrap's.",
        "![Consistency against copying, with the MLE model's decoding variants](copying.png)",
    ]
    for dataset in unique(evidence.copying, "dataset"):
        rows = [row for row in evidence.copying if row["dataset"] == dataset]
        methods = [row for row in rows if row["family"] == "method"]
        variants = [row for row in rows if row["family"] != "method"]
        parts += [f"### {dataset}", _copying_table(methods), _ahead(methods)]
        if variants:
            parts.append(folded("The MLE model's decoding variants", _copying_table(variants)))
    return "\n\n".join(part for part in parts if part)


def _copying_table(rows: list[Row]) -> str:
    methods = rows[0]["family"] == "method"
    judge = name(rows[0]["judge"])
    header = ["Method" if methods else "Variant", judge, "Density", "Coverage", "Novel bigrams"]
    cells = []
    for row in rows:
        label = method_name(row["system"])
        if not methods:
            label = f"{FAMILIES[row['family']][1]} {row['setting']:g}"
        cells.append(
            [label]
            + [
                span(row[key], row[f"{key}_low"], row[f"{key}_high"], digits=digits)
                for key, digits in (
                    ("consistent", 3),
                    ("density", 2),
                    ("coverage", 3),
                    ("novel2", 3),
                )
            ]
        )
    if methods:
        header.append("Ahead of plain decoding")
        for row, line in zip(rows, cells, strict=True):
            line.append(span(row["ahead"], row["ahead_low"], row["ahead_high"], sign="+"))
    return table(header, cells)


def _ahead(rows: list[Row]) -> str:
    """Which methods are ahead of plain decoding, in words."""
    compared = [row for row in rows if row["ahead_low"] is not None]
    groups = {
        "Ahead of plain decoding at the same density": [r for r in compared if r["ahead_low"] > 0],
        "Behind it": [r for r in compared if r["ahead_high"] < 0],
        "Not told apart from it": [r for r in compared if r["ahead_low"] <= 0 <= r["ahead_high"]],
        "Nothing to compare with": [
            r for r in rows if r["ahead_low"] is None and r["system"] != BASE
        ],
    }
    sentences = [
        f"{title}: {', '.join(method_name(row['system']) for row in found)}."
        for title, found in groups.items()
        if found
    ]
    return " ".join(sentences)


def distributions() -> str:
    """The figure of the scores' spread."""
    return (
        "How the scores of single summaries spread: median, middle half (thick) and middle 90 % "
        "(thin), all seeds together.\n\n"
        "![Spread of the scores of each method](distributions.png)"
    )


def examples(evidence: Evidence) -> str:
    """S+ and S- as ConSeq sees them, and the probabilities behind a score.

    Where these may not be shown: how to see them, and summaries with the pairs behind their scores.
    """
    found = evidence.examples
    pairs = found["pairs"]
    title = "## What ConSeq learns from"
    if not found["generated"]:
        hidden = (
            f"{title}\n\nThe texts of this scale are not ours to show. The stage `examples` wrote "
            f"{found['hidden']} pairs of S+ and S- with their documents and token probabilities to "
            "`data/<scale>/examples.json`; `quals explain` draws any of them."
        )
        return "\n\n".join([hidden, *_written(found.get("summaries", []))])
    if not pairs:
        return ""
    parts = [
        title,
        f"S+ is the reference to learn and S- the sample to unlearn, both chosen by "
        f"{name(found['selector'])}. These are the first pairs in order of id; nobody picked them.",
    ]
    for dataset in unique(pairs, "dataset"):
        own = [pair for pair in pairs if pair["dataset"] == dataset]
        parts += [f"### {dataset}", *(_example(at, pair) for at, pair in enumerate(own, start=1))]
    parts += [
        "How likely each token of a question and its answer is under summary and document: for the "
        "first pair of each data set, the question that loses most. Where the document makes a "
        "token unlikely that the summary makes likely, the summary says something else. The answer "
        "begins at the dotted line. `quals explain` shows the same of any summary.",
        "![Token probabilities of a pair of S+ and of one of S-](tokens.png)",
    ]
    return "\n\n".join(parts)


def _written(rows: list[Row]) -> list[str]:
    """Summaries that a model wrote, each behind its id."""
    if not rows:
        return []
    parts = [
        "## Summaries and why they score as they do",
        f"What {method_name(rows[0]['method'])} wrote about the first test documents in order of "
        f"id; nobody picked them. Where more than {MOST_WORDS} words in a row are the article's or "
        f"the reference's, the rest of them is left out ({quoted(CUT)}). Questions with their "
        "answers are those that count most against the summary.",
    ]
    for dataset in unique(rows, "dataset"):
        own = [row for row in rows if row["dataset"] == dataset]
        parts += [f"### {dataset}", *map(_summary, own)]
    return parts


def _summary(row: Row) -> str:
    lines = [
        f"- {quoted(pair['question'])} **{quoted(pair['answer'])}** ({number(pair['score'])}, "
        f"{pair['verdict']}). {quoted(pair['drop'])}"
        for pair in row["pairs"]
    ]
    parts = [
        quoted(row["summary"]),
        f"QUALS {number(row['quals'])}. {row['meaning']}",
        "\n".join(lines),
    ]
    return folded(f"Document {quoted(row['id'])}", "\n\n".join(filter(None, parts)))


def _example(number_of_pair: int, pair: Row) -> str:
    lines = [
        f"- **Document {quoted(pair['id'])}.** {quoted(pair['document'])}",
        f"- **S+** ({number(pair['positive_score'])}). {quoted(pair['positive'])}",
        f"- **S-** ({number(pair['negative_score'])}). {quoted(pair['negative'])}",
    ]
    return folded(f"Pair {number_of_pair}", "\n".join(lines))


def training(evidence: Evidence) -> str:
    """The figure of the training curves; empty if no stage recorded one."""
    if not evidence.curves:
        return ""
    return (
        "The loss of each model over its training, a line for each seed. The methods' losses are "
        "not all of one kind: heights compare only where the kind is the same.\n\n"
        "![Training curves](training.png)"
    )


def costs(evidence: Evidence) -> str:
    """Seconds, memory and energy of each stage, where somebody measured them."""
    title = "## What each stage costs"
    if not evidence.costs:
        return (
            f"{title}\n\nNot measured at this scale. `make costs` runs the pipeline "
            "anew and writes the seconds, memory and energy of each stage to "
            "`benchmarks/costs.json`."
        )
    return (
        f"{title}\n\nWall-clock seconds of all runs of a stage, starting Python included; the most "
        "memory that its processes held; energy of the processor where the machine tells it. "
        f"Measured once on: {machines(evidence.costs)}.\n\n{costs_table(evidence.costs)}"
    )


def machines(rows: Sequence[Row]) -> str:
    """Where stages were measured, in the order of `rows`."""
    return " / ".join(unique(rows, "device"))


def costs_table(rows: Sequence[Row]) -> str:
    """A line per stage that benchmarks/costs.py measured, with its machine if not all had the same.

    The last line is their sum.
    """
    cells = [
        [
            f"`{row['stage']}`",
            str(row["runs"]),
            number(row["seconds"], 0),
            number(row["peak_mib"], 0),
            number(row["joules"], 0),
        ]
        for row in rows
    ]
    cells.append(["all", "", number(sum(row["seconds"] for row in rows), 0), MISSING, MISSING])
    header = ["Stage", "Runs", "Seconds", "Peak memory (MiB)", "Energy (J)"]
    if len(unique(rows, "device")) > 1:
        header.append("Machine")
        for cell, device in zip(cells, [*(row["device"] for row in rows), MISSING], strict=True):
            cell.append(device)
    return table(header, cells)


def deviations(evidence: Evidence) -> str:
    """What this repository does otherwise than the paper, and why."""
    return f"## Where this deviates from the paper\n\n{evidence.deviations.strip()}"
