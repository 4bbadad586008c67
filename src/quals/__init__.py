"""QUALS: factual consistency of summaries by question-answer generation, and ConSeq with it."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from quals.metrics.averaged import AveragedQuals
    from quals.metrics.explained import ExplainedQuals
    from quals.metrics.qags import Qags
    from quals.metrics.quals import Quals
    from quals.records import Pair, QagsScore, QualsScore, TokenPair, to_frame

__all__ = [
    "AveragedQuals",
    "ExplainedQuals",
    "Pair",
    "Qags",
    "QagsScore",
    "Quals",
    "QualsScore",
    "TokenPair",
    "to_frame",
]

_HOMES = {
    "AveragedQuals": "quals.metrics.averaged",
    "ExplainedQuals": "quals.metrics.explained",
    "Pair": "quals.records",
    "Qags": "quals.metrics.qags",
    "QagsScore": "quals.records",
    "Quals": "quals.metrics.quals",
    "QualsScore": "quals.records",
    "TokenPair": "quals.records",
    "to_frame": "quals.records",
}


def __getattr__(name: str) -> object:
    """Import on first use: a stage that only draws tables should not wait for torch."""
    if name not in _HOMES:
        raise AttributeError(f"module 'quals' has no attribute '{name}'")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)
