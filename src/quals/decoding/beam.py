"""Beam search: the summaries of the test set and the questions of QAGS."""

import torch

from quals.decoding.sequences import Hypothesis, Limits
from quals.models.interface import ConditionalModel, Memory


@torch.inference_mode()
def beam_search(
    model: ConditionalModel,
    memory: Memory,
    *,
    beams: int,
    limits: Limits,
    length_penalty: float,
    keep: int = 1,
) -> list[list[Hypothesis]]:
    """The `keep` best finished hypotheses of each text, best first.

    Hypotheses compare by log p / length ** length_penalty (the end token counts); a text is done
    once `beams` are finished and no running beam can still beat the worst of them.
    """
    config, texts, device = model.config, memory.texts, memory.device
    vocabulary, end = config.vocab_size, config.eos_token_id
    cache = model.new_cache(texts, beams, limits.longest + 1)
    tokens = torch.full((texts, beams, 1), config.decoder_start_token_id, device=device)
    ids = torch.zeros(texts, beams, 0, dtype=torch.long, device=device)
    steps = torch.zeros(texts, beams, 0, device=device)
    totals = torch.full((texts, beams), -torch.inf, device=device)
    totals[:, 0] = 0.0  # all beams start alike: count the first only
    finished: list[list[tuple[float, Hypothesis]]] = [[] for _ in range(texts)]
    alive = list(range(texts))
    for step in range(limits.longest + 1):
        logits = model.logits(model.decode(tokens, memory, cache)[:, :, 0]).float()
        logprobs = logits.log_softmax(-1)
        if step < limits.shortest:
            logprobs[..., end] = -torch.inf
        if step == limits.longest:
            logprobs[..., :end] = -torch.inf
            logprobs[..., end + 1 :] = -torch.inf
        scores, flat = (totals[..., None] + logprobs).flatten(1).topk(2 * beams, dim=1)
        origin, token = flat // vocabulary, flat % vocabulary
        token_scores = logprobs.flatten(1).gather(1, flat)
        size = (step + 1) ** length_penalty
        ends = (token == end) & (scores > -torch.inf)
        for at, rank in ends.nonzero().tolist():
            if rank < beams:  # an end outside the beam is no candidate
                row = origin[at, rank]
                found = Hypothesis(
                    [*ids[at, row].tolist(), end],
                    [*steps[at, row].tolist(), token_scores[at, rank].item()],
                )
                finished[alive[at]].append((scores[at, rank].item() / size, found))
        order = torch.where(token == end, -torch.inf, scores).topk(beams, dim=1).indices
        origin, token = origin.gather(1, order), token.gather(1, order)
        totals = torch.where(token == end, -torch.inf, scores.gather(1, order))
        token_scores = token_scores.gather(1, order)
        cache.reorder(origin)
        ids = torch.cat([ids.gather(1, origin[..., None].expand_as(ids)), token[..., None]], 2)
        steps = torch.cat(
            [steps.gather(1, origin[..., None].expand_as(steps)), token_scores[..., None]], 2
        )
        tokens = token[..., None]
        running = []
        for at, text in enumerate(alive):
            best = sorted((score for score, _ in finished[text]), reverse=True)[:beams]
            # Log p only falls; dividing it by the longest length gives the most it can reach.
            reach = totals[at, 0].item() / (limits.longest + 1) ** length_penalty
            if len(best) < beams or reach > best[-1]:
                running.append(at)
        if len(running) < len(alive):
            alive = [alive[at] for at in running]
            kept = torch.tensor(running, dtype=torch.long, device=device)
            memory, cache = memory.select(kept), cache.select(kept)
            ids, steps, totals, tokens = ids[kept], steps[kept], totals[kept], tokens[kept]
        if not alive:
            break
    ranked = (sorted(found, key=lambda item: (-item[0], item[1].ids)) for found in finished)
    return [[hypothesis for _, hypothesis in found[:keep]] for found in ranked]
