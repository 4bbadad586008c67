"""Do our 95 % intervals hold the truth 95 times in 100, and do our tests err 5 times?

`python -m quals.analysis.coverage` simulates it, a few minutes on one core, and writes
docs/coverage.json and the tables of docs/statistics.md. The same call writes the same bytes.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from quals.analysis.formatting import MISSING, counted, table, unique
from quals.analysis.readme import update
from quals.analysis.simulation import (
    ALPHA,
    CASES,
    GAIN,
    LEVEL,
    correlation_coverage,
    gains,
    holm_errors,
    lead_errors,
    mean_coverage,
    outcomes,
    sign_flip_errors,
)
from quals.jsonl import Row, write_json

WORLDS = {"mean": (outcomes, 0.5), "paired difference": (gains, GAIN)}
SPREADS = {1: (0.0,), 3: (0.0, 0.02, 0.05, 0.1), 5: (0.0, 0.02, 0.05, 0.1), 10: (0.05, 0.1)}
DOCUMENTS = 300  # as in the testbed's test set
ITEMS = ((235, 1), (150, 2))  # documents and items of each; the first is QAGS's size


def mean_rows(trials: int, resamples: int) -> list[Row]:
    """Coverage of means and paired differences by seeds and by how far seeds differ."""
    rows: list[Row] = []
    for quantity, (world, truth) in WORLDS.items():
        for seeds, spreads in SPREADS.items():
            for spread in spreads:
                size = {"seeds": seeds, "documents": DOCUMENTS, "spread": spread}
                bootstrap, student = mean_coverage(
                    world, truth, **size, trials=trials, resamples=resamples
                )
                found = {"bootstrap": bootstrap, "student": student}
                rows.append({"quantity": quantity, **size, **found})
    return rows


def statistic_rows(trials: int, resamples: int) -> list[Row]:
    """Coverage of correlations and of what is made of them."""
    return [
        {
            "statistic": name,
            "documents": documents,
            "each": each,
            "bootstrap": correlation_coverage(
                case, documents=documents, each=each, trials=trials, resamples=resamples
            ),
        }
        for name, case in CASES.items()
        for documents, each in ITEMS
    ]


def error_rows(trials: int, permutations: int) -> list[Row]:
    """How often each test at ALPHA finds what is not there."""
    rows: list[Row] = []
    size = {"trials": trials, "permutations": permutations}
    for seeds, spread in ((1, 0.0), (3, 0.0), (3, 0.02), (3, 0.05)):
        share = sign_flip_errors(seeds=seeds, documents=DOCUMENTS, spread=spread, **size)
        situation = f"{seeds} seeds that differ by {spread}" if seeds > 1 else "one seed"
        rows.append({"test": "sign flips", "situation": situation, "share": share})
    for skewed in (False, True):
        for documents, each in ITEMS:
            found = lead_errors(skewed=skewed, documents=documents, each=each, **size)
            shape = "a skewed metric" if skewed else "normal metrics"
            situation = f"{shape}, {documents} documents with {each} each"
            rows += [
                {"test": test, "situation": situation, "share": share}
                for test, share in found.items()
            ]
    for true in (0, 7):
        with_holm, plain = holm_errors(family=14, true=true, documents=60, **size)
        situation = f"any false finding in 14 tests, {true} of them with an effect"
        rows.append({"test": "Holm", "situation": situation, "share": with_holm})
        rows.append({"test": "no adjustment", "situation": situation, "share": plain})
    return rows


def simulate(trials: int, resamples: int) -> Row:
    """Everything that docs/coverage.json holds."""
    return {
        "level": LEVEL,
        "alpha": ALPHA,
        "trials": trials,
        "resamples": resamples,
        "means": mean_rows(trials, resamples),
        "statistics": statistic_rows(trials, resamples),
        "errors": error_rows(trials, resamples - 1),
    }


def render(found: Row) -> str:
    """The tables of docs/statistics.md."""
    trials = found["trials"]
    noise = 196 * (found["level"] * (1 - found["level"]) / trials) ** 0.5
    return "\n\n".join(
        [
            f"Each share is of {trials} simulated experiments with {found['resamples']} resamples: "
            f"one that is truly 95 % comes out within {noise:.1f} points of it, 95 times in 100.",
            "Intervals of means over seeds and documents, share that holds the truth:",
            _means(found["means"]),
            "Intervals of statistics over documents, share that holds the truth:",
            _statistics(found["statistics"]),
            "Tests at 5 %, share that finds what is not there:",
            table(
                ["Test", "Situation", "Share"],
                [[row["test"], row["situation"], _share(row["share"])] for row in found["errors"]],
                align="llr",
            ),
        ]
    )


def _means(rows: Sequence[Row]) -> str:
    """A row per quantity and spread; a column per kind of interval and number of seeds."""
    counts = unique(rows, "seeds")
    cells = {(row["quantity"], row["spread"], row["seeds"]): row for row in rows}
    kinds = ("bootstrap", "student")
    body = []
    for quantity, spread in sorted({key[:2] for key in cells}):
        found = [cells.get((quantity, spread, count)) for count in counts]
        body.append(
            [quantity, f"{spread:.2f}"]
            + [_share(row and row[kind]) for kind in kinds for row in found]
        )
    header = ["Quantity", "Seeds differ by"]
    of = [counted(count, "seed") for count in counts]
    header += [f"{kind.capitalize()}, {seeds}" for kind in kinds for seeds in of]
    return table(header, body)


def _statistics(rows: Sequence[Row]) -> str:
    """A row per statistic; a column per number of documents."""
    cells = {(row["statistic"], row["documents"], row["each"]): row for row in rows}
    sizes = list(dict.fromkeys(key[1:] for key in cells))
    body = [
        [name, *(_share(cells[name, *size]["bootstrap"]) for size in sizes)]
        for name in unique(rows, "statistic")
    ]
    header = [f"{documents} documents with {each} each" for documents, each in sizes]
    return table(["Statistic", *header], body)


def _share(value: float | None) -> str:
    return MISSING if value is None else f"{100 * value:.1f} %"


def main(words: Sequence[str] | None = None) -> None:
    """Simulate and write from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=1000, help="simulated experiments")
    parser.add_argument("--resamples", type=int, default=500, help="bootstrap draws in each")
    parser.add_argument("--out", type=Path, default=Path("docs/coverage.json"))
    parser.add_argument("--text", type=Path, default=Path("docs/statistics.md"))
    given = parser.parse_args(words)
    found = simulate(given.trials, given.resamples)
    write_json(given.out, found)
    update(given.text, render(found))


if __name__ == "__main__":
    main()
