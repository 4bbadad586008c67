"""Does the plan of `quals doctor --scale` tell the truth? Its estimates against measured stages.

    python benchmarks/plan.py              # wall-clock time, on a quiet machine after `make repro`
    python benchmarks/plan.py --clock cpu  # processor time, on one that others use too

measures this device's rates, then runs excerpts of the stages (`excerpts.py`), all with one thread.
It writes `plan.json` and the block of `README.md` that shows it. A test computes every estimate
anew from the rates and works in that file, and measures nothing.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from statistics import median

import torch
from excerpts import EXCERPTS, Excerpt, lacking, run_excerpt

from quals.analysis.formatting import number, table
from quals.analysis.readme import update
from quals.doctor.arithmetic import Load
from quals.doctor.estimate import needed, seconds
from quals.doctor.preflight import trained_in
from quals.doctor.rates import Rates, measure
from quals.doctor.scale import Scale, StagePlan
from quals.doctor.shapes import Shape
from quals.doctor.stages import plan
from quals.errors import InputError
from quals.jsonl import Row, read_json, write_json
from quals.scoring.hardware import cpu_name

HERE = Path(__file__).parent
ROOT = HERE.parent
OUT = HERE / "plan.json"
BLOCK = "plan"
FACTOR = 1.5
CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}


def stage_of(scale: Scale, stage: str) -> StagePlan:
    """The plan of a stage that a scale has once (one corpus, one seed)."""
    (found,) = [one for one in plan(scale) if one.stage.split()[0] == stage]
    return found


def between(few: StagePlan, more: StagePlan) -> list[Load]:
    """The work of one plan beyond that of another, load by load."""
    return [b.plus(a.times(-1)) for a, b in zip(few.loads, more.loads, strict=True)]


def to_row(load: Load) -> Row:
    return {**vars(load), "shape": vars(load.shape)}


def from_row(row: Row) -> Load:
    return Load(**{**row, "shape": Shape(**row["shape"])})


def measured(excerpt: Excerpt, arguments: argparse.Namespace) -> Row:
    """Seconds and estimated work of an excerpt, with the rates of the moment beside it.

    On a machine that others use, rates of a minute ago say little, and one run may be a slow one:
    both take turns, and the median of each counts.
    """
    root = arguments.laptop if excerpt.scale == "laptop" else arguments.root
    took, rates = [], []
    for _ in range(arguments.repeats):
        lasted, scales = run_excerpt(
            excerpt, root, arguments.scales, arguments.scratch, clock=arguments.clock
        )
        few, more = (stage_of(scale, excerpt.stage) for scale in scales)
        dtype = trained_in(scales[1].settings)
        found = measure(needed([more]), dtype=dtype, clock=CLOCKS[arguments.clock])
        took.append(lasted)
        rates.append(found.to_row())
    return {
        "scale": excerpt.scale,
        "stage": excerpt.stage,
        "texts": more.texts - few.texts,
        "seconds": median(took),
        "loads": [to_row(load) for load in between(few, more)],
        "rates": medians(rates),
    }


def medians(rows: list[Row]) -> Row:
    """Every number's median over rows of one form."""
    return {
        key: medians([row[key] for row in rows])
        if isinstance(value, dict)
        else median(row[key] for row in rows)
        for key, value in rows[0].items()
    }


def estimated(row: Row) -> float:
    """Seconds of a measured excerpt, from the work and rates that the file holds."""
    rates = Rates.from_row(row["rates"])
    return sum(seconds(from_row(load), rates) for load in row["loads"])


