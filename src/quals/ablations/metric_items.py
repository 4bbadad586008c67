"""Which summaries judge a variant of QUALS? References, outputs of every seed, and swaps."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from quals.ablations.metric_rows import Judged
from quals.analysis.agreement import REFERENCE, SWAPPED
from quals.corpus import Article
from quals.testbed.news import Noise, write_summary
from quals.testbed.oracle import Oracle


@dataclass(frozen=True)
class Items:
    """Summaries of a corpus with their sources and truth, those of an article scattered."""

    documents: list[str]
    summaries: list[str]
    numbers: np.ndarray  # of the documents
    sources: np.ndarray  # "reference", "swapped", or a seed
    truth: np.ndarray

    def judged(self, chosen: np.ndarray) -> Judged:
        """The items that a mask chooses."""
        return Judged(self.truth[chosen], self.numbers[chosen], np.flatnonzero(chosen))

    def of_seed(self, seed: int) -> Judged:
        """References and the seed's outputs."""
        return self.judged(np.isin(self.sources, (REFERENCE, str(seed))))

    def swaps(self) -> Judged:
        """Consistent references, and summaries that were given an intrinsic error each."""
        good = (self.sources == REFERENCE) & (self.truth > 0.5)
        return self.judged(good | (self.sources == SWAPPED))


def gather(
    articles: Sequence[Article],
    written: Mapping[int, Mapping[str, str]],
    oracle: Oracle,
    noise: Noise,
    style: str,
    *,
    seed: int,
) -> Items:
    """The items of `agreement`, with the outputs of every seed in `written` instead of one's."""
    noise = noise.model_copy(update={"preference_share": 0.0, "swap_share": 1.0})
    rng = random.Random(f"{seed} {style}")
    texts = [(REFERENCE, at, article.summary) for at, article in enumerate(articles)]
    texts += [
        (str(of), at, summaries[article.id])
        for of, summaries in written.items()
        for at, article in enumerate(articles)
    ]
    texts += [
        (SWAPPED, at, write_summary(oracle.stories[article.id], style, noise, rng).text)
        for at, article in enumerate(articles)
    ]
    return Items(
        documents=[articles[at].document for _, at, _ in texts],
        summaries=[text for _, _, text in texts],
        numbers=np.array([at for _, at, _ in texts]),
        sources=np.array([source for source, _, _ in texts]),
        truth=np.array(
            [float(oracle.judge(articles[at].id, text).consistent) for _, at, text in texts]
        ),
    )
