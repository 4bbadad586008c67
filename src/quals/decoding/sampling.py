"""Top-k sampling: the candidates from which S- is chosen."""

import torch

from quals.decoding.sequences import Limits
from quals.models.interface import ConditionalModel, Memory


@torch.inference_mode()
def sample(
    model: ConditionalModel,
    memory: Memory,
    *,
    samples: int,
    top_k: int,
    limits: Limits,
    generator: torch.Generator,
) -> list[list[list[int]]]:
    """`samples` independent targets for each text, as token ids with the end token.

    Chance is drawn where `generator` is, so that one on the CPU draws the same for every device.
    """
    config, texts, device = model.config, memory.texts, memory.device
    cache = model.new_cache(texts, samples, limits.longest + 1)
    tokens = torch.full((texts, samples, 1), config.decoder_start_token_id, device=device)
    chosen: list[torch.Tensor] = []
    done = torch.zeros(texts, samples, dtype=torch.bool, device=device)
    for step in range(limits.longest + 1):
        logits = model.logits(model.decode(tokens, memory, cache)[:, :, 0]).float()
        if step < limits.shortest:
            logits[..., config.eos_token_id] = -torch.inf
        values, candidates = logits.topk(min(top_k, config.vocab_size), dim=-1)
        # Gumbel's trick: the largest of logits plus noise is a draw from the softmax.
        noise = torch.rand(values.shape, generator=generator, device=generator.device)
        noise = noise.to(device).clamp(min=1e-20).log_().neg_()
        picked = candidates.gather(-1, (values - noise.log()).argmax(-1, keepdim=True))[..., 0]
        if step == limits.longest:
            picked = torch.full_like(picked, config.eos_token_id)
        picked = torch.where(done, config.pad_token_id, picked)
        chosen.append(picked)
        done |= picked == config.eos_token_id
        tokens = picked[..., None]
        if done.all():
            break
    rows = torch.stack(chosen, dim=-1).tolist()
    return [[row[: row.index(config.eos_token_id) + 1] for row in group] for group in rows]
