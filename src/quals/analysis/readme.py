"""What do README and other pages show of the results? Fills the block between two markers.

`python -m quals.analysis.readme` writes them; a test checks that they hold just that.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from quals.analysis.formatting import (
    MISSING,
    aims_table,
    claims_table,
    counted,
    measured,
    method_name,
    name,
    number,
    shown_ends,
    span,
    table,
    unique,
)
from quals.analysis.published import beside
from quals.analysis.report_results import DIGITS
from quals.jsonl import Row, read_json, write_text

START, END = "<!-- results:start -->", "<!-- results:end -->"
SCALES = ("testbed", "laptop", "paper")  # that published claims stand beside
COLUMNS = ("truth", "qags", "factcc", "quals", "rougeL", "copy2")


def render_block(results: Path) -> str:
    """The block's text from the result files of one scale, without the markers."""
    link = f"results/{results.name}"
    claims = read_json(results / "claims.json")
    details = read_json(results / "agreement_details.json")
    parts = [
        claims_table(claims),
        "Brackets hold 95 % intervals, of means and differences over seeds Student's, else a "
        f"bootstrap's; [the report]({link}/report.md) gives the rule and the numbers behind each "
        "verdict. Our own aims:",
        aims_table(claims),
        *result_tables(read_json(results / "main.json")),
        f"![Mean and interval of each method]({link}/results.png)",
        *_agreement(details["by_source"]),
        f"![QUALS by truth]({link}/quals_by_truth.png)",
        f"![Seconds per summary]({link}/speed.png)",
    ]
    return "\n\n".join(parts)


def render_values(results: Path) -> str:
    """Typical values of QUALS, for the score card."""
    rows = [
        [
            row["benchmark"],
            "consistent" if row["consistent"] else "inconsistent",
            *(number(row[key]) for key in ("p10", "median", "p90")),
            str(row["n"]),
            str(row["undefined"]),
        ]
        for row in read_json(results / "agreement_details.json")["typical"]
    ]
    header = ["Texts", "By the truth", "10 % lie below", "Median", "10 % lie above", "n", "null"]
    caption = (
        f"References and MLE outputs of scale `{results.name}` with its model and settings "
        "(nats per token):"
    )
    return f"{caption}\n\n{table(header, rows, align='llrrrrr')}"


def render_published(results: Path) -> str:
    """Published claims beside what each scale says of them; `results` has a folder for each."""
    rows = []
    for one in beside(results, SCALES):
        cells = []
        for scale in SCALES:
            row = one.found.get(scale)
            known = row is not None and row["measured"] is not None
            cells.append(f"{measured(row)}: {one.verdict(scale)}" if known else one.verdict(scale))
        rows.append([one.claim, one.published.value, one.published.source, *cells])
    header = ["Claim", "Published", "By", *(f"Scale `{scale}`" for scale in SCALES)]
    return table(header, rows, align="l" * len(header))


def result_tables(main: Sequence[Row], columns: Sequence[str] = COLUMNS) -> list[str]:
    """One table per dataset, of the columns that there are."""
    parts = []
    cells = {(row["dataset"], row["method"], row["metric"]): row for row in main}
    for dataset in unique(main, "dataset"):
        rows = [row for row in main if row["dataset"] == dataset]
        known = unique(rows, "metric")
        metrics = [metric for metric in columns if metric in known]
        body = [
            [method_name(method), *(_cell(cells[dataset, method, metric]) for metric in metrics)]
            for method in unique(rows, "method")
        ]
        size = f"{rows[0]['n']} test documents, {counted(rows[0]['seeds'], 'training seed')}"
        parts += [f"**{dataset}** ({size})", table(["Method", *map(name, metrics)], body)]
    return parts


def _cell(row: Row) -> str:
    """A mean with the interval that its number of seeds allows."""
    ends, digits = shown_ends(row["seeds"]), DIGITS.get(row["metric"], 3)
    if ends is None:
        return number(row["mean"], digits)
    return _unbroken(span(row["mean"], *(row[end] for end in ends), digits=digits))


def _agreement(by_source: Sequence[Row]) -> list[str]:
    """AUC of every metric, a column per benchmark and kind of summary."""
    columns = list(dict.fromkeys((row["benchmark"], row["population"]) for row in by_source))
    if not columns:
        return []
    cells = {(row["benchmark"], row["population"], row["metric"]): row for row in by_source}
    body = []
    for metric in unique(by_source, "metric"):
        found = [cells.get((*column, metric)) for column in columns]
        body.append([name(metric), *(MISSING if row is None else _auc(row) for row in found)])
    header = ["Metric", *(f"{benchmark}, {population}" for benchmark, population in columns)]
    caption = (
        "How well each metric separates consistent from inconsistent summaries (AUC; 0.5 is chance)"
    )
    return [f"{caption}:", table(header, body)]


def _auc(row: Row) -> str:
    return _unbroken(span(row["auc"], row["auc_low"], row["auc_high"], digits=2))


def _unbroken(interval: str) -> str:
    """A narrow cell breaks before the bracket and not in it."""
    return interval.replace(", ", ",\u00a0")


def filled(text: str, block: str, name: str = "results") -> str:
    """A text with the block between the markers of that name, which stand there once, in order."""
    start, end = f"<!-- {name}:start -->", f"<!-- {name}:end -->"
    if text.count(start) != 1 or text.count(end) != 1 or text.index(start) > text.index(end):
        raise ValueError(f"the text needs '{start}' and then '{end}', once each")
    before, rest = text.split(start)
    return f"{before}{start}\n\n{block}\n\n{end}{rest.split(end)[1]}"


def update(path: Path, block: str, name: str = "results") -> None:
    """Write the block into a file, between its markers."""
    write_text(path, filled(path.read_text(encoding="utf-8"), block, name))


def main(words: Sequence[str] | None = None) -> None:
    """Fill README, score card and the page on the paper's scale from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--readme", type=Path, default=Path("README.md"))
    parser.add_argument("--card", type=Path, default=Path("docs/score_card.md"))
    parser.add_argument("--paper", type=Path, default=Path("docs/paper_scale.md"))
    parser.add_argument("--results", type=Path, default=Path("results/testbed"))
    given = parser.parse_args(words)
    update(given.readme, render_block(given.results))
    update(given.card, render_values(given.results))
    update(given.paper, render_published(given.results.parent), "published")


if __name__ == "__main__":
    main()
