"""The BART network (Lewis et al., 2020), lean: many targets may share the encoding of one text.

Parameter names and arithmetic are those of `transformers`' BartForConditionalGeneration, so that a
checkpoint works in both (a test compares the logits). A text is framed as the paper's authors do:
no `<s>`, its tokens, `</s>`.

Shapes: B texts, G rows (targets) per text, S source tokens, T target tokens, H heads, D head size.
"""

from collections.abc import Callable, Iterator
from functools import partial

import torch
from torch import Tensor, nn

from quals.errors import InputError
from quals.models.interface import Cache, Memory, additive, causal_bias, empty_cache, through
from quals.params import Count, Natural, Section

OFFSET = 2  # positions begin at the third row of their table, a relic of fairseq's padding index


class BartConfig(Section):
    """The part of a BART `config.json` that this network needs."""

    vocab_size: Count
    d_model: Count
    encoder_layers: Count
    decoder_layers: Count
    encoder_attention_heads: Count
    decoder_attention_heads: Count
    encoder_ffn_dim: Count
    decoder_ffn_dim: Count
    max_position_embeddings: Count
    scale_embedding: bool
    pad_token_id: Natural
    eos_token_id: Natural
    decoder_start_token_id: Natural


class Attention(nn.Module):
    def __init__(self, size: int, heads: int):
        super().__init__()
        self.heads = heads
        self.k_proj = nn.Linear(size, size)
        self.v_proj = nn.Linear(size, size)
        self.q_proj = nn.Linear(size, size)
        self.out_proj = nn.Linear(size, size)
        self.dropout = 0.0  # of attention, in training

    def split(self, x: Tensor) -> Tensor:
        """[..., T, H*D] -> [..., H, T, D]"""
        return x.unflatten(-1, (self.heads, -1)).transpose(-3, -2)

    def attend(self, queries: Tensor, keys: Tensor, values: Tensor, bias: Tensor) -> Tensor:
        """[B, H, T, D] queries over [B, H, S, D]."""
        mixed = nn.functional.scaled_dot_product_attention(
            queries, keys, values, attn_mask=bias, dropout_p=self.dropout if self.training else 0.0
        )
        return self.out_proj(mixed.transpose(-3, -2).flatten(-2))


class Layer(nn.Module):
    def __init__(self, size: int, heads: int, inner: int, *, cross: bool):
        super().__init__()
        self.self_attn = Attention(size, heads)
        self.self_attn_layer_norm = nn.LayerNorm(size)
        if cross:
            self.encoder_attn = Attention(size, heads)
            self.encoder_attn_layer_norm = nn.LayerNorm(size)
        self.fc1 = nn.Linear(size, inner)
        self.fc2 = nn.Linear(inner, size)
        self.final_layer_norm = nn.LayerNorm(size)
        self.drop = nn.Dropout(0.0)

    def feed_forward(self, x: Tensor) -> Tensor:
        return self.final_layer_norm(x + self.drop(self.fc2(nn.functional.gelu(self.fc1(x)))))

    def project(self, hidden: Tensor) -> Iterator[Tensor]:
        """Queries, keys and values of self-attention, by head."""
        attention = self.self_attn
        projections = (attention.q_proj, attention.k_proj, attention.v_proj)
        return (attention.split(project(hidden)) for project in projections)

    def encode(self, hidden: Tensor, bias: Tensor) -> Tensor:
        """An encoder's layer over texts [B, S, d]."""
        attended = self.drop(self.self_attn.attend(*self.project(hidden), bias))
        return self.feed_forward(self.self_attn_layer_norm(hidden + attended))

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
        q, k, v = self.project(hidden)
        if append is not None:
            k, v = append(k, v)
        rows = (x.flatten(0, 1) for x in (q, k, v))
        attended = self.self_attn.attend(*rows, bias).view_as(hidden)
        hidden = self.self_attn_layer_norm(hidden + self.drop(attended))
        # All rows and tokens of a text are queries over one copy of its keys.
        cross = self.encoder_attn
        queries = cross.split(cross.q_proj(hidden).flatten(1, 2))
        attended = self.drop(cross.attend(queries, *text).view_as(hidden))
        return self.feed_forward(self.encoder_attn_layer_norm(hidden + attended))


