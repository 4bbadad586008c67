"""The optimizer is torch's own, and training does not import what only compiling needs."""

import copy
import subprocess
import sys

import torch

from quals.training.optimizer import PlainAdamW

SETTINGS = {"lr": 0.1, "betas": (0.9, 0.98), "weight_decay": 0.01, "fused": True}


def trained(optimizer_class, model, steps):
    """The weights after each step; the optimizer's state goes through a copy half-way."""
    model = copy.deepcopy(model)
    optimizer = optimizer_class(model.parameters(), **SETTINGS)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1 / (step + 1))
    found = []
    for step in range(steps):
        if step == steps // 2:
            state = copy.deepcopy(optimizer.state_dict())
            optimizer = optimizer_class(model.parameters(), **SETTINGS)
            optimizer.load_state_dict(state)
            schedule.optimizer = optimizer
        model(torch.ones(2, 4)).square().sum().backward()
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
        found.append(torch.cat([p.detach().flatten() for p in model.parameters()]))
    return torch.stack(found)


def test_weights_are_those_of_torchs_adamw_bit_by_bit():
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(4, 5), torch.nn.Tanh(), torch.nn.Linear(5, 3))
    mine, torchs = (trained(kind, model, 8) for kind in (PlainAdamW, torch.optim.AdamW))
    assert torch.equal(mine, torchs)
    assert not torch.equal(mine[0], mine[-1])


def test_a_training_process_does_not_import_torchs_compiler():
    program = """
import sys, torch
from quals.training.loop import Optimisation, seed_everything, train
seed_everything(0)
settings = Optimisation(lr=.1, other_lr=.1, beta2=.9, warmup_steps=0, final_share=0.0,
                        weight_decay=.01, clip_norm=1.0)
model = torch.nn.Linear(2, 1)
train(model, [torch.ones(1, 2)] * 3, lambda model, batch: model(batch).square().sum(),
      steps=3, optimisation=settings, title="toy")
print("torch._dynamo" in sys.modules)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.split()[-1] == "False"
