"""Which summarizers does a scale have? A method's for each corpus and seed, and how they decode."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from quals.decoding.jobs import Writer
from quals.decoding.summarizer import SummaryLimits
from quals.params import Section, load_section
from quals.piecewise import Kept, identity_of
from quals.signature import content_hash
from quals.training.mle import TrainMle


def writer_of(params: Path, dataset: str, folder: Path) -> Writer:
    """The summarizer in `folder`, which reads and decodes as the scale says for `dataset`."""
    source_limit = load_section(params, "train_mle", TrainMle).max_source_tokens
    return Writer(folder, load_section(params, f"summaries.{dataset}", SummaryLimits), source_limit)


class Task(NamedTuple):
    """A summarizer that works in chunks, and where they wait."""

    dataset: str
    seed: int
    writer: Writer
    kept: Kept


def tasks(
    stage: str,
    params: Path,
    settings: Section,
    *,
    datasets: list[str],
    seeds: list[int],
    models: Path,
    method: str,
    folder: Path,
) -> Iterator[Task]:
    """One for each corpus and seed, in this order; `folder` is for all their chunks."""
    for dataset in datasets:
        for seed in seeds:
            writer = writer_of(params, dataset, models / dataset / method / str(seed))
            depends = identity_of(
                stage,
                seed=seed,
                settings=[
                    settings.model_dump(),
                    writer.limits.model_dump(),
                    writer.max_source_tokens,
                ],
                model=content_hash(writer.folder),
            )
            yield Task(dataset, seed, writer, Kept(folder / dataset / str(seed), depends))
