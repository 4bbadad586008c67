"""What do all decoders share? The limits of what they write and what comes out."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Limits:
    """Target lengths in tokens, the end token not counted."""

    shortest: int
    longest: int


@dataclass(frozen=True)
class Hypothesis:
    """A finished target: its token ids with the end token, and log p of each, penalty-free.

    `penalties` is what a diverse search took off each token's log p; empty where nothing was.
    """

    ids: list[int]
    logprobs: list[float]
    penalties: list[float] = field(default_factory=list)
