"""What does `benchmarks/README.md` show? The measured rows, what became of the aims, the rest."""

from quals.analysis.formatting import number, table
from quals.jsonl import Row

FIELDS = (
    "model",
    "implementation",
    "seconds_per_summary",
    "document_scoring_seconds",
    "speedup",
    "pairs_per_second",
    "peak_mib",
    "matmul_share",
)
HEADER = (
    "Model",
    "Implementation",
    "Seconds per summary",
    "of these, document scoring",
    "Times as fast as naive",
    "Pairs per second",
    "Peak MiB",
    "Share of matrix rate",
)
AIMED_AT = "BART-base shape"


def render_block(rows: list[Row], machine: Row) -> str:
    """The block of the README from both result files, without its markers."""
    cells = [
        [
            row["model"],
            f"`{row['implementation']}`",
            _seconds(row["seconds_per_summary"]),
            _seconds(row["document_scoring_seconds"]),
            f"{row['speedup']:.1f}",
            number(row["pairs_per_second"], 1),
            f"{row['peak_mib']:.0f}",
            number(row["matmul_share"], 2),
        ]
        for row in rows
    ]
    parts = [
        f"{machine['cpu']}, {machine['threads']} threads, fp32, torch {machine['torch']}, "
        f"transformers {machine['transformers']}.",
        table(HEADER, cells, align="llrrrrrr"),
        "Lowest and highest of the repeats:",
        table(
            ["Model", "Implementation", "Repeats", "Seconds per summary", "Document scoring"],
            [
                [
                    row["model"],
                    f"`{row['implementation']}`",
                    str(row["repeats"]),
                    _range(row["seconds"]),
                    _range(row["document_seconds"]),
                ]
                for row in machine["spreads"]
            ],
            align="llrrr",
        ),
        "The engine on more summaries at once; matrix rate in 10^9 operations per second:",
        table(
            ["Model", "Summaries", "Seconds per summary", "Document scoring", "Share", "Rate"],
            [
                [
                    row["model"],
                    str(row["summaries"]),
                    _seconds(row["seconds_per_summary"]),
                    _seconds(row["document_scoring_seconds"]),
                    number(row["matmul_share"], 2),
                    f"{row['matrix_rate'] / 1e9:.0f}",
                ]
                for row in machine["batches"]
            ],
        ),
        *([machine["note"]] if machine["note"] else []),
        "Our aims on the BART-base shape:",
        table(["Aim", "Measured", ""], aims(rows), align="lrl"),
        "Where the rest goes: torch's operators by their share of the engine's time.",
        table(
            ["Model", "Step", "Operators"],
            [
                [row["model"], row["step"], operators_text(row["operators"])]
                for row in machine["operators"]
            ],
            align="lll",
        ),
    ]
    return "\n\n".join(parts)


def aims(rows: list[Row]) -> list[list[str]]:
    """Each aim with what was measured, and whether that reaches it."""
    found = {row["implementation"]: row for row in rows if row["model"] == AIMED_AT}
    plain, engine = found["plain"], found["engine"]

    def times(field: str) -> float:
        return plain[field] / engine[field]

    values = [
        ("at least 20 times as fast as naive, end to end", engine["speedup"], 20),
        ("at least 5 times plain in document scoring", times("document_scoring_seconds"), 5),
        ("at least 2 times plain, end to end", times("seconds_per_summary"), 2),
        ("at least half the matrix rate in document scoring", engine["matmul_share"], 0.5),
    ]
    return [
        [aim, number(value, 2 if least < 1 else 1), "reached" if value >= least else "missed"]
        for aim, value, least in values
    ]


def operators_text(shares: Row) -> str:
    """Operators with their shares, the largest first."""
    most = sorted(shares.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{name.removeprefix('aten::')} {share:.0%}" for name, share in most)


def _seconds(value: float) -> str:
    """Three digits that count, and no more than three decimals."""
    return f"{value:.1f}" if value >= 100 else f"{value:.2f}" if value >= 10 else f"{value:.3f}"


def _range(span: Row) -> str:
    if span["low"] == span["high"]:
        return _seconds(span["low"])
    return f"{_seconds(span['low'])} to {_seconds(span['high'])}"
