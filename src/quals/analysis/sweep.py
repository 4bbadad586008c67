"""What did a sweep find? The table of `dvc exp show --csv` as one picture.

`python -m quals.analysis.sweep sweep.csv --x SETTING --y METRIC --out sweep.png`, after the
commands of docs/sweeps.md.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from quals.analysis.formatting import method_name, name
from quals.analysis.plots import COLOURS, OTHER, WIDTH, bare, panels, save
from quals.errors import InputError
from quals.jsonl import write_whole

REVISION, WORKSPACE = "rev", "workspace"
BASELINE = "typ", "baseline"
DECADE = 10  # from this ratio of its values on, a setting has a logarithmic axis
MOST_TICKS = 6  # up to here each value is written below the axis


def read_table(path: Path, x: str, ys: Sequence[str]) -> pd.DataFrame:
    """One row per experiment that has all its values, sorted by `x`, beside the commit they left.

    Columns: `x` and `ys` as asked for, and `baseline`. The workspace is left out: it is the commit,
    or an experiment that was applied. `InputError` names the file and what it lacks.
    """
    try:
        found = pd.read_csv(path, dtype=str)
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not a table of `dvc exp show --csv` ({error})") from error
    if missing := {REVISION, BASELINE[0]} - set(found.columns):
        raise InputError(f"{path}: no column '{min(missing)}', as `dvc exp show --csv` has it")
    found = found[found[REVISION] != WORKSPACE]
    columns = {name: column(path, list(found.columns), name) for name in (x, *ys)}
    table = pd.DataFrame(
        {name: pd.to_numeric(found[key], errors="coerce") for name, key in columns.items()}
    )
    table["baseline"] = found[BASELINE[0]] == BASELINE[1]
    table = table.dropna().sort_values([x, "baseline"], ignore_index=True)
    if table.empty:
        raise InputError(f"{path}: no row has a number for each of {', '.join(columns)}")
    return table


def column(path: Path, columns: Sequence[str], name: str) -> str:
    """The column of that name; DVC puts the file's name before one that several files hold."""
    found = [key for key in columns if key == name or key.endswith(f":{name}")]
    if len(found) == 1:
        return found[0]
    if found:
        raise InputError(f"{path}: '{name}' is in several files: {', '.join(found)}")
    alike = [key for key in columns if name.rsplit(".", 1)[-1] in key]
    hint = f"; there are {', '.join(alike)}" if alike else ""
    raise InputError(
        f"{path}: no column '{name}'{hint}. Only what differs between experiments is in the table"
    )


def sweep_figure(table: pd.DataFrame, x: str, ys: Sequence[str]) -> Figure:
    """Each measure against the setting, a panel each; the commit that was left is a ring."""
    figure = Figure(figsize=(min(WIDTH, 4.2 * len(ys)), 3.2), layout="constrained")
    experiments, left = table[~table.baseline], table[table.baseline]
    for axes, y in zip(panels(figure, len(ys)), ys, strict=True):
        colour = next((COLOURS[part] for part in y.split(".") if part in COLOURS), OTHER)
        axes.plot(experiments[x], experiments[y], "o-", color=colour, linewidth=1)
        axes.plot(left[x], left[y], "o", color=colour, markersize=11, fillstyle="none")
        if table[x].min() > 0 and table[x].max() >= DECADE * table[x].min():
            axes.set_xscale("log")
        values = sorted(set(table[x]))
        if len(values) <= MOST_TICKS:
            axes.set_xticks(values, [f"{value:g}" for value in values])
            axes.xaxis.set_minor_locator(NullLocator())
        axes.margins(0.1)
        axes.set_xlabel(x)
        axes.set_title(_title(y), loc="left", fontsize=10)
        bare(axes, grid="y")
    return figure


def _title(y: str) -> str:
    """`xsum.conseq.truth` in words."""
    *rest, metric = y.split(".")
    return ", ".join([*map(method_name, rest), name(metric)])


def main(words: Sequence[str] | None = None) -> int:
    """Draw from the command line; bad input is named on one line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("table", type=Path, help="what `dvc exp show --csv` wrote")
    parser.add_argument("--x", required=True, metavar="SETTING", help="column across")
    parser.add_argument("--y", required=True, nargs="+", metavar="METRIC", help="columns upwards")
    parser.add_argument("--out", type=Path, required=True, metavar="PNG")
    given = parser.parse_args(words)
    try:
        table = read_table(given.table, given.x, given.y)
    except (InputError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    figure = sweep_figure(table, given.x, given.y)
    write_whole(given.out, lambda path: save(figure, path))
    print(f"{given.out}: {(~table.baseline).sum()} experiments, {table.baseline.sum()} baselines")
    return 0


if __name__ == "__main__":
    sys.exit(main())
