"""How do README and docs/laptop_scale.md show ConSeq on real text? From results/<scale>/.

`python -m quals.analysis.real_text` writes all blocks, and what each stage took; a test checks that
they hold just that.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from quals.analysis.formatting import claims_table, number
from quals.analysis.readme import result_tables, update
from quals.analysis.report_evidence import costs_table, machines
from quals.analysis.report_results import OTHER_COLUMNS, PAPER_COLUMNS, difference_table
from quals.analysis.tables import BASELINES
from quals.jsonl import read_json

BLOCK, COSTS_BLOCK = "real", "costs"  # between the markers of these names
SHORT = ("rouge1", "rouge2", "rougeL", "qags", "factcc", "quals", "copy2")
NOTHING = "No summarizer has been trained at this scale yet."


def summary(results: Path) -> str:
    """For the README: every method's means, as the paper's table has them, and what it copies."""
    path = results / "main.json"
    return "\n\n".join(result_tables(read_json(path), SHORT)) if path.is_file() else NOTHING


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
    parts += ["What becomes of each claim:", claims_table(read_json(results / "claims.json"))]
    return "\n\n".join(parts)


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
