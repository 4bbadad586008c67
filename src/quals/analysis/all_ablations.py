"""Where do the results of `make ablations` stay? In docs/: `dvc repro` makes the usual few anew.

`python -m quals.analysis.all_ablations` writes docs/ablations.json and docs/ablations.md from what
the pipeline made last; it refuses where that is not everything in ablations/testbed.yaml.
"""

from pathlib import Path

from quals.analysis.report_ablations import ablations_section
from quals.errors import InputError
from quals.jsonl import Row, read_json, write_json, write_text
from quals.params import load_yaml

RESULTS = Path("results/testbed/ablations.json")
SETTINGS = Path("ablations/testbed.yaml")
ROWS, TABLES = Path("docs/ablations.json"), Path("docs/ablations.md")


def keep(root: Path) -> None:
    """Write both files; `InputError` names what `make ablations` has not made."""
    rows: list[Row] = read_json(root / RESULTS)
    asked = load_yaml(root / SETTINGS)["ablations"]
    made = {row["ablation"] for row in rows}
    lacking = [name for name in asked if name not in made]
    if lacking:
        raise InputError(f"{root / RESULTS}: has no {', '.join(lacking)}; run `make ablations`")
    write_json(root / ROWS, rows)
    write_text(root / TABLES, page(rows))


def page(rows: list[Row]) -> str:
    """The rows as tables, below a line that says how they were made."""
    return (
        "# All ablations at scale `testbed`\n\n"
        "`make ablations` made these, and `python -m quals.analysis.all_ablations` put them here. "
        "[results/testbed/ablations.md](../results/testbed/ablations.md) has those that every "
        "`dvc repro` makes, and the contrast pairs; [ablations/testbed.yaml]"
        "(../ablations/testbed.yaml) says what each setting changes. Numbers are in "
        "[ablations.json](ablations.json).\n\n" + ablations_section(rows) + "\n"
    )


if __name__ == "__main__":
    keep(Path())
