"""What should the engine find? QUALS as the paper tells it: plain loops, everything computed anew.

`NextLogprobs` gives log p [V] of every token after a prefix of a target about a text. The tests
hold the engine against this, and the benchmark takes its decoding as the slowest way.
"""

from collections.abc import Callable

import torch
from torch import Tensor

NextLogprobs = Callable[[list[int], list[int]], Tensor]


def forced_logprobs(next_logprobs: NextLogprobs, text: list[int], target: list[int]) -> list[float]:
    """Log p of each token of a target, by one full pass per token."""
    return [next_logprobs(text, target[:at])[token].item() for at, token in enumerate(target)]


def diverse(
    next_logprobs: NextLogprobs,
    text: list[int],
    *,
    end: int,
    groups: int,
    strength: float,
    shortest: int,
    longest: int,
) -> list[list[int]]:
    """Textbook diverse decoding with one beam per group; the lowest id wins a tie."""
    prefixes: list[list[int]] = [[] for _ in range(groups)]
    for step in range(longest + 1):
        chosen: list[int] = []
        for prefix in prefixes:
            if prefix[-1:] == [end]:
                continue
            if step == longest:
                prefix.append(end)
                continue
            scores = next_logprobs(text, prefix).to(torch.float64, copy=True)
            for token in chosen:
                scores[token] -= strength
            if step < shortest:
                scores[end] = -torch.inf
            best = int(scores.argmax())
            prefix.append(best)
            chosen.append(best)
    return prefixes


def quals(next_logprobs: NextLogprobs, metric, document: str, summary: str):
    """Pairs (question, answer, mean log p under summary, under document), and their score.

    The texts must be words between single spaces and nothing else.
    """
    tokenizer, chosen = metric.tokenizer, metric.settings
    from_summary = tokenizer.encode([summary])[0][: chosen.max_source_tokens]
    from_document = tokenizer.encode([document])[0][: chosen.max_source_tokens]
    pairs = []
    for ids in diverse(
        next_logprobs,
        from_summary,
        end=metric.model.config.eos_token_id,
        groups=chosen.groups,
        strength=chosen.diversity_strength,
        shortest=chosen.shortest,
        longest=chosen.longest,
    ):
        if ids.count(metric.separator) != 1:
            continue
        at = ids.index(metric.separator)
        question, answer = tokenizer.decode([ids[:at], ids[at + 1 : -1]])
        if question and answer and f" {answer} ".lower() in f" {summary} ".lower():
            logprobs = forced_logprobs(next_logprobs, from_summary, ids)
            pairs.append((question, answer, ids, logprobs))
    pairs.sort(key=lambda pair: (-sum(pair[3]), pair[2]))
    queues: dict[str, list] = {}
    for pair in pairs:
        queue = queues.setdefault(pair[1].lower(), [])
        if pair[0].lower() not in [other[0].lower() for other in queue]:
            queue.append(pair)
    kept = []
    while any(queues.values()) and len(kept) < chosen.max_pairs:
        for queue in queues.values():
            if queue and len(kept) < chosen.max_pairs:
                kept.append(queue.pop(0))
    scored = []
    for question, answer, ids, logprobs in kept:
        under_document = forced_logprobs(next_logprobs, from_document, ids)
        size = len(ids)
        scored.append((question, answer, sum(logprobs) / size, sum(under_document) / size))
    if not scored:
        return [], None
    return scored, sum(d - s for _, _, s, d in scored) / len(scored)
