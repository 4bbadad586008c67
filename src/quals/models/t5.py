"""The T5 network (Raffel et al., 2020), lean: many targets may share the encoding of one text.

Parameter names and arithmetic are those of `transformers`' T5ForConditionalGeneration, so that a
checkpoint works in both (a test compares the logits). Written here for two reasons: keys and values
of a text are computed once and serve all its questions without being copied, and a pipeline of
many short stages does not pay the import of a general library each time.

Shapes: B texts, G rows (targets) per text, S source tokens, T target tokens, H heads, D head size.
"""

import math
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn

from quals.models.interface import Cache, Memory, additive, causal_bias, empty_cache, through
from quals.params import Count, Natural, Positive, Section

FEW = 48  # keys; measured on one core


class T5Config(Section):
    """The part of a T5 `config.json` that this network needs."""

    vocab_size: Count
    d_model: Count
    d_kv: Count
    d_ff: Count
    num_layers: Count
    num_decoder_layers: Count
    num_heads: Count
    relative_attention_num_buckets: Count
    relative_attention_max_distance: Count
    layer_norm_epsilon: Positive
    pad_token_id: Natural
    eos_token_id: Natural
    decoder_start_token_id: Natural


class Norm(nn.Module):
    """Root-mean-square norm without mean or bias."""

    def __init__(self, size: int, epsilon: float):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(size))
        self.epsilon = epsilon

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.rms_norm(x, self.weight.shape, self.weight, self.epsilon)


class Attention(nn.Module):
    def __init__(self, config: T5Config, *, positions: bool):
        super().__init__()
        inner = config.num_heads * config.d_kv
        self.heads = config.num_heads
        self.q = nn.Linear(config.d_model, inner, bias=False)
        self.k = nn.Linear(config.d_model, inner, bias=False)
        self.v = nn.Linear(config.d_model, inner, bias=False)
        self.o = nn.Linear(inner, config.d_model, bias=False)
        if positions:  # only the first layer of a stack has the table; all layers use it
            self.relative_attention_bias = nn.Embedding(
                config.relative_attention_num_buckets, config.num_heads
            )

    def split(self, x: Tensor) -> Tensor:
        """[..., T, H*D] -> [..., H, T, D]"""
        return x.unflatten(-1, (self.heads, -1)).transpose(-3, -2)

    def attend(self, queries: Tensor, keys: Tensor, values: Tensor, bias: Tensor) -> Tensor:
        """[..., H, T, D] queries over [..., H, S, D]; T5 does not scale by sqrt(D).

        The fused kernel wins where keys are many, but has no gradient for a learned bias.
        """
        if keys.shape[-2] > FEW and not (bias.requires_grad and torch.is_grad_enabled()):
            q, k, v = (x.flatten(0, -4) for x in (queries, keys, values))
            mixed = nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=bias, scale=1.0)
            mixed = mixed.view_as(queries)
        else:
            mixed = (queries @ keys.transpose(-1, -2) + bias).softmax(-1) @ values
        return self.o(mixed.transpose(-3, -2).flatten(-2))


class SelfAttention(nn.Module):
    def __init__(self, config: T5Config, *, positions: bool):
        super().__init__()
        self.SelfAttention = Attention(config, positions=positions)
        self.layer_norm = Norm(config.d_model, config.layer_norm_epsilon)


class CrossAttention(nn.Module):
    def __init__(self, config: T5Config):
        super().__init__()
        self.EncDecAttention = Attention(config, positions=False)
        self.layer_norm = Norm(config.d_model, config.layer_norm_epsilon)


class Dense(nn.Module):
    def __init__(self, config: T5Config):
        super().__init__()
        self.wi = nn.Linear(config.d_model, config.d_ff, bias=False)
        self.wo = nn.Linear(config.d_ff, config.d_model, bias=False)


class FeedForward(nn.Module):
    def __init__(self, config: T5Config):
        super().__init__()
        self.DenseReluDense = Dense(config)
        self.layer_norm = Norm(config.d_model, config.layer_norm_epsilon)

    def forward(self, x: Tensor) -> Tensor:
        dense = self.DenseReluDense
        return x + dense.wo(dense.wi(self.layer_norm(x)).relu())


class Block(nn.Module):
    def __init__(self, config: T5Config, *, first: bool, cross: bool):
        super().__init__()
        parts: list[nn.Module] = [SelfAttention(config, positions=first)]
        parts += [CrossAttention(config)] if cross else []
        self.layer = nn.ModuleList([*parts, FeedForward(config)])

    def encode(self, hidden: Tensor, bias: Tensor) -> Tensor:
        """An encoder's layer over texts [B, S, d]."""
        part = self.layer[0]
        attention, normed = part.SelfAttention, part.layer_norm(hidden)
        q, k, v = (attention.split(f(normed)) for f in (attention.q, attention.k, attention.v))
        hidden = hidden + attention.attend(q, k, v, bias)
        return self.layer[1](hidden)

    def decode(
        self,
        hidden: Tensor,
        bias: Tensor,
        text: tuple[Tensor, Tensor, Tensor],
        append: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]] | None,
    ) -> Tensor:
        """A decoder's layer over targets [B, G, T, d] and keys, values and mask of their `text`.

        `append` joins the keys and values of a step to those before it.
        """
        part = self.layer[0]
        attention, normed = part.SelfAttention, part.layer_norm(hidden)
        q, k, v = (attention.split(f(normed)) for f in (attention.q, attention.k, attention.v))
        if append is not None:
            k, v = append(k, v)
        hidden = hidden + attention.attend(q, k, v, bias)
        part = self.layer[1]
        # All rows and tokens of a text are queries over one copy of its keys.
        queries = part.EncDecAttention.q(part.layer_norm(hidden)).flatten(1, 2)
        attended = part.EncDecAttention.attend(part.EncDecAttention.split(queries), *text)
        return self.layer[2](hidden + attended.view_as(hidden))


