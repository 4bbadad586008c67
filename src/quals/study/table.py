"""How do the results read in a terminal? A small table and what one must know beside it."""

from collections.abc import Sequence

from quals.analysis.formatting import MISSING, number, span
from quals.jsonl import Row
from quals.study.questions import QUESTIONS

PLACES = 2


def lines(results: Row) -> list[str]:
    """The table and its notes, line by line."""
    baseline, method = results["names"]
    titles = {question.name: question.title for question in QUESTIONS}
    header = [
        "",
        f"{method} better",
        "equal",
        f"{baseline} better",
        "documents",
        "won:lost",
        "p (Holm)",
        "alpha nominal",
        "alpha ordinal",
    ]
    rows = [header]
    for row in results["questions"]:
        shares = [_span(row, name) for name in ("better", "equal", "worse")]
        rows.append(
            [
                titles[row["question"]],
                *shares,
                str(row["documents"]),
                f"{row['wins']}:{row['losses']}" if row["documents"] else MISSING,
                number(row["p_holm"]),
                number(row["alpha_nominal"], PLACES),
                number(row["alpha_ordinal"], PLACES),
            ]
        )
    return [*_aligned(rows), "", *_notes(results)]


def _span(row: Row, name: str) -> str:
    return span(row[name], row[f"{name}_low"], row[f"{name}_high"], digits=PLACES)


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    aligned = []
    for row in rows:
        cells = [row[0].ljust(widths[0])]
        cells += [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
        aligned.append("  ".join(cells).rstrip())
    return aligned


def _notes(results: Row) -> list[str]:
    people = results["annotators"]
    level = results["settings"]["level"]
    notes = [
        f"{len(people)} annotator{'s' if len(people) != 1 else ''}, {results['items']} documents; "
        f"brackets: {100 * level:g} % intervals over documents, for these annotators."
    ]
    notes += [
        f"{one['name']}: {one['complete']} of {results['items']} documents complete"
        for one in people
        if one["complete"] < results["items"]
    ]
    if results["documents_identical"] and not results["identical_kept"]:
        notes.append(
            f"Shares are of documents whose summaries differ: {results['documents_identical']} of "
            f"{results['documents_with_both']} had the same summary twice and were not shown."
        )
    return notes
