"""How does a network write that is more or less sure of itself? Its scores, divided by a number."""

from torch import Tensor

from quals.models.interface import ConditionalModel


class Tempered:
    """A network with a temperature: below 1 it prefers its favourites more, above 1 less.

    Everything else is the network's own; greedy choices stay the same.
    """

    def __init__(self, model: ConditionalModel, temperature: float):
        self.model = model
        self.temperature = temperature

    def __getattr__(self, name: str) -> object:
        return getattr(self.model, name)

    def logits(self, hidden: Tensor) -> Tensor:
        """Scores over the vocabulary."""
        return self.model.logits(hidden) / self.temperature
