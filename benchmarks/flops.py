"""How much arithmetic does document scoring need, and how fast does this machine multiply?

Counted once, however often an implementation repeats it: a text of S tokens is read once, and each
of the T_i tokens of its targets passes the decoder and the vocabulary once; padding is not counted.
A product of [m, k] with [k, n] takes 2 m k n operations, so that per text

    2 S (matrices over the text) + 2 sum T_i (matrices over targets + vocabulary)
    + 4 width layers (pairs of a query and a key that it may see)

where the matrices over the text are the encoder's and those that make cross-attention's keys and
values, or all layers of a decoder-only network. Norms, activations and softmax count nothing.
"""

import statistics
import time

import torch
from torch import nn

from quals.models.bart import BART
from quals.models.causal import CausalModel
from quals.models.t5 import T5

# Cross-attention's keys and values in BART and T5: they are of the text, not of the target.
_OF_TEXT = ("encoder_attn.k_proj", "encoder_attn.v_proj", "EncDecAttention.k", "EncDecAttention.v")


def needed(model: nn.Module, source: int, targets: list[int]) -> int:
    """Operations of scoring targets of these lengths about one text of `source` tokens."""
    matrices = {n: m.weight.numel() for n, m in model.named_modules() if isinstance(m, nn.Linear)}
    matrices.pop("lm_head", None)
    config, tokens = model.config, sum(targets)
    own = sum(size * (size + 1) // 2 for size in targets)
    if isinstance(model, CausalModel):
        over_text = over_target = sum(matrices.values())
        size, width = config.hidden_size, config.num_attention_heads * config.head_dim
        seen = source * (source + 1) // 2 + own + tokens * source
        attention = width * config.num_hidden_layers * seen
    else:
        source += isinstance(model, BART)  # the end token that its frame adds
        of_text = [n for n in matrices if n.rpartition("decoder.")[1] == "" or n.endswith(_OF_TEXT)]
        over_text = sum(matrices[name] for name in of_text)
        over_target = sum(matrices.values()) - over_text
        size, width, depths = config.d_model, *_shape(model)
        attention = width * (depths[0] * source**2 + depths[1] * (own + tokens * source))
    vocabulary = size * config.vocab_size
    return 2 * source * over_text + 2 * tokens * (over_target + vocabulary) + 4 * attention


def _shape(model: BART | T5) -> tuple[int, tuple[int, int]]:
    """Width of all heads together; layers of encoder and decoder."""
    config = model.config
    if isinstance(model, BART):
        return config.d_model, (config.encoder_layers, config.decoder_layers)
    return config.num_heads * config.d_kv, (config.num_layers, config.num_decoder_layers)


def matrix_rate(*, size: int, repeats: int) -> float:
    """Operations per second of an fp32 product of two square matrices, with torch's threads."""
    generator = torch.Generator().manual_seed(0)
    left, right = (torch.randn(size, size, generator=generator) for _ in range(2))
    seconds = []
    for _ in range(repeats + 1):  # the first one warms up
        start = time.perf_counter()
        left @ right
        seconds.append(time.perf_counter() - start)
    return 2 * size**3 / statistics.median(seconds[1:])
