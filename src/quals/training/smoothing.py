"""The losses of a network with a large vocabulary: smoothed labels, on what to write and what not.

The official code smooths both terms of ConSeq's loss (paper.md 4b). Shapes: N counted target
tokens, V the vocabulary. `logprobs` [N, V] is the log-softmax, `targets` [N] the right tokens.
"""

from torch import Tensor

from quals.training.losses import log_complement


def smoothed_likelihood(logprobs: Tensor, targets: Tensor, smoothing: float) -> Tensor:
    """[N]: (1 - eps) * -log p(target)  +  eps / V * sum over the vocabulary of -log p."""
    return _smoothed(-logprobs, targets, smoothing)


def smoothed_unlikelihood(logprobs: Tensor, targets: Tensor, smoothing: float) -> Tensor:
    """[N]: (1 - eps) * -log(1 - p(target))  +  eps / V * sum over the vocabulary of -log(1 - p)."""
    if not smoothing:  # the vocabulary need not be computed
        return -log_complement(logprobs.gather(-1, targets[:, None])[:, 0])
    return _smoothed(-log_complement(logprobs), targets, smoothing)


def _smoothed(costs: Tensor, targets: Tensor, smoothing: float) -> Tensor:
    """Each target's own cost, mixed with the mean cost of the vocabulary."""
    own = costs.gather(-1, targets[:, None])[:, 0]
    return (1 - smoothing) * own + smoothing * costs.mean(-1)
