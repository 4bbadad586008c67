"""A training in a process of its own, for tests that kill it or start two of it."""

import argparse
import random
import time
from pathlib import Path

import torch
from safetensors.torch import save_file

from quals.models.t5 import T5, T5Config
from quals.training.batches import Example, collate, epochs
from quals.training.contrast import contrastive_loss
from quals.training.loop import Optimisation, seed_everything, train
from quals.training.parts import Mean, Pieces
from quals.training.pretrained import steps_of_parts, token_parts
from quals.training.processes import join
from quals.training.qa import likelihood_of
from quals.training.running import ALONE, PLAIN, Running

STEPS, EVERY = 12, 3


def main(given: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--slow", type=float, default=0.0, help="seconds for each step")
    parser.add_argument(
        "--tokens", type=int, default=0, help="of a piece of a batch; 0: seven rows"
    )
    parser.add_argument("--loss", default="likelihood")
    arguments = parser.parse_args(given)
    torch.set_num_threads(1)  # as all tests do
    seed_everything(0)
    shape = {"d_model": 16, "d_kv": 6, "d_ff": 24, "num_heads": 2, "vocab_size": 12}
    layers = {"num_layers": 1, "num_decoder_layers": 1, "layer_norm_epsilon": 1e-6}
    places = {"relative_attention_num_buckets": 8, "relative_attention_max_distance": 12}
    ids = {"pad_token_id": 0, "eos_token_id": 1, "decoder_start_token_id": 0}
    model = T5(T5Config(**shape, **layers, **places, **ids))
    rng = random.Random(5)
    examples = [
        Example(
            [rng.randrange(4, 12) for _ in range(rng.randrange(1, 30))],
            [[rng.randrange(4, 12) for _ in range(rng.randrange(1, 9))] + [1] for _ in range(2)],
        )
        for _ in range(30)
    ]
    if arguments.tokens:
        cut = token_parts(examples, arguments.tokens)
        batches = steps_of_parts(cut, 3, random.Random(1)).map(
            lambda parts: Pieces([collate(part, 0) for part in parts])
        )
    else:
        batches = epochs(examples, 7, 0, random.Random(1))
    asked = likelihood_of
    if arguments.loss != "likelihood":
        asked = contrastive_loss(negative_tokens=arguments.loss, negative_weight=1.0)
    seen = {"parts": 0, "rows": 0}

    def loss(model, batch):
        seen["parts"] += 1
        seen["rows"] += len(batch.ids)
        time.sleep(arguments.slow)
        return asked(model, batch)

    running = ALONE
    if arguments.folder is not None:
        hardware = PLAIN.model_copy(update={"checkpoint_every": EVERY})
        running = Running(hardware, arguments.folder)
    losses = train(
        model,
        batches,
        Mean(loss, asked.count),
        steps=STEPS,
        optimisation=Optimisation(
            lr=3e-3,
            other_lr=3e-3,
            beta2=0.98,
            warmup_steps=2,
            final_share=0.0,
            weight_decay=0.01,
            clip_norm=1.0,
        ),
        title="a toy",
        running=running,
    )
    processes = join()
    if processes.leads:
        found = {name: value.contiguous() for name, value in model.state_dict().items()}
        found["losses"] = torch.tensor(losses, dtype=torch.float64)
        found["processes"] = torch.tensor(processes.size)
        found |= {name: torch.tensor(count) for name, count in seen.items()}
        save_file(found, arguments.out)


if __name__ == "__main__":
    main()
    # Threads of the group that still run at the end have aborted a process that had done its work.
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()