def render_block(found: Row) -> str:
    """The block of the README from the result file."""
    cells = []
    for row in found["stages"]:
        expected = estimated(row)
        ratio = expected / row["seconds"]
        within = "yes" if 1 / FACTOR <= ratio <= FACTOR else "no"
        cells.append(
            [
                f"{row['scale']} `{row['stage']}`",
                f"{row['texts']:.0f}",
                number(sum(load["layers"] + load["head"] for load in row["loads"]) / 1e9, 1),
                number(expected, 1),
                number(row["seconds"], 1),
                number(ratio, 2),
                within,
            ]
        )
    clock = {"cpu": "processor seconds, on a machine that others used", "wall": "seconds"}
    header = ["Stage", "Texts", "GFLOP", "Estimated", "Measured", "Ratio", f"Within {FACTOR}"]
    return "\n\n".join(
        [
            f"{found['cpu']}, one thread, {clock[found['clock']]}, torch {found['torch']}.",
            table(header, cells),
            *(f"Not measured: {line}." for line in found["left_out"]),
        ]
    )


def main(arguments: argparse.Namespace) -> None:
    torch.set_num_threads(1)
    stored = _stored(arguments.out)
    old = {(r["scale"], r["stage"]): r for r in stored.get("stages", [])}
    rows, left_out = [], []
    for excerpt in EXCERPTS:
        root = arguments.laptop if excerpt.scale == "laptop" else arguments.root
        missing = lacking(excerpt, root)
        chosen = {excerpt.scale, excerpt.stage} & set(arguments.only or ())
        if arguments.only and not chosen:
            kept = old.get((excerpt.scale, excerpt.stage))
            rows += [kept] if kept else []
            left_out += [
                line for line in stored.get("left_out", []) if line.startswith(f"{excerpt.name},")
            ]
        elif missing:
            left_out.append(f"{excerpt.name}, which needs {missing[0]}")
        else:
            rows.append(measured(excerpt, arguments))
            print(f"{excerpt.name}: {rows[-1]['seconds']:.2f} s, estimated", end=" ")
            print(f"{estimated(rows[-1]):.2f} s", flush=True)
        _write(arguments, rows, left_out)  # what is measured is kept, whatever comes next


def _write(arguments: argparse.Namespace, rows: list[Row], left_out: list[str]) -> None:
    found = {
        "cpu": cpu_name(),
        "clock": arguments.clock,
        "torch": version("torch"),
        "stages": rows,
        "left_out": left_out,
    }
    # Rates of small operations need more digits than `write_json` keeps of a float.
    write_json(arguments.out, _in_nanoseconds(found))
    if arguments.out == OUT:
        update(HERE / "README.md", render_block(load(arguments.out)), BLOCK)


def _stored(path: Path) -> Row:
    return load(path) if path.is_file() else {}


def load(path: Path) -> Row:
    """The result file with seconds again."""
    return _scaled(read_json(path), 1e-9)


def _in_nanoseconds(found: Row) -> Row:
    return _scaled(found, 1e9)


def _scaled(found: Row, factor: float) -> Row:
    stages = []
    for row in found["stages"]:
        rates = row["rates"]
        shapes = {
            key: {**rate, **{name: factor * rate[name] for name in ("block", "call")}}
            for key, rate in rates["shapes"].items()
        }
        small = {name: factor * rate for name, rate in rates.items() if name != "shapes"}
        stages.append({**row, "rates": {"shapes": shapes, **small}})
    return {**found, "stages": stages}


def parsed(words: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--clock", choices=sorted(CLOCKS), default="wall")
    parser.add_argument("--repeats", type=int, default=3, help="runs of each stage, and of rates")
    parser.add_argument(
        "--only", nargs="+", metavar="NAME", help="measure these stages or scales, keep the others"
    )
    parser.add_argument(
        "--root", type=Path, default=ROOT, help="folder with testbed's data, models"
    )
    parser.add_argument("--laptop", type=Path, default=ROOT, help="the same for laptop's")
    parser.add_argument("--scales", type=Path, default=ROOT / "scales", metavar="PATH")
    parser.add_argument("--scratch", type=Path, default=ROOT / "scratch/plan", metavar="PATH")
    parser.add_argument("--out", type=Path, default=OUT, help="another file leaves the README be")
    return parser.parse_args(words)


if __name__ == "__main__":
    try:
        main(parsed(sys.argv[1:]))
    except InputError as error:
        sys.exit(f"error: {error}")
