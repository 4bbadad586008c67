"""What do losses over whole summaries ask for? DPO, SLiC, and unlikelihood of a sequence.

Shapes: B pairs, T tokens. A log-probability [B] is that of a whole summary, end token included.
All losses are means over the pairs that count.
"""

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from quals.training.losses import log_complement


def sequence_logprobs(logprobs: Tensor, mask: Tensor) -> Tensor:
    """Log p [B] of whole summaries from those of their tokens [B, T]; 0 where none counts."""
    return (logprobs * mask).sum(-1)


def mean_logprobs(logprobs: Tensor, mask: Tensor) -> Tensor:
    """Mean log p [B] of a token: the log-probability of a summary without its length."""
    return sequence_logprobs(logprobs, mask) / mask.sum(-1).clamp(min=1)


def sequence_unlikelihood(negative: Tensor, counted: Tensor) -> Tensor:
    """Mean of -log(1 - p) over the summaries that count: unlikelihood with one p for each.

    With p of a whole summary, which is tiny, it is nearly flat; with the geometric mean of its
    tokens' probabilities (`mean_logprobs`) it is not.
    """
    pain = -log_complement(negative)
    return (pain * counted).sum() / counted.sum().clamp(min=1)


def dpo(
    positive: Tensor,
    negative: Tensor,
    reference_positive: Tensor,
    reference_negative: Tensor,
    *,
    beta: float,
) -> Tensor:
    """Direct preference optimisation (Rafailov et al., 2023, eq. 7).

    Mean of -log sigmoid(beta * (gain of the positive - gain of the negative)); a gain is how much
    likelier the model finds a summary than the reference model does.
    """
    gain, loss = positive - reference_positive, negative - reference_negative
    return -logsigmoid(beta * (gain - loss)).mean()


def rank_calibration(positive: Tensor, negative: Tensor, *, margin: float) -> Tensor:
    """SLiC's rank loss (Zhao et al., 2023): mean of max(0, margin - log p(y+) + log p(y-)).

    SLiC adds the likelihood of a reference; whoever trains with it does so here as well.
    """
    return torch.relu(margin - positive + negative).mean()
