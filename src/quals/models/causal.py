"""Decoder-only networks of the Llama family (Llama, SmolLM2, Qwen2, Qwen3) with the text as prefix.

Parameter names and arithmetic are those of `transformers`, so that a checkpoint works in both (a
test compares the logits). The keys and values of a text are computed once; all targets about it
read that one copy and continue at the text's own length, whatever padding its batch needs.

Shapes: B texts, G rows (targets) per text, S source tokens, T target tokens, K key heads of which
each serves R query heads, D head size.
"""

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn

from quals.models.interface import Cache, Memory, additive, causal_bias, empty_cache, through
from quals.params import Count, Natural, Positive, Section

BLOCK = 1536  # of the vocabulary


class CausalConfig(Section):
    """What the members of the family differ in, and their sizes."""

    vocab_size: Count
    hidden_size: Count
    intermediate_size: Count
    num_hidden_layers: Count
    num_attention_heads: Count
    num_key_value_heads: Count
    head_dim: Count
    rms_norm_eps: Positive
    rope_theta: Positive
    query_bias: bool  # of queries, keys and values
    output_bias: bool
    feed_forward_bias: bool
    query_norm: bool  # of each head's queries and keys
    tie_word_embeddings: bool
    pad_token_id: Natural
    eos_token_id: Natural
    decoder_start_token_id: Natural


class Attention(nn.Module):
    def __init__(self, config: CausalConfig):
        super().__init__()
        size, head = config.hidden_size, config.head_dim
        inner, shared = config.num_attention_heads * head, config.num_key_value_heads * head
        self.groups, self.head = config.num_key_value_heads, head
        self.q_proj = nn.Linear(size, inner, bias=config.query_bias)
        self.k_proj = nn.Linear(size, shared, bias=config.query_bias)
        self.v_proj = nn.Linear(size, shared, bias=config.query_bias)
        self.o_proj = nn.Linear(inner, size, bias=config.output_bias)
        if config.query_norm:
            self.q_norm = nn.RMSNorm(head, config.rms_norm_eps)
            self.k_norm = nn.RMSNorm(head, config.rms_norm_eps)
        self.query_norm = config.query_norm

    def project(self, x: Tensor, turn: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor, Tensor]:
        """Queries [..., T, K*R, D], keys and values [..., T, K, D] of hidden states [..., T, d]."""
        q, k, v = (
            project(x).unflatten(-1, (-1, self.head))
            for project in (self.q_proj, self.k_proj, self.v_proj)
        )
        if self.query_norm:
            q, k = self.q_norm(q), self.k_norm(k)
        return rotate(q, turn), rotate(k, turn), v

    def read(self, x: Tensor, turn: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor, Tensor]:
        """A causal pass over texts [B, S, d]; also their keys and values [B, K, S, D].

        Padding is on the right, where no token of the text sees it.
        """
        q, k, v = (part.transpose(1, 2) for part in self.project(x, turn))
        mixed = nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=True)
        return self.o_proj(mixed.transpose(1, 2).flatten(-2)), k, v

    def write(
        self, queries: Tensor, text: tuple[Tensor, Tensor], own: tuple[Tensor, Tensor], bias: Tensor
    ) -> Tensor:
        """Targets' queries [B, G, T, K*R, D] over the text's keys and values and over their own.

        `text` is [B, K, S, D], `own` [B, G, K, U, D]; `bias` [B, 1, G*R*T, S + U] is added
        to the scores.
        """
        texts, rows, tokens = queries.shape[:3]
        size = text[0].shape[2]
        # A key head serves its R query heads of all rows and tokens in one product.
        q = queries.unflatten(3, (self.groups, -1)).permute(0, 3, 1, 4, 2, 5) * self.head**-0.5
        seen = q.flatten(2, 4) @ text[0].transpose(-1, -2)  # [B, K, G*R*T, S]
        by_row = q.transpose(1, 2).flatten(3, 4)  # [B, G, K, R*T, D]
        self_seen = (by_row @ own[0].transpose(-1, -2)).transpose(1, 2)  # [B, K, G, R*T, U]
        scores = torch.cat([seen, self_seen.flatten(2, 3)], -1)
        weights = (scores + bias).softmax(-1)
        mixed = weights[..., :size] @ text[1]
        mine = weights[..., size:].view(self_seen.shape).transpose(1, 2) @ own[1]
        mixed = mixed + mine.transpose(1, 2).reshape(mixed.shape)
        mixed = mixed.view(texts, self.groups, rows, -1, tokens, self.head)
        return self.o_proj(mixed.permute(0, 2, 4, 1, 3, 5).flatten(3))


