"""Which optimizer trains? torch's AdamW, without what it imports for torch's compiler.

Compiling wraps the optimizer's methods, and the first call imports `torch._dynamo`: three seconds
in each training process for something that nothing here uses. `inspect.unwrap` takes a method as it
was written; where nothing wraps it, it stays what it is.
"""

import inspect

import torch
from torch.optim import AdamW, Optimizer


class PlainAdamW(AdamW):
    """`torch.optim.AdamW`, bit by bit."""

    add_param_group = inspect.unwrap(Optimizer.add_param_group)
    zero_grad = inspect.unwrap(Optimizer.zero_grad)
    state_dict = inspect.unwrap(Optimizer.state_dict)
    load_state_dict = inspect.unwrap(Optimizer.load_state_dict)
    step = torch.no_grad()(inspect.unwrap(AdamW.step))
