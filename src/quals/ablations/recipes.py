"""What does an ablation change? Recipes of retraining, and settings that depart from them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from quals.params import (
    Count,
    Natural,
    NonNegative,
    ParamsError,
    Positive,
    Section,
    Share,
    load_section,
    validated,
)

SelectorName = Literal["quals", "qags", "factcc", "rouge", "copy", "length", "random", "oracle"]
LossName = Literal["likelihood", "token", "masked", "sequence", "sequence_mean", "dpo", "slic"]
PAIRWISE = ("dpo", "slic")  # losses that compare a document's two summaries


class Recipe(Section):
    """Everything that a retraining depends on besides the scale's settings.

    `positive_share` is null where the selector cannot tell positives apart. `negative_weight` is
    that of the loss's second term: unlikelihood or SLiC's ranks; DPO has one term only. `steps`
    multiplies the scale's, `rounds` repeats sampling, selection and training; 0 is MLE.
    """

    selector: SelectorName
    positives: Literal["reference", "generated"]
    positive_share: Share | None
    negative_share: Share
    intersect: bool
    samples: Count
    pairs: Count
    loss: LossName
    negative_weight: NonNegative
    beta: Positive
    margin: Positive
    lr: Positive
    steps: Positive
    rounds: Natural

    @model_validator(mode="after")
    def _sets_fit(self) -> "Recipe":
        if not self.intersect and self.loss in PAIRWISE:
            raise ValueError(f"the loss {self.loss} compares pairs: intersect must be true")
        if not self.intersect and self.positive_share is None:
            raise ValueError("S+ of its own needs a positive_share")
        return self


class Evaluation(Section):
    """Which articles judge a retrained summarizer, and the level of all intervals."""

    split: Literal["validation", "test"]
    documents: Count
    level: Annotated[float, Field(gt=0, lt=1)]


class Ablation(Section):
    """Settings by name, each with what it changes in every one of `recipes`.

    Exactly one setting changes nothing: the base, against which the others are held. `documents` is
    the number of training documents from which pairs are chosen.
    """

    recipes: Annotated[list[str], Field(min_length=1)]
    documents: Count
    settings: dict[str, dict[str, object]]


@dataclass(frozen=True)
class Variant:
    """A setting of one recipe. `base` names the setting that changes nothing in that recipe."""

    setting: str
    base: str
    recipe: Recipe


def read_ablation(path: Path, name: str) -> tuple[Ablation, list[Variant]]:
    """An ablation of the file with all its variants; `ParamsError` names what is wrong in it."""
    ablation = load_section(path, f"ablations.{name}", Ablation)
    where = f"ablations.{name}.settings"
    bases = [setting for setting, changes in ablation.settings.items() if not changes]
    if len(bases) != 1:
        raise ParamsError(f"{path}: {where}: one setting must be empty, the base, not {len(bases)}")
    variants = []
    for recipe in ablation.recipes:
        start = load_section(path, f"recipes.{recipe}", Recipe).model_dump()
        for setting, changes in ablation.settings.items():
            changed = validated(
                {**start, **changes}, Recipe, path=path, within=f"{where}.{setting}"
            )
            titles = [title(setting, recipe, ablation), title(bases[0], recipe, ablation)]
            variants.append(Variant(*titles, changed))
    return ablation, variants


def title(setting: str, recipe: str, ablation: Ablation) -> str:
    """How a setting is called in the results: with its recipe where there are several."""
    return setting if len(ablation.recipes) == 1 else f"{setting} ({recipe})"
