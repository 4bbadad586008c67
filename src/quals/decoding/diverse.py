"""Diverse beam search with one beam per group (Vijayakumar et al., 2018), all groups at once.

Group by group within a step, a token that earlier groups have chosen at this step costs
`strength` for each of them: textbook Hamming diversity. Groups that have ended choose nothing.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from quals.decoding.sequences import Hypothesis, Limits
from quals.models.interface import ConditionalModel, Memory

BLOCK = 64
SPARSE = 0.8  # rows are moved together once so few of them run: it costs a copy of the cache
ALIKE = 0.5  # groups share a row as long as so few beginnings differ: it costs copies of the cache


@torch.inference_mode()
def diverse_decode(
    model: ConditionalModel, memory: Memory, *, groups: int, strength: float, limits: Limits
) -> list[list[Hypothesis]]:
    """`groups` hypotheses for each text of the memory, in group order.

    The end token is impossible before `limits.shortest` tokens and the only choice after
    `limits.longest`. Log-probabilities are the model's own (fp32), before penalty and limits, so
    that they equal teacher-forced ones. Of equally good tokens the lowest id is chosen.

    What groups have written alike so far is computed once, as long as that is much: sixty of them
    have some fifteen first tokens.
    """
    config, texts, steps = model.config, memory.texts, limits.longest + 1
    device = memory.device
    cache = model.new_cache(texts, 1, steps)
    chosen = torch.full((texts, groups, steps), config.pad_token_id, device=device)
    scores = torch.zeros(texts, groups, steps, device=device)
    lengths = torch.full((texts, groups), steps, device=device)
    # Place p of the batch's text b writes group at[b, p] of text alive[b], unless it is over, and
    # continues row[b, p] of the cache, whose next token is tokens[b, row].
    alive = torch.arange(texts, device=device)
    at = torch.arange(groups, device=device).expand(texts, groups)
    running = torch.ones(texts, groups, dtype=torch.bool, device=device)
    row = torch.zeros(texts, groups, dtype=torch.long, device=device)
    tokens = torch.full((texts, 1), config.decoder_start_token_id, device=device)
    sharing = True
    for step in range(steps):
        hidden = model.decode(tokens[..., None], memory, cache)[:, :, 0]
        text, _ = running.nonzero(as_tuple=True)
        needed = torch.zeros(tokens.shape, dtype=torch.bool, device=device)
        needed[text, row[running]] = True
        source = (needed.flatten().cumsum(0) - 1).view(needed.shape)[text, row[running]]
        # The vocabulary, which costs most, is computed for rows that run and only once for each.
        logits = model.logits(hidden[needed]).float()
        normaliser = logits.logsumexp(-1)
        if step < limits.shortest:
            logits[:, config.eos_token_id] = -torch.inf
        if step == limits.longest:
            picked = torch.full_like(text, config.eos_token_id)
        else:
            picked = choose_apart(logits, text, strength, source)
        place = (alive[text], at[running])
        chosen[*place, step] = picked
        scores[*place, step] = logits[source, picked] - normaliser[source]
        over = picked == config.eos_token_id
        lengths[place[0][over], place[1][over]] = step + 1
        written = torch.zeros_like(row).masked_scatter(running, picked)
        running = running.masked_scatter(running, ~over)
        left = running.sum(1)
        if not left.any():
            break
        kept = left.nonzero()[:, 0]
        alike = _Alike.of(row, written, running, config.vocab_size) if sharing else None
        if alike is not None and len(alike.texts) <= ALIKE * int(left.sum()):
            parents, tokens, row = (table[kept] for table in alike.tables())
            at, running = at[kept], running[kept]
        else:
            most = int(left.max())
            if not sharing and most > SPARSE * running.shape[1] and len(kept) == len(alive):
                tokens = written
                continue
            sharing = False
            places = running[kept].int().argsort(dim=1, descending=True, stable=True)[:, :most]
            at, tokens, running, parents = (
                x[kept].gather(1, places) for x in (at, written, running, row)
            )
            row = torch.arange(most, device=device).expand(len(kept), most)
        cache = cache.select(kept, parents)
        memory = memory if len(kept) == len(alive) else memory.select(kept)
        alive = alive[kept]
    return _collect(chosen, scores, lengths, strength)


class _Alike(NamedTuple):
    """The distinct beginnings [N] of a batch's running places, text by text."""

    texts: Tensor
    parents: Tensor  # the row of the cache that each continues
    tokens: Tensor
    rank: Tensor  # its number among those of its text
    row: Tensor  # [B, P], of each place the rank of its beginning; 0 where it is over

    @classmethod
    def of(cls, row: Tensor, tokens: Tensor, running: Tensor, vocabulary: int) -> "_Alike":
        """Of places [B, P] that continue `row` by `tokens`."""
        text, _ = running.nonzero(as_tuple=True)
        rows = row.shape[1]  # there are no more than places
        keys = (text * rows + row[running]) * vocabulary + tokens[running]
        found, inverse = keys.unique(return_inverse=True)
        texts = found // (rows * vocabulary)
        counts = texts.bincount(minlength=len(row))
        rank = torch.arange(len(found), device=row.device) - (counts.cumsum(0) - counts)[texts]
        return cls(
            texts,
            found // vocabulary % rows,
            found % vocabulary,
            rank,
            torch.zeros_like(row).masked_scatter(running, rank[inverse]),
        )

    def tables(self) -> tuple[Tensor, Tensor, Tensor]:
        """Parents and tokens [B, R] by rank, padded with zeros, and `row`."""
        shape = (len(self.row), int(self.rank.max()) + 1)
        parents, tokens = (self.texts.new_zeros(shape) for _ in range(2))
        parents[self.texts, self.rank] = self.parents
        tokens[self.texts, self.rank] = self.tokens
        return parents, tokens, self.row


def choose_apart(
    logits: Tensor, texts: Tensor, strength: float, source: Tensor | None = None
) -> Tensor:
    """The token of each row [N]: its best after paying for those of earlier rows of its text.

    The rows' texts [N] ascend; the n-th rows of all texts choose together. `source` [N] has the
    place of each row's scores in `logits` [M, V], by default its own. Of equally good tokens the
    lowest id is chosen.
    """
    source = torch.arange(len(texts), device=texts.device) if source is None else source
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
        torch.sub(logits.index_select(0, source[rows]), paid, out=padded[:size, :vocabulary])
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