class FeedForward(nn.Module):
    def __init__(self, config: CausalConfig):
        super().__init__()
        size, inner, bias = config.hidden_size, config.intermediate_size, config.feed_forward_bias
        self.gate_proj = nn.Linear(size, inner, bias=bias)
        self.up_proj = nn.Linear(size, inner, bias=bias)
        self.down_proj = nn.Linear(inner, size, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        gate, up = self.gate_proj(x), self.up_proj(x)
        if torch.is_grad_enabled():
            return self.down_proj(nn.functional.silu(gate) * up)
        # New memory for each of these wide products costs as much as computing them.
        return self.down_proj(nn.functional.silu(gate, inplace=True).mul_(up))


class Layer(nn.Module):
    def __init__(self, config: CausalConfig):
        super().__init__()
        self.self_attn = Attention(config)
        self.mlp = FeedForward(config)
        self.input_layernorm = nn.RMSNorm(config.hidden_size, config.rms_norm_eps)
        self.post_attention_layernorm = nn.RMSNorm(config.hidden_size, config.rms_norm_eps)

    def read(self, hidden: Tensor, turn: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor, Tensor]:
        """The layer over texts [B, S, d]; also their keys and values."""
        attended, k, v = self.self_attn.read(self.input_layernorm(hidden), turn)
        return self.feed_forward(hidden + attended), k, v

    def write(
        self,
        hidden: Tensor,
        turn: tuple[Tensor, Tensor],
        bias: Tensor,
        text: tuple[Tensor, Tensor],
        append: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]] | None,
    ) -> Tensor:
        """The layer over targets [B, G, T, d] and keys and values of their `text`.

        `append` joins the keys and values of a step to those before it.
        """
        q, k, v = self.self_attn.project(self.input_layernorm(hidden), turn)
        k, v = k.transpose(2, 3), v.transpose(2, 3)
        if append is not None:
            k, v = append(k, v)
        return self.feed_forward(hidden + self.self_attn.write(q, text, (k, v), bias))

    def feed_forward(self, hidden: Tensor) -> Tensor:
        return hidden + self.mlp(self.post_attention_layernorm(hidden))


class Body(nn.Module):
    def __init__(self, config: CausalConfig):
        super().__init__()
        self.embed_tokens = nn.Embedding(config.vocab_size, config.hidden_size)
        self.layers = nn.ModuleList([Layer(config) for _ in range(config.num_hidden_layers)])
        self.norm = nn.RMSNorm(config.hidden_size, config.rms_norm_eps)


