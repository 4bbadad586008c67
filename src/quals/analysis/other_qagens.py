"""How does docs/people.md show the other QAGens that were tried? From results/<scale>/other_qagens.

`python -m quals.analysis.other_qagens` writes the block; a test checks that it holds just that.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from quals.analysis.formatting import counted, number, span, table
from quals.analysis.judged import BENCHMARKS, variant_name
from quals.analysis.readme import update
from quals.jsonl import Row, read_json

BLOCK = "other_qagens"  # between the markers of this name
SCALE = "the scale's"  # QAGen, above those that were tried
# Of a training's record, with the column's heading and its digits.
GATE = (
    ("summary_question_loss", "loss, question", 3),
    ("summary_answer_loss", "loss, answer", 3),
    ("summary_answer_exact", "answers right", 3),
    ("kept_pairs", "pairs kept", 2),
)


def block(results: Path) -> str:
    """How each QAGen learnt, and how well the scores by it agree with people."""
    paths = sorted((results / "other_qagens").glob("*.json"))
    if not paths:
        return "No other QAGen has been tried at this scale yet."
    tried = {path.stem.replace("_", " "): read_json(path) for path in paths}
    records = {SCALE: read_json(results / "training/qagen.json")}
    records |= {name: found["training"] for name, found in tried.items()}
    header = ["QAGen", "Summaries", "Formula", "n", "Pearson, the scale's", "Pearson, this one"]
    body = [
        [
            name,
            BENCHMARKS[row["benchmark"]],
            variant_name(row["metric"]),
            str(row["n"]),
            *(_pearson(row[which]) for which in ("scale", "other")),
            span(row["difference"], row["low"], row["high"], digits=2, sign="+"),
            *(number(row[key]) for key in ("p", "p_holm")),
        ]
        for name, found in tried.items()
        for row in found["rows"]
    ]
    tests = counted(len(next(iter(tried.values()))["rows"]), "test")
    return "\n\n".join(
        [
            table(
                ["QAGen", "steps", "seed", *(title for _, title, _ in GATE)],
                [_learnt(name, record) for name, record in records.items()],
            ),
            f"On the development halves (Holm's family is the {tests} of one QAGen):",
            table([*header, "difference", "p", "Holm's p"], body, align="lll" + "r" * 6),
        ]
    )


def _learnt(name: str, record: Row) -> list[str]:
    settings, gate = record["settings"], record["metrics"]
    recipe = [str(settings["training"]["steps"]), str(settings["seed"])]
    return [name, *recipe, *(number(gate[key], digits) for key, _, digits in GATE)]


def _pearson(row: Row) -> str:
    return span(row["pearson"], row["pearson_low"], row["pearson_high"], digits=2)


def main(words: Sequence[str] | None = None) -> None:
    """Fill the block from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--page", type=Path, default=Path("docs/people.md"))
    parser.add_argument("--results", type=Path, default=Path("results/laptop"))
    given = parser.parse_args(words)
    update(given.page, block(given.results), BLOCK)


if __name__ == "__main__":
    main()
