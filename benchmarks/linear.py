"""Do sampling and scoring a corpus cost in proportion to its documents, in memory that stays flat?

    python benchmarks/linear.py        # on a quiet machine, after `make repro`

runs what the stages `sample` and `reward` run, for one seed, on the first 100, 200, 400 and 800
training documents of the testbed's XSUM style: candidates, and their scores and the references' by
QUALS, a chunk of documents at a time. It writes `linear.json` and the block of `README.md` that
shows it. Every size and step runs in a process of its own, so that its memory is its own.
"""

import argparse
import os
import resource
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from quals.analysis.formatting import number, table
from quals.analysis.readme import update
from quals.decoding.jobs import Sample, SampleJob, Writer, write_samples
from quals.decoding.summarizer import SummaryLimits
from quals.errors import InputError
from quals.jsonl import Row, read_json, write_json
from quals.metrics.quals import QualsSettings
from quals.metrics.rewards import Reward, RewardJob, write_rewards
from quals.metrics.selectors import by_quals_in_parts
from quals.parallel import run_jobs
from quals.params import load_section
from quals.piecewise import Kept
from quals.scoring.hardware import cpu_name
from quals.training.mle import TrainMle

HERE = Path(__file__).parent
ROOT = HERE.parent
OUT = HERE / "linear.json"
BLOCK = "linear"
PENDING = "Not measured yet."  # the block before the first run
STYLE = "xsum"
STEPS = ("sampling", "scoring")
SIZES = (100, 200, 400, 800)
CHUNK = 100
WARM = 8  # documents that go first: imports, threads, allocator
SEED = 0


@dataclass(frozen=True)
class Place:
    """The folder that holds models/ and data/, the scale's settings, and where work goes."""

    root: Path
    params: Path
    scratch: Path

    @property
    def models(self) -> Path:
        return self.root / "models/testbed"

    @property
    def corpus(self) -> Path:
        return self.root / f"data/testbed/{STYLE}/corpus"

    def made(self, step: str, documents: int) -> Path:
        return self.scratch / f"{step}-{documents}"


def run_step(step: str, place: Place, documents: int, chunk: int) -> Row:
    """One step over so many documents; its seconds include loading models and reading texts."""
    work = _sample if step == "sampling" else _score

    def run(count: int) -> Counter[str]:
        shutil.rmtree(place.made(step, count), ignore_errors=True)  # nothing to go on from
        return work(place, count, chunk)

    run(min(WARM, documents))
    start = time.perf_counter()
    counts = run(documents)
    return {
        "step": step,
        "documents": documents,
        "texts": counts["texts"],
        "seconds": time.perf_counter() - start,
        "peak_mib": peak_mib(),
    }


def _sample(place: Place, documents: int, chunk: int) -> Counter[str]:
    settings = load_section(place.params, "sample", Sample)
    out = place.made("sampling", documents)
    job = SampleJob(
        Writer(
            place.models / STYLE / f"mle/{SEED}",
            load_section(place.params, f"summaries.{STYLE}", SummaryLimits),
            load_section(place.params, "train_mle", TrainMle).max_source_tokens,
        ),
        corpus=place.corpus,
        seed=SEED,
        settings=settings.model_copy(update={"documents": documents, "chunk_documents": chunk}),
        kept=Kept(out / "chunks", {}),
        out=out / f"{SEED}.jsonl",
    )
    return run_jobs(write_samples, [job])[0]


def _score(place: Place, documents: int, chunk: int) -> Counter[str]:
    """Candidates are those that sampling wrote for as many documents."""
    selector = by_quals_in_parts(
        place.models / "metrics/qagen", load_section(place.params, "quals", QualsSettings)
    )
    out = place.made("scoring", documents)
    return write_rewards(
        RewardJob(
            "scoring",
            corpus=place.corpus,
            candidates=place.made("sampling", documents),
            seeds=[SEED],
            select=lambda articles: selector,
            settings=Reward(chunk_documents=chunk),
            kept=Kept(out / "chunks", {}),
            out=out,
        )
    )


