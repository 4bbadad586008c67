"""Does a classifier believe the summary? FactCC (Kryscinski et al. 2020), sentence by sentence."""

from collections.abc import Sequence
from statistics import fmean
from typing import Protocol

from quals.metrics.windows import closest_sentences
from quals.params import Count, Section
from quals.text import sentences


class ClaimClassifier(Protocol):
    """Anything that says how likely each claim is to be consistent with its document."""

    def probabilities(self, documents: list[str], claims: list[str]) -> list[float]:
        """p(consistent) in [0, 1] per pair, in order."""
        ...


class FactccSettings(Section):
    """How the classifier reads: the document's length in tokens, and documents in a batch.

    With `closest_words` it reads no more of a document than the sentences that share most words
    with the claim: an extension for a classifier that has learnt from short documents.
    """

    longest: Count
    contexts_per_batch: Count
    closest_words: Count | None = None


class ClosestReading:
    """A classifier that reads at most so many `words` of a document, those nearest to the claim."""

    def __init__(self, classifier: ClaimClassifier, words: int) -> None:
        self.classifier, self.words = classifier, words

    def probabilities(self, documents: list[str], claims: list[str]) -> list[float]:
        """p(consistent) in [0, 1] per pair, in order."""
        pairs = zip(documents, claims, strict=True)
        read = [closest_sentences(document, claim, self.words) for document, claim in pairs]
        return self.classifier.probabilities(read, claims)


class FactCC:
    """Scores summaries by the mean probability that their sentences are consistent.

    FactCC judges claim sentences by the likelier class; how the paper averaged them is not known.
    The probability ranks more finely than the class and needs no threshold (our choice).
    """

    def __init__(self, classifier: ClaimClassifier) -> None:
        self.classifier = classifier

    def score(self, documents: list[str], summaries: list[str]) -> list[float | None]:
        """One value in [0, 1] per summary, None where it has no sentence."""
        claims = [sentences(summary) for summary in summaries]
        pairs = [
            [(document, claim) for claim in parts]
            for document, parts in zip(documents, claims, strict=True)
        ]
        believed = self._believe(list(dict.fromkeys(pair for parts in pairs for pair in parts)))
        return [fmean(believed[pair] for pair in parts) if parts else None for parts in pairs]

    def _believe(self, pairs: list[tuple[str, str]]) -> dict[tuple[str, str], float]:
        if not pairs:
            return {}
        documents, claims = map(list, zip(*pairs, strict=True))
        return dict(zip(pairs, self.classifier.probabilities(documents, claims), strict=True))


def balanced_accuracy(labels: Sequence[int], predictions: Sequence[int]) -> float:
    """Mean recall over the classes that occur in `labels`: 0.5 for a constant guess of two.

    Raises `ValueError` if there are no labels or the lengths differ.
    """
    if not labels:
        raise ValueError("balanced accuracy of no labels does not exist")
    pairs = list(zip(labels, predictions, strict=True))
    recalls = []
    for label in sorted(set(labels)):
        hits = [prediction == label for truth, prediction in pairs if truth == label]
        recalls.append(fmean(hits))
    return fmean(recalls)