class Stack(nn.Module):
    def __init__(self, config: BartConfig, layers: int, heads: int, inner: int, *, cross: bool):
        super().__init__()
        self.embed_positions = nn.Embedding(config.max_position_embeddings + OFFSET, config.d_model)
        self.layers = nn.ModuleList(
            [Layer(config.d_model, heads, inner, cross=cross) for _ in range(layers)]
        )
        self.layernorm_embedding = nn.LayerNorm(config.d_model)
        self.drop = nn.Dropout(0.0)

    def embed(self, tokens: Tensor, first: int) -> Tensor:
        """Embedded tokens [..., T, d] at the positions from `first` on."""
        end = first + tokens.shape[-2]
        most = self.embed_positions.num_embeddings - OFFSET
        if end > most:
            raise InputError(f"a text of {end} tokens, the network has positions for {most}")
        places = self.embed_positions.weight[first + OFFSET : end + OFFSET]
        return self.drop(self.layernorm_embedding(tokens + places))


class Body(nn.Module):
    def __init__(self, config: BartConfig):
        super().__init__()
        self.shared = nn.Embedding(config.vocab_size, config.d_model)
        self.encoder = Stack(
            config,
            config.encoder_layers,
            config.encoder_attention_heads,
            config.encoder_ffn_dim,
            cross=False,
        )
        self.decoder = Stack(
            config,
            config.decoder_layers,
            config.decoder_attention_heads,
            config.decoder_ffn_dim,
            cross=True,
        )


class BART(nn.Module):
    """Encoder and decoder with tied embeddings."""

    def __init__(self, config: BartConfig):
        super().__init__()
        self.config = config
        self.model = Body(config)
        self.register_buffer("final_logits_bias", torch.zeros(1, config.vocab_size))
        self.again = False
        self.scale = config.d_model**0.5 if config.scale_embedding else 1.0
        self.initialise()

    @torch.no_grad()
    def initialise(self) -> None:
        """BART's initial spread."""
        for module in self.modules():
            if isinstance(module, nn.Linear | nn.Embedding):
                module.weight.normal_(std=0.02)
            if isinstance(module, nn.Linear):
                module.bias.zero_()

    def read(self, ids: Tensor, mask: Tensor) -> Memory:
        """Encode texts [B, S], each with the end token behind it, into what the decoder needs."""
        ids, mask = self.frame(ids, mask)
        stack, bias = self.model.encoder, additive(mask, self.model.shared.weight.dtype)
        hidden = stack.embed(self.model.shared(ids) * self.scale, 0)
        for layer in stack.layers:
            hidden = through(layer.encode, hidden, bias, again=self.again)
        crosses = [layer.encoder_attn for layer in self.model.decoder.layers]
        keys = [cross.split(cross.k_proj(hidden)) for cross in crosses]
        values = [cross.split(cross.v_proj(hidden)) for cross in crosses]
        return Memory(keys, values, bias, mask.sum(1))

    def frame(self, ids: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """The end token behind each text, before its padding."""
        lengths = mask.sum(1, keepdim=True)
        ids = nn.functional.pad(ids, (0, 1), value=self.config.pad_token_id)
        ids = ids.scatter(1, lengths, self.config.eos_token_id)
        return ids, nn.functional.pad(mask, (0, 1), value=False).scatter(1, lengths, True)

    def new_cache(self, texts: int, rows: int, steps: int) -> Cache:
        """An empty cache for up to `steps` tokens of `rows` targets for each of `texts` texts."""
        config, heads = self.config, self.config.decoder_attention_heads
        shape = (texts, rows, heads, config.d_model // heads)
        bias = causal_bias(steps, self.model.shared.weight)
        return empty_cache(config.decoder_layers, shape, bias)

    def decode(self, ids: Tensor, memory: Memory, cache: Cache | None = None) -> Tensor:
        """Hidden states [B, G, T, d] of target ids [B, G, T], all rows of a text over its memory.

        Without a cache the T tokens see each other causally. With one, T must be 1: the token
        joins those already in the cache.
        """
        stack = self.model.decoder
        first = 0 if cache is None else cache.length
        hidden = stack.embed(self.model.shared(ids) * self.scale, first)
        bias = causal_bias(ids.shape[2], hidden) if cache is None else cache.window_bias()
        again = self.again and cache is None
        for at, layer in enumerate(stack.layers):
            text = (memory.keys[at], memory.values[at], memory.mask)
            append = None if cache is None else partial(cache.append, at)
            hidden = through(layer.decode, hidden, bias, text, append, again=again)
        if cache is not None:
            cache.length += 1
        return hidden

    def logits(self, hidden: Tensor) -> Tensor:
        """Scores over the vocabulary."""
        return nn.functional.linear(hidden, self.model.shared.weight, self.final_logits_bias[0])


def set_dropout(model: BART, hidden: float, attention: float) -> None:
    """How much of hidden states and of attention is dropped in training, where fairseq drops it."""
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.p = hidden
        elif isinstance(module, Attention):
            module.dropout = attention
