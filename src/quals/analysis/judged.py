"""How do README and docs/people.md show what people judged? From results/<scale>/people/.

`python -m quals.analysis.judged` writes all blocks and the figure; a test checks that the blocks
hold just that.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from quals.analysis import plots
from quals.analysis.formatting import MISSING, name, number, span, table, unique
from quals.analysis.plots_people import people_figure
from quals.analysis.raters import PEOPLE
from quals.analysis.readme import update
from quals.analysis.report_checked import judged_claims
from quals.corpora.claims import CLAIMS
from quals.jsonl import Row, read_json, write_whole
from quals.metrics.averages import WORST_TOKEN

BLOCK, CLAIMS_BLOCK = "people", "claims"  # between the markers of these names
FIGURE = "agreement.png"  # beside the tables
# Where they stand at any scale; others follow by name.
BENCHMARKS = {
    "qags_cnndm": "QAGS, CNN/DailyMail",
    "qags_xsum": "QAGS, XSUM",
    "halueval": "HaluEval",
}
# The variants that the development halves chose: among averages, and the summary as its own pair.
EXTENSIONS = (f"quals_{WORST_TOKEN}", "quals_explained")
Tables = dict[str, object]


def read_tables(results: Path) -> dict[str, Tables]:
    """The tables of every benchmark that was judged at this scale."""
    paths = {path.stem: path for path in (results / "people").glob("*.json")}
    known = [key for key in BENCHMARKS if key in paths]
    return {key: read_json(paths[key]) for key in known}


def summary(found: dict[str, Tables]) -> str:
    """For the README: every metric's Pearson and AUC on the held-out half of each benchmark.

    The variants of QUALS that were chosen stand below QUALS itself.
    """
    if not found:
        return "Nothing has been judged at this scale yet."
    rows = {
        key: {row["metric"]: row for row in _with_extension(tables)}
        for key, tables in found.items()
    }
    metrics = list(dict.fromkeys(metric for mine in rows.values() for metric in mine))
    columns = [(key, of) for key in found for of in ("pearson", "auc")]
    header = ["Metric", *(f"{BENCHMARKS[key]}: {_TITLES[of]}" for key, of in columns)]
    body = [
        [variant_name(metric), *(_cell(rows[key].get(metric), of) for key, of in columns)]
        for metric in metrics
    ]
    for key, tables in found.items():
        rows[key]["people"] = _reader(tables)
    if any(rows[key]["people"] for key in found):
        cells = [
            _cell(rows[key]["people"], of) if of == "pearson" else MISSING for key, of in columns
        ]
        body.append(["One reader against the others", *cells])
    sizes = ", ".join(
        f"{max(row['n'] + row['undefined'] for row in _rows(tables, 'rows'))} of {BENCHMARKS[key]}"
        for key, tables in found.items()
    )
    return f"Summaries of the held-out halves ({sizes}):\n\n{table(header, body)}"


def figure(found: dict[str, Tables]) -> Figure:
    """What `summary` says of Pearson's correlation, drawn."""
    ends = ("pearson", "pearson_low", "pearson_high")
    rows, readers = [], []
    for key, tables in found.items():
        title = BENCHMARKS[key]
        for row in _with_extension(tables):
            drawn = {"benchmark": title, "metric": variant_name(row["metric"]), "n": row["n"]}
            rows.append(drawn | {end: row[end] for end in ends})
        if reader := _reader(tables):
            readers.append({"benchmark": title, **{end: reader[end] for end in ends}})
    return people_figure(pd.DataFrame(rows), pd.DataFrame(readers, columns=["benchmark", *ends]))


def _reader(tables: Tables) -> Row | None:
    """One reader against the others, where there are several."""
    return next((row for row in _rows(tables, "raters") if row["metric"] == PEOPLE), None)


def _with_extension(tables: Tables) -> list[Row]:
    """The rows of all metrics, those of the extensions behind that of QUALS."""
    chosen = [row for row in _rows(tables, "variants") if row["metric"] in EXTENSIONS]
    found = []
    for row in _rows(tables, "rows"):
        found += [row, *chosen] if row["metric"] == "quals" else [row]
    return found


def variant_name(metric: str) -> str:
    """How a metric is written, a variant of QUALS after its name and a comma."""
    start = "quals_"
    if not metric.startswith(start):
        return name(metric)
    return f"{name('quals')}, {metric.removeprefix(start).replace('_', ' ')}"


_TITLES = {"pearson": "Pearson", "auc": "AUC"}


def _rows(tables: Tables, key: str) -> list[Row]:
    return tables.get(key, [])  # type: ignore[return-value]


def _cell(row: Row | None, of: str, *, digits: int = 2, sign: str = "") -> str:
    if row is None:
        return MISSING
    return span(row[of], row[f"{of}_low"], row[f"{of}_high"], digits=digits, sign=sign)


def details(found: dict[str, Tables]) -> str:
    """For the page: both halves, variants, what copying leaves, QUALS's leads, readers, pairs."""
    if not found:
        return "Nothing has been judged at this scale yet."
    return "\n\n".join(part for key, tables in found.items() for part in _benchmark(key, tables))


