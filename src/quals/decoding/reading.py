"""How are many texts encoded? In batches of like length, each text once."""

from collections.abc import Iterator

import torch
from tqdm import tqdm

from quals.models.interface import ConditionalModel, Memory
from quals.models.tokenizer import pad


def read_in_batches(
    model: ConditionalModel, sources: list[list[int]], *, size: int, title: str
) -> Iterator[tuple[list[int], Memory]]:
    """Indices and memory of at most `size` texts at a time, under a progress bar.

    Padding is masked, so that a text's memory does not depend on its company; texts of like length
    meet only because that wastes less.
    """
    order = sorted(range(len(sources)), key=lambda i: (len(sources[i]), sources[i], i))
    progress = tqdm(total=len(order), desc=title, unit="text", delay=5, leave=False)
    for start in range(0, len(order), size):
        chosen = order[start : start + size]
        ids, mask = pad([sources[i] for i in chosen], model.config.pad_token_id)
        with torch.inference_mode():
            memory = model.read(ids, mask)
        yield chosen, memory
        progress.update(len(chosen))
    progress.close()
