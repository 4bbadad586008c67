"""What else could one do with a trained summarizer? Its decoding variants, one setting at a time.

They trade consistency against copying without any training: what a new method gains has to be seen
against them.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch

from quals.decoding.summarizer import Summarizer, SummaryLimits
from quals.decoding.temperature import Tempered
from quals.models.checkpoint import Checkpoint
from quals.params import Count, Natural, Positive, Section


class Copying(Section):
    """The scale's `copying` section: the values of each setting, all others as in `summaries`."""

    seed: Natural
    beams: list[Count]
    length_penalties: list[float]
    temperatures: list[Positive]
    top_k: Count


@dataclass(frozen=True)
class Variant:
    """A way to decode: `family` is the setting that differs, `setting` its value."""

    family: str
    setting: float

    @property
    def name(self) -> str:
        return f"{self.family}-{self.setting:g}"


def variants(settings: Copying) -> Iterator[Variant]:
    """All variants, each family in the order of its values."""
    families = {
        "beams": settings.beams,
        "length_penalty": settings.length_penalties,
        "temperature": settings.temperatures,
    }
    for family, values in families.items():
        for value in sorted(values):
            yield Variant(family, float(value))


def decode(
    variant: Variant,
    checkpoint: Checkpoint,
    documents: list[str],
    *,
    limits: SummaryLimits,
    max_source_tokens: int,
    top_k: int,
    generator: torch.Generator,
) -> list[str]:
    """A summary of each document. A temperature means one sample, anything else beam search."""
    if variant.family == "temperature":
        model = Tempered(checkpoint.model, variant.setting)
        writer = Summarizer(Checkpoint(model, checkpoint.tokenizer), limits, max_source_tokens)
        drawn = writer.sample(documents, samples=1, top_k=top_k, generator=generator)
        return [texts[0] for texts in drawn]
    value = int(variant.setting) if variant.family == "beams" else variant.setting
    changed = limits.model_copy(update={variant.family: value})
    return Summarizer(checkpoint, changed, max_source_tokens).summarize(documents)
