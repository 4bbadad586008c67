"""How are many texts encoded? In batches of like length, each text once."""

from collections.abc import Iterator

import torch
from tqdm import tqdm

from quals.models.interface import ConditionalModel, Memory
from quals.models.tokenizer import pad


def read_in_batches(
    model: ConditionalModel,
    sources: list[list[int]],
    *,
    title: str,
    size: int | None = None,
    targets: list[tuple[int, int]] | None = None,
    budget: int | None = None,
) -> Iterator[tuple[list[int], Memory]]:
    """Indices and memory of some of the texts at a time, under a progress bar.

    A batch is at most `size` texts, or as many as keep both their own tokens and their target
    tokens, padding included, within `budget`; `targets` are the rows and longest row of each text.
    Padding is masked, so that a text's memory does not depend on its company; texts of like length
    meet only because that wastes less.
    """
    shapes = [(0, 0)] * len(sources) if targets is None else targets
    order = sorted(range(len(sources)), key=lambda i: (len(sources[i]), shapes[i], sources[i], i))
    progress = tqdm(total=len(order), desc=title, unit="text", delay=5, leave=False)
    start = 0
    while start < len(order):
        end = start + 1
        while end < len(order) and _fits(order[start : end + 1], sources, shapes, size, budget):
            end += 1
        chosen = order[start:end]
        ids, mask = pad([sources[i] for i in chosen], model.config.pad_token_id)
        with torch.inference_mode():
            memory = model.read(ids, mask)
        yield chosen, memory
        progress.update(len(chosen))
        start = end
    progress.close()


def _fits(
    chosen: list[int],
    sources: list[list[int]],
    targets: list[tuple[int, int]],
    size: int | None,
    budget: int | None,
) -> bool:
    if size is not None and len(chosen) > size:
        return False
    if budget is None:
        return True
    source = max(len(sources[i]) for i in chosen)
    rows, longest = (max(sizes) for sizes in zip(*(targets[i] for i in chosen), strict=True))
    return len(chosen) * max(source, rows * longest) <= budget