class CausalModel(nn.Module):
    """A decoder that reads a text as its prefix and continues it with each of its targets."""

    def __init__(self, config: CausalConfig):
        super().__init__()
        self.config = config
        self.model = Body(config)
        self.again = False
        if not config.tie_word_embeddings:
            self.lm_head = nn.Linear(config.hidden_size, config.vocab_size, bias=False)
        self.initialise()

    @torch.no_grad()
    def initialise(self) -> None:
        """The family's initial spread."""
        for module in self.modules():
            if isinstance(module, nn.Linear | nn.Embedding):
                module.weight.normal_(std=0.02)
            if isinstance(module, nn.Linear) and module.bias is not None:
                module.bias.zero_()

    def read(self, ids: Tensor, mask: Tensor) -> Memory:
        """Keys and values of texts [B, S] for every layer; nothing is added to a text."""
        hidden = self.model.embed_tokens(ids)
        turn = self.turn(torch.arange(ids.shape[1], device=ids.device))
        keys, values = [], []
        for layer in self.model.layers:
            hidden, k, v = through(layer.read, hidden, turn, again=self.again)
            keys.append(k)
            values.append(v)
        return Memory(keys, values, additive(mask, hidden.dtype), mask.sum(1))

    def new_cache(self, texts: int, rows: int, steps: int) -> Cache:
        """An empty cache for up to `steps` tokens of `rows` targets for each of `texts` texts."""
        config = self.config
        shape = (texts, rows, config.num_key_value_heads, config.head_dim)
        bias = causal_bias(steps, self.model.embed_tokens.weight)
        return empty_cache(config.num_hidden_layers, shape, bias)

    def decode(self, ids: Tensor, memory: Memory, cache: Cache | None = None) -> Tensor:
        """Hidden states [B, G, T, d] of target ids [B, G, T], all rows of a text over its memory.

        Without a cache the T tokens see each other causally. With one, T must be 1: the token
        joins those already in the cache.
        """
        hidden = self.model.embed_tokens(ids)
        first = 0 if cache is None else cache.length
        steps = torch.arange(first, first + ids.shape[2], device=ids.device)
        turn = self.turn(memory.lengths[:, None, None] + steps)  # the same for all rows
        own = causal_bias(ids.shape[2], hidden) if cache is None else cache.window_bias()
        bias = self.bias(memory, own, ids.shape[1])
        again = self.again and cache is None
        for at, layer in enumerate(self.model.layers):
            text = memory.keys[at], memory.values[at]
            append = None if cache is None else partial(cache.append, at)
            hidden = through(layer.write, hidden, turn, bias, text, append, again=again)
        if cache is not None:
            cache.length += 1
        return self.model.norm(hidden)

    def bias(self, memory: Memory, own: Tensor, rows: int) -> Tensor:
        """What is added to the scores [B, K, G*R*T, S + U] over text and own tokens [T, U]."""
        repeats = rows * self.config.num_attention_heads // self.config.num_key_value_heads
        own = own.repeat(repeats, 1).expand(memory.texts, 1, -1, -1)
        return torch.cat([memory.mask.expand(-1, -1, own.shape[2], -1), own], -1)

    def turn(self, positions: Tensor) -> tuple[Tensor, Tensor]:
        """Cosine and sine [..., T, 1, D] of the rotary embedding at positions [..., T]."""
        size, dtype = self.config.head_dim, self.model.embed_tokens.weight.dtype
        powers = torch.arange(0, size, 2, device=positions.device).float() / size
        angles = positions[..., None].float() / self.config.rope_theta**powers
        angles = torch.cat([angles, angles], -1)[..., None, :]
        return angles.cos().to(dtype), angles.sin().to(dtype)

    def logits(self, hidden: Tensor) -> Tensor:
        """Scores over the vocabulary."""
        tied = self.config.tie_word_embeddings
        head = self.model.embed_tokens if tied else self.lm_head
        return vocabulary_scores(hidden, head.weight)


def rotate(x: Tensor, turn: tuple[Tensor, Tensor]) -> Tensor:
    """Rotary embedding of [..., T, heads, D]: the halves of D are the two coordinates."""
    cosine, sine = turn
    first, second = x.chunk(2, -1)
    return x * cosine + torch.cat([-second, first], -1) * sine


def vocabulary_scores(hidden: Tensor, weight: Tensor) -> Tensor:
    """Scores [N, V] of hidden states [N, d] by the vocabulary's matrix [V, d].

    A CPU computes them in blocks of the vocabulary where no gradient is wanted: a product that does
    not fit into its cache is up to a third slower.
    """
    whole = torch.is_grad_enabled() or torch.is_autocast_enabled("cpu") or hidden.dim() != 2
    if whole or hidden.device.type != "cpu":
        return nn.functional.linear(hidden, weight)
    scores = hidden.new_empty(len(hidden), len(weight))
    for part, out in zip(weight.split(BLOCK), scores.split(BLOCK, -1), strict=True):
        torch.mm(hidden, part.t(), out=out)
    return scores