def peak_mib() -> float:
    """The most resident memory that this process ever had, or the largest that it started."""
    whose = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    peak = max(resource.getrusage(one).ru_maxrss for one in whose)
    return peak / (2**20 if sys.platform == "darwin" else 2**10)  # macOS counts bytes


def fitted(rows: Sequence[Row]) -> Row:
    """The least-squares line through seconds by documents, and how far the worst point lies off.

    `off` is a share of the line's value there.
    """
    documents = np.array([row["documents"] for row in rows], dtype=float)
    seconds = np.array([row["seconds"] for row in rows])
    each, start = np.polyfit(documents, seconds, 1)
    line = start + each * documents
    return {
        "step": rows[0]["step"],
        "start_seconds": float(start),
        "seconds_per_document": float(each),
        "off": float(np.abs(seconds / line - 1).max()),
        "peak_growth_mib": rows[-1]["peak_mib"] - rows[0]["peak_mib"],
    }


def render_block(found: Row) -> str:
    """The block of the README from the result file."""
    rows = [
        [
            row["step"],
            str(row["documents"]),
            str(row["texts"]),
            number(row["seconds"], 2),
            number(1000 * row["seconds"] / row["documents"], 1),
            f"{row['peak_mib']:.0f}",
        ]
        for row in found["rows"]
    ]
    lines = [
        [
            line["step"],
            f"{line['start_seconds']:.2f} s + {1000 * line['seconds_per_document']:.2f} ms "
            "x documents",
            f"{line['off']:.1%}",
            f"{line['peak_growth_mib']:+.0f} MiB",
        ]
        for line in found["lines"]
    ]
    header = ["Step", "Documents", "Texts", "Seconds", "ms per document", "Peak MiB"]
    return "\n\n".join(
        [
            f"{found['cpu']}, {found['cores']} cores, chunks of {found['chunk']} documents.",
            table(header, rows),
            "Fitted lines (least squares), the point that lies furthest off, and the memory that "
            "the largest size takes more than the smallest:",
            table(["Step", "Line", "Furthest off", "Memory"], lines, align="llrr"),
        ]
    )


def main(arguments: argparse.Namespace) -> None:
    rows: list[Row] = []
    for step in STEPS:
        for documents in arguments.sizes:
            out = arguments.scratch / f"{step}-{documents}.json"
            command = [sys.executable, __file__, "--worker", step, "--out", out]
            command += ["--sizes", documents, *_shared(arguments)]
            subprocess.run([str(word) for word in command], check=True)
            rows.append(read_json(out))
            print(f"{step}, {documents} documents: {rows[-1]['seconds']:.2f} s", flush=True)
    found = {
        "cpu": cpu_name(),
        "cores": os.cpu_count(),
        "chunk": arguments.chunk,
        "rows": rows,
        "lines": [fitted([row for row in rows if row["step"] == step]) for step in STEPS],
    }
    write_json(arguments.out, found)
    block = render_block(read_json(arguments.out))
    if arguments.out == OUT:
        update(HERE / "README.md", block, BLOCK)
    print(block)


def _shared(arguments: argparse.Namespace) -> list[object]:
    names = ("chunk", "scratch", "root", "params")
    return [word for name in names for word in (f"--{name}", getattr(arguments, name))]


def parsed(words: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES), help="documents")
    parser.add_argument("--chunk", type=int, default=CHUNK, help="documents at a time")
    parser.add_argument("--root", type=Path, default=ROOT, help="folder with models/ and data/")
    parser.add_argument("--params", type=Path, default=ROOT / "scales/testbed.yaml")
    parser.add_argument("--scratch", type=Path, default=ROOT / "scratch/linear", metavar="PATH")
    parser.add_argument("--out", type=Path, default=OUT, help="another file leaves the README be")
    parser.add_argument("--worker", choices=STEPS, help=argparse.SUPPRESS)
    return parser.parse_args(words)


if __name__ == "__main__":
    given = parsed(sys.argv[1:])
    try:
        if given.worker:
            place = Place(given.root, given.params, given.scratch)
            write_json(given.out, run_step(given.worker, place, given.sizes[0], given.chunk))
        else:
            main(given)
    except InputError as error:
        sys.exit(f"error: {error}")
