"""What does each stage of the pipeline cost? Runs `dvc repro` and watches it.

    python benchmarks/costs.py -f      # all of it anew; the words go to `dvc repro`

writes seconds, the most memory that a stage's processes held, and energy where the processor tells
it, to `costs.json`, a list for each scale; the report shows them. A stage that did not run keeps
its row. Nothing is written if the pipeline fails.
"""

import json
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from quals.jsonl import read_json, write_json
from quals.scoring.hardware import cpu_name, usable_cores

OUT = Path(__file__).parent / "costs.json"
PERIOD = 0.2  # seconds between two looks at the memory
# DVC's own words; a line of another stage, run or skipped, ends the one before.
STARTED = re.compile(r"^Running stage '([a-z_]+)(?:@([a-z]+)[^']*)?'")
SKIPPED = re.compile(r"^Stage '[^']+' (didn't change|is cached)")
ENERGY = Path("/sys/class/powercap/intel-rapl:0/energy_uj")  # of the first processor package


@dataclass
class Span:
    """One run of a stage; `scale` is None for a stage that all scales share."""

    stage: str
    scale: str | None
    start: float
    end: float | None = None
    peak: int = 0  # bytes
    joules: float | None = None


@dataclass
class Watch:
    """The runs so far, as DVC's lines tell them."""

    spans: list[Span] = field(default_factory=list)

    def see(self, line: str, now: float, joules: float | None) -> None:
        """A line of DVC's output that came at `now`, with the energy counter's value then."""
        found = STARTED.match(line)
        if found or SKIPPED.match(line):
            self.close(now, joules)
        if found:
            self.spans.append(Span(found[1], found[2], now, joules=joules))

    def close(self, now: float, joules: float | None) -> None:
        """The last run ends now, if it has not ended."""
        if self.spans and self.spans[-1].end is None:
            last = self.spans[-1]
            last.end = now
            # The counter starts again at zero now and then: a negative difference says nothing.
            known = joules is not None and last.joules is not None and joules >= last.joules
            last.joules = joules - last.joules if known else None

    def hold(self, size: int) -> None:
        """The processes hold `size` bytes."""
        if self.spans and self.spans[-1].end is None:
            self.spans[-1].peak = max(self.spans[-1].peak, size)


def rows(spans: Iterable[Span], scale: str, device: str) -> list[dict[str, object]]:
    """One row per stage of a scale (and of those that all share), all its runs together."""
    grouped: dict[str, list[Span]] = {}
    for span in spans:
        if span.scale in (None, scale) and span.end is not None:
            grouped.setdefault(span.stage, []).append(span)
    return [
        {
            "stage": stage,
            "runs": len(runs),
            "seconds": round(sum(run.end - run.start for run in runs), 1),
            "peak_mib": round(max(run.peak for run in runs) / 2**20),
            "joules": round(sum(run.joules for run in runs))
            if all(run.joules is not None for run in runs)
            else None,
            "device": device,
        }
        for stage, runs in grouped.items()
    ]


def merged(
    old: Sequence[dict[str, object]], new: Sequence[dict[str, object]]
) -> list[dict[str, object]]:
    """The old rows with those of stages that ran put in their places, new stages at the end."""
    fresh = {row["stage"]: row for row in new}
    kept = [fresh.pop(row["stage"], row) for row in old]
    return [*kept, *fresh.values()]


def joules() -> float | None:
    """The processor's energy counter; None where there is none or it is not ours to read."""
    try:
        return int(ENERGY.read_text()) / 1e6
    except (OSError, ValueError):
        return None


def memory(process: psutil.Process) -> int:
    """Bytes that a process and all its children hold, shared pages counted once for each."""
    total = 0
    for one in [process, *process.children(recursive=True)]:
        try:
            total += one.memory_info().rss
        except psutil.NoSuchProcess:
            continue
    return total


def run(words: Sequence[str]) -> tuple[Watch, int]:
    """Run `dvc repro` with these words; its output passes through."""
    watch = Watch()
    process = subprocess.Popen(
        [sys.executable, "-m", "dvc", "repro", *words],
        stdout=subprocess.PIPE,
        text=True,
        bufsize=1,
    )
    tree = psutil.Process(process.pid)

    def look() -> None:
        while process.poll() is None:
            try:
                watch.hold(memory(tree))
            except psutil.NoSuchProcess:
                return
            time.sleep(PERIOD)

    looker = threading.Thread(target=look, daemon=True)
    looker.start()
    for line in process.stdout:
        print(line, end="", flush=True)
        watch.see(line, time.monotonic(), joules())
    code = process.wait()
    looker.join()
    watch.close(time.monotonic(), joules())
    return watch, code


def main(words: Sequence[str]) -> int:
    """Run, then write the rows of every scale that ran."""
    watch, code = run(words)
    if code:
        return code
    content = read_json(OUT) if OUT.is_file() else {}
    device = f"{cpu_name()}, {usable_cores()} cores"
    for scale in sorted({span.scale for span in watch.spans if span.scale}):
        found = rows(watch.spans, scale, device)
        content[scale] = merged(content.get(scale, []), found)
        print(json.dumps(found, indent=2))
    write_json(OUT, content)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
