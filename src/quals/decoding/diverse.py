"""Diverse beam search with one beam per group (Vijayakumar et al., 2018), all groups at once.

Group by group within a step, a token that earlier groups have chosen at this step costs
`strength` for each of them: textbook Hamming diversity. Groups that have ended choose nothing.
"""

import torch
from torch import Tensor

from quals.decoding.sequences import Hypothesis, Limits
from quals.models.interface import ConditionalModel, Memory


@torch.inference_mode()
def diverse_decode(
    model: ConditionalModel, memory: Memory, *, groups: int, strength: float, limits: Limits
) -> list[list[Hypothesis]]:
    """`groups` hypotheses for each text of the memory, in group order.

    The end token is impossible before `limits.shortest` tokens and the only choice after
    `limits.longest`. Log-probabilities are the model's own (fp32), before penalty and limits, so
    that they equal teacher-forced ones.
    """
    config = model.config
    texts = memory.texts
    cache = model.new_cache(texts, groups, limits.longest + 1)
    tokens = torch.full((texts, groups, 1), config.decoder_start_token_id)
    chosen = torch.full((texts, groups, limits.longest + 1), config.pad_token_id)
    scores = torch.zeros(texts, groups, limits.longest + 1)
    lengths = torch.zeros(texts, groups, dtype=torch.long)
    done = torch.zeros(texts, groups, dtype=torch.bool)
    alive = torch.arange(texts)  # texts with a running group; the others leave the batch
    for step in range(limits.longest + 1):
        logits = model.logits(model.decode(tokens, memory, cache)[:, :, 0]).float()
        normaliser = logits.logsumexp(-1)
        if step < limits.shortest:
            logits[..., config.eos_token_id] = -torch.inf
        if step == limits.longest:
            picked = torch.full_like(tokens[:, :, 0], config.eos_token_id)
        else:
            picked = choose_apart(logits, done[alive], strength)
        running = ~done[alive]
        picked = torch.where(running, picked, config.pad_token_id)
        picked_scores = logits.gather(-1, picked[..., None])[..., 0] - normaliser
        chosen[alive, :, step] = picked
        scores[alive, :, step] = torch.where(running, picked_scores, 0.0)
        lengths[alive] += running
        done[alive] |= picked == config.eos_token_id
        keep = ~done[alive].all(1)
        tokens = picked[..., None]
        if not keep.all():
            alive = alive[keep]
            if not len(alive):
                break
            kept = keep.nonzero()[:, 0]
            tokens, memory, cache = tokens[kept], memory.select(kept), cache.select(kept)
    return _collect(chosen, scores, lengths, strength)


def choose_apart(logits: Tensor, done: Tensor, strength: float) -> Tensor:
    """The token of each group [B, G]: its best after paying for the choices of earlier groups.

    Exact, yet only G candidates per group are looked at: before group g at most g tokens carry a
    penalty, so one of the g + 1 best tokens has none and beats all that lie below them.
    """
    texts, groups, vocabulary = logits.shape
    if strength == 0:
        return logits.argmax(-1)
    values, candidates = logits.topk(min(groups, vocabulary), dim=-1)
    penalties = torch.zeros(texts, vocabulary)
    picked = torch.empty(texts, groups, dtype=torch.long)
    cost = torch.where(done, 0.0, strength)
    for group in range(groups):
        size = min(group + 1, vocabulary)
        allowed = candidates[:, group, :size]
        penalised = values[:, group, :size] - penalties.gather(1, allowed)
        best = allowed.gather(1, penalised.argmax(1, keepdim=True))
        picked[:, group] = best[:, 0]
        penalties.scatter_add_(1, best, cost[:, group, None])
    return picked


def _collect(
    chosen: Tensor, scores: Tensor, lengths: Tensor, strength: float
) -> list[list[Hypothesis]]:
    """Hypotheses from ids and log p [B, G, T] of which `lengths` [B, G] count."""
    running = torch.arange(chosen.shape[2]) < lengths[..., None]
    same = (chosen[:, :, None] == chosen[:, None]) & running[:, None]
    earlier = torch.ones(chosen.shape[1], chosen.shape[1], dtype=torch.bool).tril(-1)
    penalties = (same & earlier[..., None]).sum(2) * strength
    rows = zip(*(x.tolist() for x in (chosen, scores, penalties, lengths)), strict=True)
    return [
        [
            Hypothesis(ids[:size], logprobs[:size], paid[:size])
            for ids, logprobs, paid, size in zip(*group, strict=True)
        ]
        for group in rows
    ]
