"""In which order are chunks scored, stored and joined? One pass over the input, in flat memory."""

import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tqdm import tqdm

from quals.jsonl import DataError, lines_of
from quals.scoring.cache import ScoreCache
from quals.scoring.hardware import precision
from quals.scoring.ids import SeenIds
from quals.scoring.rows import Row, Scorer, score_items
from quals.scoring.source import Chunk, Source, Survey
from quals.scoring.team import Team
from quals.scoring.workspace import Tally, Workspace


@dataclass(frozen=True)
class Run:
    """What all chunks share. `survey` is None where the input can be read only once."""

    source: Source
    survey: Survey | None
    scorer: Scorer
    dtype: str
    cache: ScoreCache | None
    team: Team


def to_stream(run: Run) -> Tally:
    """Print every chunk once it is scored."""
    rows, undefined = 0, Counter()
    with _progress(run) as progress:
        for chunk in _checked(run):
            scored = _score(run, chunk)
            sys.stdout.buffer.write(lines_of(scored))
            sys.stdout.buffer.flush()
            rows += len(scored)
            undefined.update(row["reason"] for row in scored if row["quals"] is None)
            progress.update(len(scored))
    return Tally(rows, dict(undefined))


def to_file(run: Run, workspace: Workspace, start: Callable[[], None]) -> Tally | None:
    """Store every chunk that is not there yet, then join them to the output.

    One process of a team calls `start` before any chunk is stored, and joins them when all are;
    the others get None.
    """
    try:
        if run.team.leads:
            start()
        run.team.wait()
        chunks = _store(run, workspace)
    except BaseException:
        if run.team.size == 1:  # another process may be about to write its first chunk
            workspace.stop()
        raise
    run.team.wait()
    return workspace.merge(chunks) if run.team.leads else None


def _store(run: Run, workspace: Workspace) -> int:
    """Score what is missing of this process's share; the number of all chunks of the input."""
    chunks = 0
    with _progress(run) as progress:
        for chunk in _checked(run):
            chunks += 1
            if not run.team.has(chunk.number):
                continue
            if workspace.has(chunk):
                _skip(progress, len(chunk.lines))
            else:
                workspace.write(chunk, _score(run, chunk))
                progress.update(len(chunk.lines))
    return chunks


def _checked(run: Run) -> Iterator[Chunk]:
    """All chunks of the input, with what its survey could not check in advance."""
    seen = SeenIds()
    for chunk in run.source.chunks():
        if run.survey is None:
            run.source.check_ids(chunk, chunk.items(run.source.name), seen)
        elif run.survey.digests[chunk.number : chunk.number + 1] != (chunk.digest(),):
            raise DataError(f"{run.source.name}: changed while it was read")
        yield chunk


def _score(run: Run, chunk: Chunk) -> list[Row]:
    with precision(run.dtype):
        return score_items(run.scorer, chunk.items(run.source.name), run.cache)


def _progress(run: Run) -> tqdm:
    """A bar over the rows of this process; the team's leader alone shows one."""
    team, survey, size = run.team, run.survey, run.source.chunk_rows
    total = None
    if survey is not None:
        chunks = filter(team.has, range(len(survey.digests)))
        total = sum(min(size, survey.rows - number * size) for number in chunks)
    title = "score" if team.size == 1 else f"score (process 1 of {team.size})"
    return tqdm(desc=title, total=total, unit=" summaries", disable=not team.leads, mininterval=0.5)


def _skip(progress: tqdm, rows: int) -> None:
    """Move the bar past what was scored before: it is done, but says nothing about speed."""
    if not progress.disable:
        progress.n += rows
        progress.initial += rows
        progress.last_print_n += rows
