"""How does `quals score` start? Input, model and settings are checked before anything is scored."""

import argparse
import sys
import time
from contextlib import closing, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from quals.errors import InputError
from quals.metrics.averages import AVERAGES, PAPER
from quals.models.source import model_folder
from quals.scoring.metric import add_metric_arguments, chosen_settings, positive

if TYPE_CHECKING:  # torch takes seconds to import; --help and a bad line should not wait for it
    from quals.metrics.quals import Quals, QualsSettings
    from quals.scoring.workspace import Tally

STREAM = "-"
CHUNK_ROWS = 512
HELP = "score summaries against their documents"
DESCRIPTION = """\
Reads JSON lines {"id", "document", "summary"}, plain or gzip, and writes {"id", "quals", "pairs"}
in the same order; quals is null, with a reason, where nothing can be asked. Finished chunks wait in
a hidden folder beside OUT until all are there.

Several processes share the work, and give the same bytes, where a launcher starts them:
  accelerate launch --multi_gpu --num_processes 4 -m quals score IN --out OUT --model DIR
(--multi_gpu on CPUs, too; with --cpu, accelerate starts one process unless it is given MPI).
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = DESCRIPTION
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    add = parser.add_argument
    add("input", metavar="IN", help="JSON lines, plain or gzip; - is standard input")
    add("--out", required=True, metavar="OUT", help="appears whole at the end; - prints instead")
    add_metric_arguments(parser)
    formula = parser.add_mutually_exclusive_group()
    formula.add_argument(
        "--average",
        choices=list(AVERAGES),
        default=PAPER,
        help="over tokens and pairs: the paper's means (default), the sum over a pair's tokens, "
        "the lowest pair, the lowest sum, or the answers' worst tokens",
    )
    formula.add_argument(
        "--explained",
        action="store_true",
        help="ask no questions: the share of the summary's own log p that its document explains, "
        "at most 1",
    )
    add(
        "--dtype",
        choices=["auto", "float32", "bfloat16"],
        default="float32",
        help="of matrix products (default: float32, the same scores everywhere); bfloat16 writes "
        "other pairs, auto takes it where the processor is faster with it",
    )
    add("--threads", type=positive, metavar="N", help="default: all cores, shared by processes")
    add("--cache", type=Path, metavar="DIR", help="look scores up there, and keep new ones there")
    add(
        "--chunk-rows",
        type=positive,
        default=CHUNK_ROWS,
        metavar="N",
        help=f"lines scored together; a kill loses no more (default: {CHUNK_ROWS})",
    )
    again = parser.add_mutually_exclusive_group()
    again.add_argument("--resume", action="store_true", help="finish a run that was interrupted")
    again.add_argument("--restart", action="store_true", help="discard one and begin anew")


def run(arguments: argparse.Namespace) -> None:
    """Score the input; `InputError` and `OSError` say what is in the way."""
    from quals.scoring.hardware import choose_dtype, choose_threads
    from quals.scoring.run import Run, to_file, to_stream
    from quals.scoring.source import Source
    from quals.scoring.team import join
    from quals.scoring.workspace import Workspace

    streams = arguments.out == STREAM
    if streams and (arguments.resume or arguments.restart):
        raise InputError("--resume and --restart need a file as --out")
    source = Source(arguments.input, arguments.chunk_rows)
    team = join()
    if team.size > 1 and (streams or not source.is_file):
        raise InputError("several processes need files as input and output")
    survey = source.survey() if source.is_file else None
    arguments.model = model_folder(arguments.model)
    dtype = choose_dtype(arguments.dtype)
    threads = choose_threads(arguments.threads, processes=team.local_size)
    scorer = _load(arguments, threads.value)
    scope = _scope(arguments, scorer.settings, dtype.value)
    manifest = {**scope, "threads": threads.value, "chunk_rows": arguments.chunk_rows}
    started = time.monotonic()
    with _cache(arguments.cache, scope) as cache:
        if team.leads:
            _say(f"dtype: {dtype}; threads: {threads}")
        work = Run(source, survey, scorer, dtype.value, cache, team)
        if streams:
            tally = to_stream(work)
        else:
            again = {"resume": arguments.resume, "restart": arguments.restart}
            with closing(Workspace(Path(arguments.out))) as space:
                tally = to_file(work, space, lambda: space.start(manifest, **again))
    if tally is not None:
        _say(f"{_summary(tally)} in {time.monotonic() - started:.1f} s")


def _load(arguments: argparse.Namespace, threads: int) -> "Quals":
    import torch

    from quals.metrics.averaged import AveragedQuals
    from quals.metrics.explained import ExplainedQuals
    from quals.metrics.quals import Quals

    torch.set_num_threads(threads)
    settings = chosen_settings(arguments)
    if arguments.explained:
        return ExplainedQuals.from_pretrained(arguments.model, settings)
    if arguments.average == PAPER:
        return Quals.from_pretrained(arguments.model, settings)
    try:
        return AveragedQuals.from_pretrained(arguments.model, settings, arguments.average)
    except ValueError as error:
        raise InputError(f"--average: {error}") from error


def _scope(
    arguments: argparse.Namespace, settings: "QualsSettings", dtype: str
) -> dict[str, object]:
    """All that a score depends on besides its texts."""
    from quals.models.device import home
    from quals.scoring.identity import code_hash
    from quals.signature import content_hash

    return {
        "formula": "explained" if arguments.explained else arguments.average,
        "code": code_hash(),
        "device": home().type,
        "dtype": dtype,
        "model": content_hash(arguments.model),
        "settings": settings.model_dump(),
    }


def _cache(folder: Path | None, scope: dict[str, object]):
    """The score cache, closed at the end, or None."""
    if folder is None:
        return nullcontext()
    from quals.scoring.cache import ScoreCache

    return closing(ScoreCache(folder, scope))


def _summary(tally: "Tally") -> str:
    missing = sum(tally.undefined.values())
    reasons = sorted(tally.undefined.items(), key=lambda item: (-item[1], item[0]))
    parts = ", ".join(f"{count:,} because {reason}" for reason, count in reasons)
    text = f"{tally.rows:,} summaries, {missing:,} without a score"
    return f"{text} ({parts})" if parts else text


def _say(text: str) -> None:
    print(text, file=sys.stderr)
