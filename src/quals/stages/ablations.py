"""Stage `ablations`: all ablations and the contrast pairs as one file, and as tables."""

from quals.analysis.report_ablations import ablations_section, contrast_section
from quals.command import run, stage_parser
from quals.grid import Seeds, read_grid
from quals.jsonl import read_json, write_json, write_text


class Ablations(Seeds):
    """Which ablations of training belong to the grid; those of the metric are one file."""

    ablations: list[str]


def main(arguments) -> None:
    """Reads exactly what the grid names: other files in the folder are of no concern."""
    grid = read_grid(arguments.grid, Ablations)
    names = ["quals", *grid.ablations]
    rows = [row for name in names for row in read_json(arguments.parts / f"{name}.json")["rows"]]
    pairs = read_json(arguments.contrast)["rows"]
    write_json(arguments.out, rows)
    sections = ["# Ablations and contrast pairs", ablations_section(rows), contrast_section(pairs)]
    write_text(arguments.tables, "\n\n".join(filter(None, sections)) + "\n")
    print(f"ablations: {len(rows)} rows of {', '.join(names)}")


if __name__ == "__main__":
    run(main, stage_parser(__doc__, paths="grid parts contrast out tables"))
