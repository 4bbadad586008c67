"""What can choose S+ and S-? Selectors: from texts to one score each, higher is better."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from quals.metrics.overlap import copy_rates
from quals.metrics.quals import Quals, QualsSettings
from quals.metrics.rouge import Rouge
from quals.metrics.texts import Texts, score_in_parts
from quals.params import Count, Section

Scores = list[float | None]
Selector = Callable[[Texts], Scores]


class QualsSelection(Section):
    """The scale's `quals_selection` section: what QUALS does otherwise when it selects, or null."""

    groups: Count | None
    max_source_tokens: Count | None

    def applied(self, settings: QualsSettings) -> QualsSettings:
        """The metric's settings with these changes."""
        return settings.model_copy(update=self.model_dump(exclude_none=True))


def by_quals(quals: Quals) -> Selector:
    """ConSeq's selector."""
    return lambda texts: [s.quals for s in quals.score(texts.documents, texts.summaries)]


def by_quals_in_parts(folder: Path, settings: QualsSettings) -> Selector:
    """The same for very many texts, by the QAGen model in a folder: several processes load it."""
    return partial(score_in_parts, _QualsOf(folder, settings).score)


class _QualsOf:
    """Loads its model when it first scores; what another process gets is the folder's name."""

    def __init__(self, folder: Path, settings: QualsSettings):
        self.folder, self.settings = folder, settings
        self._loaded: Selector | None = None

    def __getstate__(self) -> dict[str, object]:
        return {**self.__dict__, "_loaded": None}

    def score(self, texts: Texts) -> Scores:
        if self._loaded is None:
            self._loaded = by_quals(Quals.from_pretrained(self.folder, self.settings))
        return self._loaded(texts)


def by_rouge(rouge: Rouge) -> Selector:
    """The ROUGE-contrastive baseline: mean of ROUGE-1/2/L F1 against the reference."""
    return lambda texts: [s["mean_rouge"] for s in rouge.score(texts.references, texts.summaries)]


def by_copying(texts: Texts) -> Scores:
    """The control: the share of bigrams copied from the document."""
    return [rates["copy2"] for rates in copy_rates(texts.documents, texts.summaries)]


def by_truth(consistent: Callable[[str, str], bool]) -> Selector:
    """The upper bound: 1 where the oracle finds the summary (id, text) consistent, else 0."""
    return lambda texts: [
        float(consistent(id_, text)) for id_, text in zip(texts.ids, texts.summaries, strict=True)
    ]
