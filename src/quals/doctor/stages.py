"""What does each stage of a scale compute? From its settings, its networks and its sizes of text.

Stages that run no network have no row, nor have `speed` and `examples`, which score a few hundred
summaries at most, and the ablations, which need a truth that real text has not. What is not known
in advance is assumed, the same at all scales: the constants of the modules that tell of a kind of
stage.
"""

from collections.abc import Callable, Iterator

from quals.doctor.scale import Scale, StagePlan
from quals.doctor.scored import (
    evaluate,
    judge_claims,
    judge_qags,
    judge_quals,
    judge_summaries,
    reward,
)
from quals.doctor.trained import (
    train_contrastive,
    train_factcc,
    train_mle,
    train_qagen,
    train_qg,
    train_reader,
)
from quals.doctor.written import copying, sample, summarize

STAGES: tuple[Callable[[Scale], Iterator[StagePlan]], ...] = (
    train_qagen,
    train_qg,
    train_reader,
    train_factcc,
    train_mle,
    sample,
    reward,
    train_contrastive,
    summarize,
    evaluate,
    judge_quals,
    judge_qags,
    judge_claims,
    judge_summaries,
    copying,
)


def plan(scale: Scale) -> list[StagePlan]:
    """The stages that networks work in, in the pipeline's order."""
    return [one for make in STAGES for one in make(scale)]
