"""How are judged summaries scored? Chunk by chunk, each on all cores: a kill costs one of them."""

import os
from argparse import Namespace
from collections.abc import Callable

from quals.corpora.judgments import Judged, Judgments, read_judgments
from quals.jsonl import Row
from quals.metrics.overlap import copy_rates
from quals.params import load_section
from quals.piecewise import Done, Kept, identity_of, work_through
from quals.unfinished import unfinished


def judge_in_chunks(
    arguments: Namespace,
    stage: str,
    judge: Callable[[list[Judged]], list[Row]],
    **depends: object,
) -> int:
    """Write a row of `judge` for each summary of a benchmark to `out`; how many there are.

    `arguments` are the stage's: `params`, `benchmark`, `out`. What the rows depend on besides the
    texts, models and settings, is named in `depends`: chunks of an interrupted run that were made
    of other things are refused.
    """
    settings = load_section(arguments.params, "judgments", Judgments)
    judged = read_judgments(arguments.benchmark, settings, os.environ)
    title = f"{stage} {arguments.benchmark}"
    with unfinished(arguments.params, f"{stage}/{arguments.benchmark}") as folder:
        work_through(
            lambda: iter(judged),
            settings.chunk_summaries,
            lambda _, items: Done([judge(items)], {}),
            kept=Kept(folder, identity_of(stage, **depends)),
            outs=[arguments.out],
            title=title,
        )
    return len(judged)


def copied_shares(documents: list[str], texts: list[str]) -> list[dict[str, float | None]]:
    """What `copy_rates` says but for novel bigrams: as a metric they are the copied ones again."""
    return [
        {name: value for name, value in rates.items() if name != "novel2"}
        for rates in copy_rates(documents, texts)
    ]
