"""How fast is the engine? Against naive loops and plain batches of `transformers`, same work.

`make bench` writes `engine.json`, `engine_machine.json` and the tables of `README.md` in this
folder. `--quick` runs everything on tiny networks and writes into the scratch folder only.
"""

import argparse
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory

from implementations import IMPLEMENTATIONS
from table import FIELDS, operators_text, render_block
from tqdm import tqdm
from work import FULL, QUICK, Work, invented, testbed, write

from quals.analysis.readme import update
from quals.errors import InputError
from quals.jsonl import Row, read_json, write_json
from quals.scoring.hardware import cpu_name

HERE = Path(__file__).parent
ROOT = HERE.parent
REPEATS = {"naive": 1, "plain": 3, "engine": 5}
TOLERANCE = 1e-3  # nats, of each log-probability and score


def run(work: Work, name: str, scratch: Path, *, threads: int, repeats: int, tiny: bool) -> Row:
    """One implementation on one model in a new process; this one stays small."""
    with TemporaryDirectory(dir=scratch) as folder:
        given, out = Path(folder) / "work.json", Path(folder) / "row.json"
        write(work, given)
        command = [sys.executable, HERE / "worker.py", name, "--work", given, "--out", out]
        command += ["--threads", str(threads), "--repeats", str(repeats), *["--tiny"] * tiny]
        subprocess.run([str(word) for word in command], check=True)
        return read_json(out)


def agree(found: dict[str, Row], model: str) -> None:
    """Raise unless all implementations have the same pairs and scores, and some to compare."""
    expected = found["naive"]["common"]["results"]
    if not any(row["pairs"] for row in expected):
        raise InputError(f"{model}: no summary has a pair, nothing is compared")
    for name, row in found.items():
        for at, (one, other) in enumerate(zip(expected, row["common"]["results"], strict=True)):
            if not same(one, other):
                raise InputError(f"{model}, summary {at}: '{name}' and 'naive' differ")


def same(one: Row, other: Row) -> bool:
    """Whether two results have the same pairs in order and, within the tolerance, scores."""
    texts = [[(p["question"], p["answer"]) for p in row["pairs"]] for row in (one, other)]
    if texts[0] != texts[1] or (one["quals"] is None) != (other["quals"] is None):
        return False
    numbers = [
        [row["quals"] or 0.0]
        + [p[side] for p in row["pairs"] for side in ("summary_logprob", "document_logprob")]
        for row in (one, other)
    ]
    return all(abs(a - b) <= TOLERANCE for a, b in zip(*numbers, strict=True))


def to_row(model: str, name: str, found: dict[str, Row]) -> Row:
    """The published figures of one implementation; pairs per second are those of its best batch."""
    own = found[name]
    seconds = own["common"]["seconds"]["median"]
    largest = own["batch"] or own["common"]
    values = (
        model,
        name,
        seconds,
        own["common"]["document_seconds"]["median"],
        found["naive"]["common"]["seconds"]["median"] / seconds,
        largest["pairs"] / largest["summaries"] / largest["seconds"]["median"],
        own["peak_mib"],
        matmul_share(own, own["common"]),
    )
    return dict(zip(FIELDS, values, strict=True))


def matmul_share(own: Row, part: Row) -> float:
    """Needed operations per second of document scoring over this process's matrix rate."""
    return part["flops"] / part["document_seconds"]["median"] / own["rate"]


def machine_record(found: dict[str, dict[str, Row]], *, threads: int, note: str) -> Row:
    """Where and how the figures were made, and what does not fit into their rows."""
    engines = [(model, rows["engine"]) for model, rows in found.items()]
    return {
        "cpu": cpu_name(),
        "threads": threads,
        "torch": version("torch"),
        "transformers": version("transformers"),
        "note": note,
        "parameters": {model: row["parameters"] for model, row in engines},
        "spreads": [
            {
                "model": model,
                "implementation": name,
                "repeats": row["repeats"],
                "seconds": row["common"]["seconds"],
                "document_seconds": row["common"]["document_seconds"],
            }
            for model, rows in found.items()
            for name, row in rows.items()
        ],
        "batches": [
            {
                "model": model,
                "summaries": row["batch"]["summaries"],
                "seconds_per_summary": row["batch"]["seconds"]["median"],
                "document_scoring_seconds": row["batch"]["document_seconds"]["median"],
                "matmul_share": matmul_share(row, row["batch"]),
                "matrix_rate": row["rate"],
            }
            for model, row in engines
        ],
        "operators": [
            {"model": model, "step": step, "operators": shares}
            for model, row in engines
            for step, shares in row["operators"].items()
        ],
    }


def main(arguments: argparse.Namespace) -> None:
    tiny, scratch = arguments.quick, arguments.scratch
    out = scratch if tiny else HERE
    scratch.mkdir(parents=True, exist_ok=True)
    works, note = invented(QUICK if tiny else FULL, scratch), ""
    own = None if tiny else testbed(ROOT / "models", ROOT / "data")
    if own is not None:
        works.append(own)
    elif not tiny:
        note = "The testbed QAGen was left out: `make repro` had not made it."
    found: dict[str, dict[str, Row]] = {}
    progress = tqdm(total=len(works) * len(IMPLEMENTATIONS), unit="run")
    for work in works:
        rows = found[work.name] = {}
        for name in IMPLEMENTATIONS:
            progress.set_description(f"{work.name}, {name}")
            repeats = 1 if tiny else REPEATS[name]
            settings = {"threads": arguments.threads, "repeats": repeats, "tiny": tiny}
            rows[name] = {**run(work, name, scratch, **settings), "repeats": repeats}
            progress.update()
        agree(rows, work.name)
    progress.close()
    figures = [to_row(model, name, rows) for model, rows in found.items() for name in rows]
    machine = machine_record(found, threads=arguments.threads, note=note)
    write_json(out / "engine.json", figures)
    write_json(out / "engine_machine.json", machine)
    if not tiny:
        update(HERE / "README.md", render_block(read_json(out / "engine.json"), machine))
    print(render_block(figures, machine))
    print("\nWhere the rest goes:")
    for row in machine["operators"]:
        print(f"  {row['model']}, {row['step']}: {operators_text(row['operators'])}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=2, help="of torch; 2 if not given")
    parser.add_argument("--quick", action="store_true", help="tiny networks, to see that it runs")
    parser.add_argument("--scratch", type=Path, default=ROOT / "scratch/benchmarks", metavar="PATH")
    try:
        main(parser.parse_args())
    except InputError as error:
        sys.exit(f"error: {error}")