class Stack(nn.Module):
    def __init__(self, config: T5Config, layers: int, *, cross: bool):
        super().__init__()
        self.block = nn.ModuleList(
            [Block(config, first=i == 0, cross=cross) for i in range(layers)]
        )
        self.final_layer_norm = Norm(config.d_model, config.layer_norm_epsilon)
        self.causal = cross
        self.again = False
        self.buckets = config.relative_attention_num_buckets
        self.distance = config.relative_attention_max_distance

    def encode(self, hidden: Tensor, mask: Tensor) -> Tensor:
        """An encoder's pass over embedded texts [B, S, d]; `mask` is additive [B, 1, 1, S]."""
        bias = self.position_bias(hidden.shape[1]) + mask
        for block in self.block:
            hidden = through(block.encode, hidden, bias, again=self.again)
        return self.final_layer_norm(hidden)

    def position_bias(self, tokens: int) -> Tensor:
        """[H, tokens, tokens]: the learned bias of each distance from query to key."""
        table = self.block[0].layer[0].SelfAttention.relative_attention_bias.weight
        at = torch.arange(tokens, device=table.device)
        return table[self.bucket(at - at[:, None])].permute(2, 0, 1)

    def causal_position_bias(self, tokens: int) -> Tensor:
        """The same for a decoder, whose tokens see only those before them."""
        bias = self.position_bias(tokens)
        return bias + causal_bias(tokens, bias)

    def bucket(self, offset: Tensor) -> Tensor:
        """Distances to buckets: exact when near, logarithmic when far (T5's scheme)."""
        buckets, result = self.buckets, torch.zeros_like(offset)
        if self.causal:
            offset = -offset.clamp(max=0)
        else:
            buckets //= 2
            result = result + (offset > 0) * buckets
            offset = offset.abs()
        exact = buckets // 2
        ratio = torch.log(offset.clamp(min=1).float() / exact) / math.log(self.distance / exact)
        far = (exact + (ratio * (buckets - exact)).long()).clamp(max=buckets - 1)
        return result + torch.where(offset < exact, offset, far)


class T5(nn.Module):
    """Encoder and decoder with tied embeddings."""

    def __init__(self, config: T5Config):
        super().__init__()
        self.config = config
        self.shared = nn.Embedding(config.vocab_size, config.d_model)
        self.encoder = Stack(config, config.num_layers, cross=False)
        self.decoder = Stack(config, config.num_decoder_layers, cross=True)
        self.initialise()

    @torch.no_grad()
    def initialise(self) -> None:
        """T5's initial spreads: without its scaling of dot products they must be this small."""
        config = self.config
        inner = config.num_heads * config.d_kv
        spreads = {
            "shared": 1.0,
            "q": (config.d_model * config.d_kv) ** -0.5,
            "k": config.d_model**-0.5,
            "v": config.d_model**-0.5,
            "o": inner**-0.5,
            "wi": config.d_model**-0.5,
            "wo": config.d_ff**-0.5,
            "relative_attention_bias": config.d_model**-0.5,
        }
        for name, module in self.named_modules():
            if isinstance(module, nn.Linear | nn.Embedding):
                module.weight.normal_(std=spreads[name.rsplit(".", 1)[-1]])

    def encode(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Hidden states [B, S, d] of token ids [B, S]; `mask` is True where there is text."""
        hidden = self.shared(ids)
        return self.encoder.encode(hidden, additive(mask, hidden.dtype))

    def remember(self, hidden: Tensor, mask: Tensor) -> Memory:
        """Keys and values of encoded texts for every decoder layer, computed once."""
        keys, values = [], []
        for block in self.decoder.block:
            attention = block.layer[1].EncDecAttention
            keys.append(attention.split(attention.k(hidden)))
            values.append(attention.split(attention.v(hidden)))
        return Memory(keys, values, additive(mask, hidden.dtype), mask.sum(1))

    def read(self, ids: Tensor, mask: Tensor) -> Memory:
        """Encode texts [B, S] into what the decoder needs of them."""
        return self.remember(self.encode(ids, mask), mask)

    def new_cache(self, texts: int, rows: int, steps: int) -> Cache:
        """An empty cache for up to `steps` tokens of `rows` targets for each of `texts` texts."""
        config = self.config
        shape = (texts, rows, config.num_heads, config.d_kv)
        return empty_cache(
            config.num_decoder_layers, shape, self.decoder.causal_position_bias(steps)
        )

    def decode(self, ids: Tensor, memory: Memory, cache: Cache | None = None) -> Tensor:
        """Hidden states [B, G, T, d] of target ids [B, G, T], all rows of a text over its memory.

        Without a cache the T tokens see each other causally. With one, T must be 1: the token
        joins those already in the cache.
        """
        stack = self.decoder
        hidden = self.shared(ids)
        tokens = ids.shape[2]
        bias = stack.causal_position_bias(tokens) if cache is None else cache.window_bias()
        again = stack.again and cache is None
        for layer, block in enumerate(stack.block):
            text = (memory.keys[layer], memory.values[layer], memory.mask)
            append = None if cache is None else partial(cache.append, layer)
            hidden = through(block.decode, hidden, bias, text, append, again=again)
        if cache is not None:
            cache.length += 1
        return stack.final_layer_norm(hidden)

    def logits(self, hidden: Tensor) -> Tensor:
        """Scores over the vocabulary; tied embeddings are scaled by d ** -0.5."""
        return nn.functional.linear(hidden * self.config.d_model**-0.5, self.shared.weight)