def _benchmark(key: str, tables: Tables) -> list[str]:
    development: Tables = tables["development"]  # type: ignore[assignment]
    parts = [f"### {BENCHMARKS[key]}", _halves(tables, development, "rows")]
    parts += [
        "Variants of QUALS, which the development half may choose among:",
        _halves(tables, development, "variants"),
    ]
    leads = _rows(tables, "leads")
    if leads:
        parts += ["QUALS beside each other measure, held-out half:", _leads(leads)]
    leads = _extension(tables, "leads")
    if leads:
        ours = variant_name(leads[0]["metric"])
        parts += [f"{ours}, beside each other measure, held-out half:", _leads(leads)]
    leads = _rows(tables, "variant_leads")
    if leads:
        parts += ["QUALS beside its variants, held-out half:", _leads(leads)]
    if _rows(tables, "partial"):
        parts += ["Pearson at a fixed share of copied text, held-out half:", _partial(tables)]
    if _rows(tables, "raters"):
        parts += [
            "A reader, or a metric in that place, against the mean of the other readers, "
            "held-out half:",
            _raters(tables),
        ]
    if _rows(tables, "pairs"):
        parts += ["Pairs of one article, held-out half:", _pairs(tables)]
    return parts


def _extension(tables: Tables, key: str) -> list[Row]:
    """Rows of the variant that is offered by name; none in results from before it was."""
    extension: Tables = tables.get("extension", {})  # type: ignore[assignment]
    return _rows(extension, key)


def _with_extension_last(tables: Tables, key: str) -> list[Row]:
    """A table's rows of all metrics, and below them the variant's."""
    return [*_rows(tables, key), *_extension(tables, key)]


def _halves(held_out: Tables, development: Tables, key: str) -> str:
    """Held-out first: it is the one that counts."""
    beside = {row["metric"]: row for row in _rows(development, key)}
    header = ["Metric", "n", "undefined", "Pearson", "Spearman", "Kendall", "AUC"]
    header += ["development: n", "Pearson", "AUC"]
    body = []
    for row in _rows(held_out, key):
        other = beside.get(row["metric"])
        body.append(
            [
                variant_name(row["metric"]),
                str(row["n"]),
                str(row["undefined"]),
                _cell(row, "pearson"),
                number(row["spearman"], 2),
                number(row["kendall"], 2),
                _cell(row, "auc"),
                MISSING if other is None else str(other["n"]),
                _cell(other, "pearson"),
                _cell(other, "auc"),
            ]
        )
    return table(header, body)


def _leads(rows: list[Row]) -> str:
    header = ["Against", "n", "difference of Pearson's r", "p", "Holm's p", "Williams' p"]
    body = [
        [
            variant_name(row["against"]),
            str(row["n"]),
            span(row["difference"], row["low"], row["high"], digits=2, sign="+"),
            *(_p(row[key]) for key in ("p", "p_holm", "williams_p")),
        ]
        for row in rows
    ]
    return table(header, body)


def _p(value: float | None) -> str:
    """A p value; none is zero, however many digits are shown."""
    return "< 0.001" if value is not None and value < 5e-4 else number(value)


def _partial(tables: Tables) -> str:
    rows = _with_extension_last(tables, "partial")
    cells = {(row["metric"], row["control"]): row for row in rows}
    controls = unique(rows, "control")
    body = [
        [
            variant_name(metric),
            *(_cell(cells.get((metric, control)), "pearson") for control in controls),
        ]
        for metric in unique(rows, "metric")
    ]
    return table(["Metric", *map(name, controls)], body)


def _raters(tables: Tables) -> str:
    header = ["Who", "n", "Pearson", "ahead of a reader"]
    body = [
        [
            variant_name(row["metric"]),
            str(row["n"]),
            _cell(row, "pearson"),
            _cell(row, "ahead_of_people", sign="+"),
        ]
        for row in _with_extension_last(tables, "raters")
    ]
    return table(header, body)


def _pairs(tables: Tables) -> str:
    header = ["Metric", "Pairs", "n", "undefined", "ranked right", "AUC"]
    body = [
        [
            variant_name(row["metric"]),
            row["population"],
            str(row["pairs"]),
            str(row["undefined"]),
            _cell(row, "right"),
            _cell(row, "auc"),
        ]
        for row in _with_extension_last(tables, "pairs")
    ]
    return table(header, body, align="ll" + "r" * 4)


def claims(results: Path) -> str:
    """For the page: what FactCC and the scores without questions make of checked claims."""
    paths = [results / "agreement" / f"{name}_claims.json" for name in CLAIMS]
    found = [judged_claims(_with_names(read_json(path))) for path in paths if path.is_file()]
    return "\n\n".join(found) or "FactCC has not been run on these claims at this scale yet."


def _with_names(found: Row) -> Row:
    """What `claim_tables` found, with the variants of QUALS called as in the other tables."""
    rows = [
        {**row, "metric": variant_name(row["metric"])}
        if row["metric"].startswith("quals_")
        else row
        for row in found["rows"]
    ]
    return {**found, "rows": rows}


def main(words: Sequence[str] | None = None) -> None:
    """Fill all blocks of both pages from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--readme", type=Path, default=Path("README.md"))
    parser.add_argument("--page", type=Path, default=Path("docs/people.md"))
    parser.add_argument("--results", type=Path, default=Path("results/laptop"))
    given = parser.parse_args(words)
    found = read_tables(given.results)
    update(given.readme, summary(found), BLOCK)
    update(given.page, details(found), BLOCK)
    update(given.page, claims(given.results), CLAIMS_BLOCK)
    if found:
        drawn = figure(found)
        write_whole(given.results / "people" / FIGURE, lambda path: plots.save(drawn, path))


if __name__ == "__main__":
    main()
