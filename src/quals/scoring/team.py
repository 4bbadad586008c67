"""Who else scores this input? The processes that a launcher started, seen through accelerate."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

# torchrun and `accelerate launch --multi_gpu` set the first, MPI launchers the others.
SIZES = ("WORLD_SIZE", "OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "MV2_COMM_WORLD_SIZE")
# A process waits for the slowest one, and a chunk of a large model may take hours.
PATIENCE = timedelta(days=30)


@dataclass(frozen=True)
class Team:
    """Process `rank` of `size`, `local_size` of them on this machine."""

    rank: int
    size: int
    local_size: int
    wait: Callable[[], None]

    @property
    def leads(self) -> bool:
        return self.rank == 0

    def has(self, chunk: int) -> bool:
        """Whether a chunk is this process's to score: they take turns."""
        return chunk % self.size == self.rank


def is_alone() -> bool:
    """Whether no launcher started other processes beside this one."""
    return all(os.environ.get(name, "1") == "1" for name in SIZES)


def join() -> Team:
    """The team of this process; alone, it costs nothing."""
    if is_alone():
        return Team(0, 1, 1, lambda: None)
    from accelerate import PartialState

    # cpu: the processes only wait for each other, whatever they compute on.
    state = PartialState(cpu=True, timeout=PATIENCE)
    local = int(os.environ.get("LOCAL_WORLD_SIZE", state.num_processes))
    return Team(state.process_index, state.num_processes, local, state.wait_for_everyone)
