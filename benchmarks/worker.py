"""What does one implementation cost?

It runs in a process of its own, so that its memory is its own.
"""

import argparse
import resource
import statistics
import sys
import time
from pathlib import Path

import torch
from flops import matrix_rate, needed
from implementations import IMPLEMENTATIONS, Engine, Loops
from network import Network
from torch.profiler import ProfilerActivity, profile
from work import Work, read

from quals.jsonl import Row, write_json
from quals.metrics.pairs import Candidate
from quals.models.checkpoint import parameters

OPERATORS = 6  # lines of "where the rest goes"


def measure(work: Work, name: str, *, repeats: int, tiny: bool) -> Row:
    """Times, results, arithmetic and memory of one implementation on one model.

    The engine also takes all texts together; they are timed after those common to all.
    """
    make = IMPLEMENTATIONS[name]
    metric = work.metric(weights=make is Engine)
    runner = make(metric) if make is Engine else make(metric, Network(work.folder))
    size = {"size": 128 if tiny else 2048, "repeats": 3 if tiny else 7}
    _warm_up(runner, work)
    rates = [matrix_rate(**size)]
    common = _run(runner, work, work.common, repeats)
    # Kibibytes on Linux; macOS counts bytes.
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    fewer = (repeats + 1) // 2
    batch = _run(runner, work, len(work.summaries), fewer) if make is Engine else None
    rates.append(matrix_rate(**size))
    return {
        "rate": statistics.mean(rates),
        "common": common,
        "peak_mib": peak / (2**20 if sys.platform == "darwin" else 2**10),
        "batch": batch,
        "parameters": parameters(runner.metric.model),
        "operators": _operators(runner, work) if make is Engine else None,
    }


def _warm_up(runner: Engine | Loops, work: Work) -> None:
    """Threads, allocator and kernels wake up over one pair, the same for all."""
    document, summary = work.documents[0], work.summaries[0]
    ids = tuple(runner.metric.tokenizer.encode([summary], 10)[0])
    pair = Candidate(summary, "", ids, len(ids) - 1, (0.0,) * len(ids))
    runner.score_given([document], [summary], {summary: [pair]})


def _run(runner: Engine | Loops, work: Work, count: int, repeats: int) -> Row:
    """The first `count` summaries, several times: both steps apart, and what came out."""
    documents, summaries = work.documents[:count], work.summaries[:count]
    whole, scoring = [], []
    for _ in range(repeats):
        start = time.perf_counter()
        pairs = runner.generate(summaries)
        between = time.perf_counter()
        results = runner.score_given(documents, summaries, pairs)
        end = time.perf_counter()
        whole.append((end - start) / count)
        scoring.append((end - between) / count)
    limit = work.settings.max_source_tokens
    lengths = [len(ids) for ids in runner.metric.tokenizer.encode(documents, limit)]
    flops = sum(
        needed(runner.metric.model, length, [len(c.ids) for c in pairs[summary]])
        for length, summary in zip(lengths, summaries, strict=True)
        if pairs[summary]  # without pairs nobody reads the document
    )
    return {
        "seconds": _span(whole),
        "document_seconds": _span(scoring),
        "flops": flops / count,
        "summaries": count,
        "pairs": sum(len(result.pairs) for result in results),
        "results": [result.to_row() for result in results],
    }


def _span(seconds: list[float]) -> Row:
    return {"median": statistics.median(seconds), "low": min(seconds), "high": max(seconds)}


def _operators(runner: Engine, work: Work) -> Row:
    """Shares of torch's operators in the time of both steps, on the common summaries."""
    documents, summaries = work.documents[: work.common], work.summaries[: work.common]
    pairs = runner.generate(summaries)
    steps = {
        "generating": lambda: runner.generate(summaries),
        "document scoring": lambda: runner.score_given(documents, summaries, pairs),
    }
    found: dict[str, Row] = {}
    for step, call in steps.items():
        with profile(activities=[ProfilerActivity.CPU]) as record:
            call()
        spent = {event.key: event.self_cpu_time_total for event in record.key_averages()}
        total = sum(spent.values())
        most = sorted(spent, key=lambda key: -spent[key])[:OPERATORS]
        found[step] = {key: spent[key] / total for key in most}
    return found


def main() -> None:
    """Measure as told and write the row to a file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("implementation", choices=sorted(IMPLEMENTATIONS))
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--repeats", type=int, required=True)
    parser.add_argument("--tiny", action="store_true")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    row = measure(read(given.work), given.implementation, repeats=given.repeats, tiny=given.tiny)
    write_json(given.out, row)


if __name__ == "__main__":
    main()
