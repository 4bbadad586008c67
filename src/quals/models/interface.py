"""What must a network offer? Texts are read once, and many targets written about each.

Shapes: B texts, G rows (targets) per text, S source tokens, T target tokens, H heads, D head size.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeVar

import torch
from torch import Tensor, nn

MASKED = -1e9
STRIDE = 32

Found = TypeVar("Found")


@dataclass
class Memory:
    """What targets see of B texts: per layer keys and values [B, H, S, D], mask and lengths.

    All rows of a text read the one copy.
    """

    keys: list[Tensor]
    values: list[Tensor]
    mask: Tensor  # [B, 1, 1, S], 0 where there is text, MASKED where there is padding
    lengths: Tensor  # [B], tokens of each text

    @property
    def texts(self) -> int:
        return len(self.lengths)

    @property
    def device(self) -> torch.device:
        """Where it is, and all that is computed from it."""
        return self.lengths.device

    def select(self, texts: Tensor) -> "Memory":
        """The memory of some of the texts."""
        return Memory(
            [keys.index_select(0, texts) for keys in self.keys],
            [values.index_select(0, texts) for values in self.values],
            self.mask[texts],
            self.lengths[texts],
        )


@dataclass
class Cache:
    """Self-attention keys and values [B, G, H, W, D] per layer; `length` of W steps are filled.

    The rest is finite and masked. `bias` [T, T] or [H, T, T] is added to the scores of the targets'
    tokens: what a token must not see, and a network's own bias if it has one. T is the most steps;
    W grows as they come, a `STRIDE` at a time, for tiny products are slow products and a copy of
    rows should not copy room for later.
    """

    keys: list[Tensor]
    values: list[Tensor]
    bias: Tensor
    length: int = 0

    def select(self, texts: Tensor, rows: Tensor | None = None) -> "Cache":
        """The cache of some of the texts, and of some of the rows [B, G] of each."""
        if rows is None:
            rows = torch.arange(self.keys[0].shape[1], device=texts.device).expand(len(texts), -1)
        keys, values = ([_rows(x, texts, rows) for x in kept] for kept in (self.keys, self.values))
        return Cache(keys, values, self.bias, self.length)

    def reorder(self, rows: Tensor) -> None:
        """Let row g of text b continue row rows[b, g] of the same text."""
        texts = torch.arange(rows.shape[0], device=rows.device)
        for kept in (self.keys, self.values):
            kept[:] = [_rows(tensor, texts, rows) for tensor in kept]

    def append(self, layer: int, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Put in the next step's [B, G, H, 1, D]; all [B, G, H, W, D] come back.

        They hold all steps so far and some empty ones, which `window_bias` masks.
        """
        for kept, new in ((self.keys, keys), (self.values, values)):
            more = self.window() - kept[layer].shape[3]
            if more:
                kept[layer] = nn.functional.pad(kept[layer], (0, 0, 0, more))
            kept[layer][..., self.length : self.length + 1, :] = new
        return self.keys[layer], self.values[layer]

    def window(self) -> int:
        """W at the next step."""
        return min(-(-(self.length + 1) // STRIDE) * STRIDE, self.bias.shape[-1])

    def window_bias(self) -> Tensor:
        """The bias of the next step's token over the window: [1, W] or [H, 1, W]."""
        return self.bias[..., self.length : self.length + 1, : self.window()]


def _rows(tensor: Tensor, texts: Tensor, rows: Tensor) -> Tensor:
    """Rows [B, G] of texts [B] of a tensor [texts, rows, ...]; two indices would cost thrice."""
    flat = (texts[:, None] * tensor.shape[1] + rows).flatten()
    return tensor.flatten(0, 1).index_select(0, flat).unflatten(0, rows.shape)


class TokenIds(Protocol):
    """The vocabulary's size and the tokens with a meaning."""

    @property
    def vocab_size(self) -> int: ...
    @property
    def pad_token_id(self) -> int: ...
    @property
    def eos_token_id(self) -> int: ...
    @property
    def decoder_start_token_id(self) -> int: ...


class ConditionalModel(Protocol):
    """A network that writes targets about texts: T5, BART, or a decoder with the text as prefix."""

    @property
    def config(self) -> TokenIds: ...

    def read(self, ids: Tensor, mask: Tensor) -> Memory:
        """What targets need of texts [B, S]; `mask` is True on text, padding is on the right.

        The network adds the frame that its family wants around a text.
        """
        ...

    def new_cache(self, texts: int, rows: int, steps: int) -> Cache:
        """An empty cache for up to `steps` tokens of `rows` targets for each of `texts` texts."""
        ...

    def decode(self, ids: Tensor, memory: Memory, cache: Cache | None = None) -> Tensor:
        """Hidden states [B, G, T, d] of target ids [B, G, T], all rows of a text over its memory.

        Targets begin with the start token. Without a cache the T tokens see each other causally;
        with one, T must be 1: the token joins those already in the cache.
        """
        ...

    def logits(self, hidden: Tensor) -> Tensor:
        """Scores over the vocabulary."""
        ...


def through(layer: Callable[..., Found], *inputs: object, again: bool) -> Found:
    """A layer's output. `again`: what is inside is not kept for gradients but computed once more.

    That costs a third of the time of a training step and saves most of its memory.
    """
    if again and torch.is_grad_enabled():
        from torch.utils.checkpoint import checkpoint

        return checkpoint(layer, *inputs, use_reentrant=False)
    return layer(*inputs)


def recompute(model: nn.Module, on: bool) -> None:
    """Whether the layers of a network work `again`; one that cannot raises ValueError."""
    parts = [part for part in model.modules() if isinstance(getattr(part, "again", None), bool)]
    for part in parts:
        part.again = on
    switch = getattr(model, f"gradient_checkpointing_{'enable' if on else 'disable'}", None)
    if switch is not None:  # a network of `transformers`
        switch()
    elif on and not parts:
        raise ValueError(f"{type(model).__name__} cannot compute its layers again")


def additive(mask: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
    """A boolean mask [B, S] as a bias [B, 1, 1, S]."""
    masked = max(MASKED, torch.finfo(dtype).min / 2)  # half precision reaches 65504 only
    bias = torch.zeros(mask.shape, dtype=dtype, device=mask.device)
    return bias.masked_fill_(~mask, masked)[:, None, None, :]


def empty_cache(layers: int, shape: tuple[int, int, int, int], bias: Tensor) -> Cache:
    """A cache for texts, rows, heads and size of a head, before its first step."""
    empty = torch.empty(*shape[:3], 0, shape[3], dtype=bias.dtype, device=bias.device)
    return Cache([empty] * layers, [empty] * layers, bias)


def causal_bias(tokens: int, like: Tensor) -> Tensor:
    """[T, T]: a token sees itself and those before it."""
    masked = max(MASKED, torch.finfo(like.dtype).min / 2)
    return torch.full((tokens, tokens), masked, dtype=like.dtype, device=like.device).triu(1)
