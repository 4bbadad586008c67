"""Who else trains this model? The processes that a launcher started, seen through accelerate.

All take the same steps over the same batches, each with its share, and add up their gradients.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from quals.models.device import home
from quals.scoring.team import PATIENCE, is_alone

AT_ONCE = 2**25  # values that are sent together: 128 MB


@dataclass(frozen=True)
class Processes:
    """This is process `rank` of `size`; it computes on `device`."""

    rank: int
    size: int
    device: torch.device

    @property
    def leads(self) -> bool:
        return self.rank == 0

    def total(self, model: nn.Module, value: Tensor | None) -> Tensor:
        """The sum of all processes' values; gradients become sums, too.

        A parameter that no process has a gradient for keeps none: the optimiser passes over it.
        """
        value = torch.zeros((), device=self.device) if value is None else value
        if self.size == 1:
            return value
        trained = [p for p in model.parameters() if p.requires_grad]
        found = torch.tensor([float(p.grad is not None) for p in trained], device=self.device)
        sums = torch.cat([value.float().view(1), found])
        torch.distributed.all_reduce(sums)
        reached = [p for p, count in zip(trained, sums[1:].tolist(), strict=True) if count]
        for parameter in reached:
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
        for group in _grouped([p.grad for p in reached]):
            flat = torch.cat([grad.flatten() for grad in group])
            torch.distributed.all_reduce(flat)
            for grad, summed in zip(group, flat.split([g.numel() for g in group]), strict=True):
                grad.copy_(summed.view_as(grad))
        return sums[0]

    def gather(self, value: Tensor) -> Tensor:
        """The values [W, ...] of all processes, on the CPU."""
        if self.size == 1:
            return value.cpu()[None]
        value = value.to(self.device)
        found = [torch.empty_like(value) for _ in range(self.size)]
        torch.distributed.all_gather(found, value)
        return torch.stack(found).cpu()

    def align(self, model: nn.Module) -> None:
        """Every process begins with the first one's values and with random numbers of its own."""
        if self.size == 1:
            return
        with torch.no_grad():
            for tensor in model.state_dict().values():
                torch.distributed.broadcast(tensor, 0)
        torch.manual_seed(torch.initial_seed() + self.rank)

    def wait(self) -> None:
        """Until all are here."""
        if self.size > 1:
            torch.distributed.barrier()


def join() -> Processes:
    """The processes of this training; alone, it costs nothing."""
    if is_alone():
        return Processes(0, 1, home())
    from accelerate import PartialState

    # Patience, because one process measures and writes a model while the others wait for it.
    state = PartialState(cpu=home().type == "cpu", timeout=PATIENCE)
    return Processes(state.process_index, state.num_processes, state.device)


def _grouped(tensors: Iterable[Tensor]) -> Iterator[list[Tensor]]:
    """Consecutive tensors of one dtype, `AT_ONCE` values at a time but for larger ones."""
    group: list[Tensor] = []
    size = 0
    for tensor in tensors:
        if group and (size + tensor.numel() > AT_ONCE or tensor.dtype != group[0].dtype):
            yield group
            group, size = [], 0
        group.append(tensor)
        size += tensor.numel()
    if group:
        yield group
