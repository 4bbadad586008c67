"""What does a single layer of a network compute? One of any shape, for its time to be measured."""

import torch
from torch import Tensor, nn

from quals.doctor.shapes import Shape

TEXT = 64  # tokens of a text


class Layer(nn.Module):
    """Self-attention and feed-forward with norms, of a shape's sizes."""

    def __init__(self, shape: Shape):
        super().__init__()
        self.heads, self.size = shape.heads, shape.attention // shape.heads
        self.shared = shape.shared // self.size
        width = shape.width
        self.first, self.second = nn.LayerNorm(width), nn.LayerNorm(width)
        self.query = nn.Linear(width, shape.attention, bias=False)
        self.key = nn.Linear(width, shape.shared, bias=False)
        self.value = nn.Linear(width, shape.shared, bias=False)
        self.out = nn.Linear(shape.attention, width, bias=False)
        self.up = nn.Linear(width, shape.inner, bias=False)
        self.gate = nn.Linear(width, shape.inner, bias=False) if shape.gated else None
        self.down = nn.Linear(shape.inner, width, bias=False)
        self.crosses = shape.crossing > 0
        # T5 learns a bias for each distance; the fused kernel has no gradient for that.
        self.table = (
            nn.Parameter(torch.zeros(self.heads, TEXT, TEXT)) if shape.kind == "t5" else None
        )

    def forward(self, x: Tensor, bias: Tensor) -> Tensor:
        """Hidden states [B, S, d] to the same; `bias` [B, 1, 1, S] masks padding, as texts need."""
        normed = self.first(x)
        heads = [
            part(normed).unflatten(-1, (-1, self.size)).transpose(1, 2)
            for part in (self.query, self.key, self.value)
        ]
        size = x.shape[1]
        if self.table is not None:
            bias = self.table[:, :size, :size] + bias
        if self.table is not None and torch.is_grad_enabled():
            query, key, value = heads
            attended = (query @ key.transpose(-1, -2) + bias).softmax(-1) @ value
        else:
            attended = nn.functional.scaled_dot_product_attention(
                *heads, attn_mask=bias.to(heads[0].dtype), enable_gqa=self.shared != self.heads
            )
        return self.feed(x + self.out(attended.transpose(1, 2).flatten(2)))

    def feed(self, x: Tensor) -> Tensor:
        """The feed-forward half."""
        normed = self.second(x)
        inner = nn.functional.gelu(self.up(normed))
        return x + self.down(inner if self.gate is None else inner * self.gate(normed))

    def step(self, x: Tensor, own: Tensor, text: Tensor) -> Tensor:
        """One token [B, G, d] of each row, over the row's tokens [B, G, H, W, D] and the text's.

        The text's are [B, H, S, D]. Without cross-attention one query sees both.
        """
        normed = self.first(x)
        query, key, value = self.query(normed), self.key(normed), self.value(normed)
        for cached in (key, value):
            own[..., -1, :] = cached.unflatten(-1, (self.shared, self.size))
        heads = query.unflatten(-1, (self.heads, 1, self.size))
        found = self._over(heads, own)
        if self.crosses:
            x = x + self.out(found.flatten(2))
            heads = self.query(self.first(x)).unflatten(-1, (self.heads, 1, self.size))
            found = self._over(heads[..., 0, :].transpose(1, 2), text).transpose(1, 2)
        else:
            found = found[..., 0, :] + self._over(heads[..., 0, :].transpose(1, 2), text).transpose(
                1, 2
            )
        return self.feed(x + self.out(found.flatten(2)))

    def _over(self, query: Tensor, cached: Tensor) -> Tensor:
        """Attention by two products, as over a cache."""
        if self.shared != self.heads:
            cached = cached.repeat_interleave(self.heads // self.shared, dim=-3)
        return (query @ cached.transpose(-1, -2) * self.size**-0.5).softmax(-1) @ cached
