"""Do sampling and scoring a corpus cost in proportion to its documents, in memory that stays flat?

    python benchmarks/linear.py        # on a quiet machine, after `make repro`

samples candidates for the first 100, 200, 400 and 800 training documents of the testbed's XSUM
style and scores them and the references by QUALS, as the stages `sample` and `reward` do, but a
chunk of documents at a time. It writes `linear.json` and the block of `README.md` that shows it.
Every size and step runs in a process of its own, so that its memory is its own.
"""

import argparse
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from quals.analysis.formatting import number, table
from quals.analysis.readme import update
from quals.corpus import Article, read_articles
from quals.decoding.jobs import Sample
from quals.decoding.summarizer import Summarizer, SummaryLimits
from quals.errors import InputError
from quals.jsonl import Row, read_json, read_jsonl, write_json, write_jsonl
from quals.metrics.quals import Quals, QualsSettings
from quals.models import checkpoint
from quals.params import load_section
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
CHUNK = 50


@dataclass(frozen=True)
class Place:
    """The folder that holds models/ and data/, the scale's settings, and where work waits."""

    root: Path
    params: Path
    scratch: Path

    @property
    def models(self) -> Path:
        return self.root / "models/testbed"

    @property
    def data(self) -> Path:
        return self.root / "data/testbed"

    def chunks(self, step: str, documents: int) -> Path:
        return self.scratch / f"{step}-{documents}"


Work = Callable[[range], list[Row]]  # rows of some of the documents, by their numbers


def run_step(step: str, place: Place, documents: int, chunk: int) -> Row:
    """One step over so many documents; seconds of its work, without loading model and corpus."""
    articles = read_articles(place.data / STYLE / "corpus", "train", documents)
    work = _sampling(place, articles) if step == "sampling" else _scoring(place, articles)
    work(range(min(8, documents)))  # threads, allocator and kernels wake up
    parts, texts = chunks(documents, chunk), 0
    start = time.perf_counter()
    for at, part in enumerate(parts):
        rows = work(part)
        write_jsonl(place.chunks(step, documents) / f"{at:05d}.jsonl", rows)
        texts += sum(len(row["candidates"]) for row in rows)
    seconds = time.perf_counter() - start
    return {
        "step": step,
        "documents": documents,
        "texts": texts,
        "seconds": seconds,
        "peak_mib": peak_mib(),
    }


def chunks(documents: int, size: int) -> list[range]:
    """The documents' numbers in parts of `size`, the last one as it comes; 0 is one part."""
    size = size or documents
    return [range(at, min(at + size, documents)) for at in range(0, documents, size)]


def _sampling(place: Place, articles: Sequence[Article]) -> Work:
    settings = load_section(place.params, "sample", Sample)
    limits = load_section(place.params, f"summaries.{STYLE}", SummaryLimits)
    source_limit = load_section(place.params, "train_mle", TrainMle).max_source_tokens
    model = checkpoint.load(place.models / STYLE / "mle/0")
    summarizer = Summarizer(model, limits, source_limit)

    def work(part: range) -> list[Row]:
        # A generator for each part: what is drawn does not depend on which parts came before.
        drawn = summarizer.sample(
            [articles[i].document for i in part],
            samples=settings.samples,
            top_k=settings.top_k,
            generator=torch.Generator().manual_seed(part.start),
        )
        return [
            {"id": articles[i].id, "candidates": texts}
            for i, texts in zip(part, drawn, strict=True)
        ]

    return work


def _scoring(place: Place, articles: Sequence[Article]) -> Work:
    """Candidates are those that sampling wrote for as many documents."""
    quals = Quals.from_pretrained(
        place.models / "metrics/qagen", load_section(place.params, "quals", QualsSettings)
    )
    found = {row["id"]: row["candidates"] for row in _stored(place, len(articles))}

    def work(part: range) -> list[Row]:
        texts = [[*found[articles[i].id], articles[i].summary] for i in part]
        asked = [(articles[i].document, t) for i, own in zip(part, texts, strict=True) for t in own]
        scores = iter(quals.score([d for d, _ in asked], [t for _, t in asked]))
        return [
            {"id": articles[i].id, "candidates": own, "scores": [next(scores).quals for _ in own]}
            for i, own in zip(part, texts, strict=True)
        ]

    return work


def _stored(place: Place, documents: int) -> Iterator[Row]:
    for path in sorted(place.chunks("sampling", documents).glob("*.jsonl")):
        yield from read_jsonl(path, {"id": str, "candidates": list})


def peak_mib() -> float:
    """The most resident memory that this process ever had."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
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
            f"{found['cpu']}, {found['threads']} threads, chunks of {found['chunk']} documents.",
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
        "threads": arguments.threads,
        "chunk": arguments.chunk or max(arguments.sizes),
        "rows": rows,
        "lines": [fitted([row for row in rows if row["step"] == step]) for step in STEPS],
    }
    write_json(arguments.out, found)
    block = render_block(read_json(arguments.out))
    if arguments.out == OUT:
        update(HERE / "README.md", block, BLOCK)
    print(block)


def _shared(arguments: argparse.Namespace) -> list[object]:
    names = ("threads", "chunk", "scratch", "root", "params")
    return [word for name in names for word in (f"--{name}", getattr(arguments, name))]


def parsed(words: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES), help="documents")
    parser.add_argument("--chunk", type=int, default=CHUNK, help="documents at a time; 0: all")
    parser.add_argument("--threads", type=int, default=2, help="of torch; 2 if not given")
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
            torch.set_num_threads(given.threads)
            place = Place(given.root, given.params, given.scratch)
            write_json(given.out, run_step(given.worker, place, given.sizes[0], given.chunk))
        else:
            main(given)
    except InputError as error:
        sys.exit(f"error: {error}")
