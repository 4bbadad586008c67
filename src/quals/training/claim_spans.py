"""What does FactCCX learn beside the label? Where a claim comes from, and what of it is wrong.

After Kryscinski et al. (2020), whose second model also points: at the source's sentence that speaks
of the claim, and at the words of the claim that are wrong. A label is one bit for a whole pair of
texts; four places more teach an encoder to hold a claim against its sentence in a tenth of the
steps. The pointing is for training alone: what is stored is FactCC.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from quals.metrics.corruptions import difference
from quals.models.encoder import Inputs

NOWHERE = 0  # the first token of all, as in SQuAD 2.0
PLACES = 4  # first and last token of the sentence in the document, then of the error in the claim


class Pointing(nn.Module):
    """A classifier of claims with a new head that points, drawn from torch's generator."""

    def __init__(self, classifier: nn.Module):
        super().__init__()
        self.classifier, self.config = classifier, classifier.config
        self.places = nn.Linear(self.config.hidden_size, PLACES)

    def gradient_checkpointing_enable(self) -> None:
        """As of the classifier (`hardware.recompute_activations`)."""
        self.classifier.gradient_checkpointing_enable()

    def gradient_checkpointing_disable(self) -> None:
        """As of the classifier."""
        self.classifier.gradient_checkpointing_disable()


def pointing_logits(model: Pointing, inputs: Inputs) -> Tensor:
    """Logits [B, S, 1 + PLACES]: the label's, which has two classes, and those of each place.

    The sentence lies in the document and the error in the claim, or either `NOWHERE`.
    """
    found = model.classifier(**inputs, output_hidden_states=True)
    points = model.places(found.hidden_states[-1])  # [B, S, 4]
    size = points.shape[1]
    none = float("-inf")
    label = nn.functional.pad(found.logits.to(points.dtype), (0, size - 2), value=none)
    return torch.cat([label[..., None], points.masked_fill(~_allowed(inputs), none)], dim=-1)


def _allowed(inputs: Inputs) -> Tensor:
    """[B, S, 4]: where each place may be."""
    real, second = inputs["attention_mask"].bool(), inputs["token_type_ids"].bool()
    nowhere = torch.zeros_like(real)
    nowhere[:, NOWHERE] = True
    document, claim = (real & ~second) | nowhere, (real & second) | nowhere
    return torch.stack([document, document, claim, claim], dim=-1)


def places(
    document: Sequence[int], claim: Sequence[int], true: Sequence[int]
) -> tuple[int, int, int, int]:
    """The tokens that are to be pointed at, counted in `[CLS] document [SEP] claim [SEP]`.

    `true` is the claim as it was before it was spoilt, if it was. No sentence is pointed at where
    the document, which may be cut, does not hold that word for word.
    """
    at = _found(document, true)
    sentence = (NOWHERE, NOWHERE) if at is None else (at + 1, at + len(true))
    if list(claim) == list(true):
        return *sentence, NOWHERE, NOWHERE
    first, last = differing(true, claim)
    offset = len(document) + 2
    return *sentence, first + offset, last + offset


def differing(before: Sequence[int], after: Sequence[int]) -> tuple[int, int]:
    """First and last token of `after` between the ends that both share.

    Where something was only taken away, the tokens on both sides of the gap, or the one there is.
    """
    start, end = difference(before, after)
    if start == end:
        return max(start - 1, 0), min(start, len(after) - 1)
    return start, end - 1


def _found(document: Sequence[int], part: Sequence[int]) -> int | None:
    """Where the document first holds the part."""
    part = list(part)
    starts = range(len(document) - len(part) + 1)
    return next((i for i in starts if list(document[i : i + len(part)]) == part), None)
