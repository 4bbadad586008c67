"""How do README and docs/laptop_scale.md show ConSeq on real text? From results/<scale>/.

`python -m quals.analysis.real_text` writes all blocks, and what each stage took; a test checks that
they hold just that.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from quals.analysis.formatting import claims_table, number, unique
from quals.analysis.judged import variant_name
from quals.analysis.readme import result_tables, update
from quals.analysis.report_evidence import costs_table, machines
from quals.analysis.report_results import OTHER_COLUMNS, PAPER_COLUMNS, difference_table
from quals.analysis.summary_judges import REFERENCE
from quals.analysis.tables import BASELINES
from quals.jsonl import Row, read_json

BLOCK, COSTS_BLOCK = "real", "costs"  # between the markers of these names
SHORT = ("rouge1", "rouge2", "rougeL", "qags", "factcc", "quals", "copy2")
JUDGE = "quals_explained"  # of those that chose nothing; agrees with people better than QUALS
NOTHING = "No summarizer has been trained at this scale yet."


def summary(results: Path) -> str:
    """For the README: every method's means, as the paper's table has them, and what it copies."""
    path = results / "main.json"
    if not path.is_file():
        return NOTHING
    main = read_json(path)
    methods = unique(main, "method")
    judged = [
        row
        for tables in _judges(results, unique(main, "dataset"))
        for row in tables["main"]
        if row["metric"] == JUDGE and row["method"] in methods
    ]
    return "\n\n".join(result_tables([*main, *_named(judged)], (*SHORT, variant_name(JUDGE))))


def details(results: Path) -> str:
    """For the page: all columns, every method against MLE, and what becomes of each claim."""
    path = results / "main.json"
    if not path.is_file():
        return NOTHING
    main = read_json(path)
    parts = []
    for columns in (PAPER_COLUMNS, OTHER_COLUMNS):
        parts += result_tables(main, columns)
    rows = [
        row for row in read_json(results / "differences.json") if row["baseline"] == BASELINES[0]
    ]
    for dataset in dict.fromkeys(row["dataset"] for row in rows):
        mine = [row for row in rows if row["dataset"] == dataset]
        parts += [f"Against MLE, paired by document, {dataset}:", difference_table(mine)]
    for tables in _judges(results, unique(main, "dataset")):
        judged = _named(tables["main"])
        columns = sorted(unique(judged, "metric"), key=lambda metric: metric != variant_name(JUDGE))
        parts += [
            "The same summaries, and the references, under judges that chose nothing:",
            *result_tables(judged, columns),
            difference_table(_named(tables["differences"])),
        ]
    parts += ["What becomes of each claim:", claims_table(read_json(results / "claims.json"))]
    return "\n\n".join(parts)


def _judges(results: Path, datasets: Sequence[str]) -> list[dict[str, list[Row]]]:
    """What the stage `judge_summaries` wrote, where it ran."""
    paths = [results / "summary_judges" / f"{dataset}.json" for dataset in datasets]
    return [read_json(path) for path in paths if path.is_file()]


def _named(rows: Sequence[Row]) -> list[Row]:
    """With metrics and methods as they are written, where the report does not know them."""
    names = {REFERENCE: "References"}
    return [
        {
            **row,
            "metric": variant_name(row["metric"]),
            "method": names.get(row["method"], row["method"]),
        }
        for row in rows
    ]


def costs(measured: Path, scale: str) -> str:
    """For the page: seconds and memory of each stage, as benchmarks/costs.py measured them."""
    rows = read_json(measured).get(scale, [])
    if not rows:
        return "No stage of this scale has been measured yet."
    minutes = number(sum(row["seconds"] for row in rows) / 60, 0)
    return f"Together {minutes} minutes ({machines(rows)}):\n\n{costs_table(rows)}"


def main(words: Sequence[str] | None = None) -> None:
    """Fill the blocks of both pages from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--readme", type=Path, default=Path("README.md"))
    parser.add_argument("--page", type=Path, default=Path("docs/laptop_scale.md"))
    parser.add_argument("--results", type=Path, default=Path("results/laptop"))
    parser.add_argument("--costs", type=Path, default=Path("benchmarks/costs.json"))
    given = parser.parse_args(words)
    update(given.readme, summary(given.results), BLOCK)
    update(given.page, details(given.results), BLOCK)
    update(given.page, costs(given.costs, given.results.name), COSTS_BLOCK)


if __name__ == "__main__":
    main()
