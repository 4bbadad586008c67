"""How likely is a target under a text? Teacher forcing, many targets per text in one pass."""

import torch
from torch import Tensor, nn

from quals.models.interface import ConditionalModel, Memory
from quals.models.tokenizer import pad


@torch.inference_mode()
def score_targets(
    model: ConditionalModel, memory: Memory, targets: list[list[list[int]]]
) -> list[list[list[float]]]:
    """Log p (fp32, natural log) of every token of every target, grouped by text.

    `targets[b]` are the targets of text b, end token included where it is to be scored.
    """
    rows = max((len(group) for group in targets), default=0)
    if rows == 0:
        return [[] for _ in targets]
    flat = [row for group in targets for row in group + [[]] * (rows - len(group))]
    ids, mask = pad(flat, model.config.pad_token_id, memory.device)
    shape = (len(targets), rows, -1)
    logprobs = target_logprobs(model, memory, ids.view(shape), mask.view(shape)).tolist()
    return [
        [logprobs[b][g][: len(row)] for g, row in enumerate(group)]
        for b, group in enumerate(targets)
    ]


def target_logprobs(model: ConditionalModel, memory: Memory, ids: Tensor, mask: Tensor) -> Tensor:
    """Log p [B, G, T] of each target token given the text and the tokens before it.

    0 where `mask` is False: the vocabulary, which costs most, is computed for real tokens only.
    """
    hidden = model.decode(shift_right(ids, model.config.decoder_start_token_id), memory)
    logits = model.logits(hidden[mask]).float()
    found = -nn.functional.cross_entropy(logits, ids[mask], reduction="none")
    return torch.zeros(ids.shape, device=ids.device).masked_scatter(mask, found)


def shift_right(ids: Tensor, start: int) -> Tensor:
    """The decoder's input for targets [B, G, T]: the start token, then all but the last token."""
    return torch.cat([torch.full_like(ids[..., :1], start), ids[..., :-1]], dim=-1)
