"""The losses, as pure functions of token log-probabilities.

Shapes: B texts, G targets per text, T tokens. `logprobs` [B, G, T] are log p of the target tokens,
`mask` [B, G, T] is True on tokens that count (end token included, padding excluded).
"""

import torch
from torch import Tensor

# Official code: 1 - p is clamped at 1e-20, which single precision cannot tell from 0 near p = 1.
SMALLEST = 1e-7


def mean_likelihood(logprobs: Tensor, mask: Tensor) -> Tensor:
    """Mean of -log p over all counted tokens: maximum likelihood."""
    return -(logprobs * mask).sum() / mask.sum().clamp(min=1)


def log_complement(logprobs: Tensor) -> Tensor:
    """log(1 - p) from log p, stable at both ends, never below log(`SMALLEST`)."""
    # expm1 keeps 1 - p exact for p near 1; the clamp bounds loss and gradient there.
    return torch.log((-torch.expm1(logprobs)).clamp(min=SMALLEST))


def contrastive(
    positive: Tensor,
    positive_mask: Tensor,
    negative: Tensor,
    negative_mask: Tensor,
    *,
    negative_weight: float,
) -> Tensor:
    """ConSeq's loss: likelihood of S+ and token unlikelihood of S- (official code, paper.md 4b).

    (sum over S+ of -log p  +  negative_weight * sum over S- of -log(1 - p)) / (|S+| + |S-|), sums
    and token counts over the whole batch; the paper's weight is 1. `negative_mask` decides which
    tokens are punished: all of them in the paper, in the control `masked` only those that the
    positive lacks. The normaliser counts the punished tokens.
    """
    gain = -(positive * positive_mask).sum()
    pain = -(log_complement(negative) * negative_mask).sum()
    tokens = positive_mask.sum() + negative_mask.sum()
    return (gain + negative_weight * pain) / tokens.clamp(min=1)
