"""How are many texts encoded? In batches of like length, each text once."""

from collections.abc import Iterator

import torch
from tqdm import tqdm

from quals.models.device import device_of
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
    device = device_of(model)
    progress = tqdm(total=len(order), desc=title, unit="text", delay=5, leave=False)
    for chosen in _batches(order, sources, shapes, size, budget):
        ids, mask = pad([sources[i] for i in chosen], model.config.pad_token_id, device)
        with torch.inference_mode():
            memory = model.read(ids, mask)
        yield chosen, memory
        progress.update(len(chosen))
    progress.close()


def _batches(
    order: list[int],
    sources: list[list[int]],
    targets: list[tuple[int, int]],
    size: int | None,
    budget: int | None,
) -> Iterator[list[int]]:
    """Consecutive parts of `order`, each as long as the limits allow and never empty."""
    chosen: list[int] = []
    widest = (0, 0, 0)
    for i in order:
        grown = tuple(map(max, widest, (len(sources[i]), *targets[i])))
        source, rows, longest = grown
        count = len(chosen) + 1
        over = budget is not None and count * max(source, rows * longest) > budget
        if chosen and (over or (size is not None and count > size)):
            yield chosen
            chosen, grown = [], (len(sources[i]), *targets[i])
        chosen.append(i)
        widest = grown
    if chosen:
        yield chosen
