"""Diverse beam search with one beam per group (Vijayakumar et al., 2018), all groups at once.

Group by group within a step, a token that earlier groups have chosen at this step costs
`strength` for each of them: textbook Hamming diversity. Groups that have ended choose nothing.
"""

import torch
from torch import Tensor

from quals.decoding.sequences import Hypothesis, Limits
from quals.models.interface import ConditionalModel, Memory

BLOCK = 64
SPARSE = 0.8  # rows are moved together once so few of them run: it costs a copy of the cache


@torch.inference_mode()
def diverse_decode(
    model: ConditionalModel, memory: Memory, *, groups: int, strength: float, limits: Limits
) -> list[list[Hypothesis]]:
    """`groups` hypotheses for each text of the memory, in group order.

    The end token is impossible before `limits.shortest` tokens and the only choice after
    `limits.longest`. Log-probabilities are the model's own (fp32), before penalty and limits, so
    that they equal teacher-forced ones. Of equally good tokens the lowest id is chosen.
    """
    config, texts, steps = model.config, memory.texts, limits.longest + 1
    device = memory.device
    cache = model.new_cache(texts, groups, steps)
    chosen = torch.full((texts, groups, steps), config.pad_token_id, device=device)
    scores = torch.zeros(texts, groups, steps, device=device)
    lengths = torch.full((texts, groups), steps, device=device)
    # Row r of the batch's text b writes group at[b, r] of text alive[b], unless it is over.
    alive = torch.arange(texts, device=device)
    at = torch.arange(groups, device=device).expand(texts, groups)
    running = torch.ones(texts, groups, dtype=torch.bool, device=device)
    tokens = torch.full((texts, groups), config.decoder_start_token_id, device=device)
    for step in range(steps):
        hidden = model.decode(tokens[..., None], memory, cache)[:, :, 0]
        row_text, _ = running.nonzero(as_tuple=True)
        # The vocabulary, which costs most, is computed for running rows only.
        logits = model.logits(hidden[running]).float()
        normaliser = logits.logsumexp(-1)
        if step < limits.shortest:
            logits[:, config.eos_token_id] = -torch.inf
        if step == limits.longest:
            picked = torch.full_like(row_text, config.eos_token_id)
        else:
            picked = choose_apart(logits, row_text, strength)
        picked_scores = logits.gather(1, picked[:, None])[:, 0] - normaliser
        place = (alive[row_text], at[running])
        chosen[*place, step] = picked
        scores[*place, step] = picked_scores
        over = picked == config.eos_token_id
        lengths[place[0][over], place[1][over]] = step + 1
        tokens = tokens.masked_scatter(running, picked)
        running = running.masked_scatter(running, ~over)
        left = running.sum(1)
        if not left.any():
            break
        most = int(left.max())
        if most <= SPARSE * running.shape[1] or not left.all():
            kept = left.nonzero()[:, 0]
            rows = running[kept].int().argsort(dim=1, descending=True, stable=True)[:, :most]
            cache = cache.select(kept, rows)
            memory = memory if len(kept) == len(alive) else memory.select(kept)
            alive = alive[kept]
            at, tokens, running = (x[kept].gather(1, rows) for x in (at, tokens, running))
    return _collect(chosen, scores, lengths, strength)


def choose_apart(logits: Tensor, texts: Tensor, strength: float) -> Tensor:
    """The token of each row [N]: its best after paying for those of earlier rows of its text.

    `logits` [N, V] are of rows whose texts [N] ascend; the n-th rows of all texts choose together.
    Of equally good tokens the lowest id is chosen.
    """
    _, text, counts = torch.unique_consecutive(texts, return_inverse=True, return_counts=True)
    rank = torch.arange(len(texts), device=texts.device) - (counts.cumsum(0) - counts)[text]
    order = rank.argsort(stable=True)
    sizes = rank.bincount().tolist()
    count, vocabulary = len(counts), logits.shape[1]
    # The largest of many values is found fast, its place slowly: look for that in one block.
    blocks = -(-vocabulary // BLOCK)
    penalties = logits.new_zeros(count, vocabulary)
    padded = logits.new_full((count, blocks * BLOCK), -torch.inf)
    price, first_block = (
        logits.new_full((count,), strength),
        torch.arange(count, device=texts.device) * blocks,
    )
    picked = []
    for rows, own in zip(order.split(sizes), text[order].split(sizes), strict=True):
        size = len(rows)
        paid = penalties if size == count else penalties.index_select(0, own)
        torch.sub(logits.index_select(0, rows), paid, out=padded[:size, :vocabulary])
        parts = padded.view(-1, BLOCK)[: size * blocks]
        block = parts.amax(-1).view(size, blocks).argmax(-1)
        inner = parts.index_select(0, first_block[:size] + block).argmax(-1)
        best = torch.add(inner, block, alpha=BLOCK)
        picked.append(best)
        penalties.view(-1).index_add_(0, torch.add(best, own, alpha=vocabulary), price[:size])
    return torch.empty_like(texts).index_copy_(0, order, torch.cat(picked))


def _collect(
    chosen: Tensor, scores: Tensor, lengths: Tensor, strength: float
) -> list[list[Hypothesis]]:
    """Hypotheses from ids and log p [B, G, T] of which `lengths` [B, G] count."""
    running = torch.arange(chosen.shape[2], device=chosen.device) < lengths[..., None]
    same = (chosen[:, :, None] == chosen[:, None]) & running[:, None]
    earlier = chosen.new_ones(chosen.shape[1], chosen.shape[1], dtype=torch.bool).tril(-1)
    penalties = (same & earlier[..., None]).sum(2) * strength
    rows = zip(*(x.tolist() for x in (chosen, scores, penalties, lengths)), strict=True)
    return [
        [
            Hypothesis(ids[:size], logprobs[:size], paid[:size])
            for ids, logprobs, paid, size in zip(*group, strict=True)
        ]
        for group in rows
    ]
