"""Which dtype and how many threads? Chosen when a run starts, each with its reason."""

import os
import platform
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path

DTYPES = ("float32", "bfloat16")
# What the kernel calls the units that multiply bfloat16 matrices (x86, x86, ARM).
_TILES, _VECTORS, _ARM = "amx_bf16", "avx512_bf16", "bf16"


@dataclass(frozen=True)
class Choice:
    """A setting of this run and why it has its value."""

    value: str | int
    reason: str

    def __str__(self) -> str:
        return f"{self.value} ({self.reason})"


def choose_dtype(asked: str = "auto") -> Choice:
    """float32 wherever no unit makes bfloat16 faster: then it is slower and less exact."""
    if asked != "auto":
        return Choice(asked, "--dtype")
    if _device() == "cuda":
        return _choose_on_gpu()
    units = cpu_flags() & {_TILES, _VECTORS, _ARM}
    if not units:
        return Choice("float32", "the CPU has no bfloat16 units")
    # On Xeons whose tiles a virtual machine hides, products took twice as long as in float32.
    if units == {_VECTORS} and _is_intel():
        return Choice("float32", f"this CPU's {_VECTORS} is slower than its float32")
    return Choice("bfloat16", f"the CPU multiplies it: {min(units)}; --dtype float32 is exact")


def _choose_on_gpu() -> Choice:
    import torch

    # Emulated bfloat16 would be slower than float32.
    if torch.cuda.is_bf16_supported(including_emulation=False):
        return Choice("bfloat16", "the GPU multiplies it; --dtype float32 is exact")
    return Choice("float32", "the GPU has no bfloat16 units")


def choose_threads(asked: int | None = None, *, processes: int = 1) -> Choice:
    """The cores that this process may use, shared among `processes` on this machine."""
    if asked is not None:
        return Choice(asked, "--threads")
    from_environment = os.environ.get("OMP_NUM_THREADS", "")
    if from_environment.isdigit() and int(from_environment) > 0:
        return Choice(int(from_environment), "OMP_NUM_THREADS")
    cores = usable_cores()
    if processes > 1:
        return Choice(max(1, cores // processes), f"{cores} cores for {processes} processes")
    return Choice(cores, "all cores that this process may use")


def usable_cores() -> int:
    """Cores by affinity, and no more than a container's quota."""
    if hasattr(os, "sched_getaffinity"):
        cores = len(os.sched_getaffinity(0))
    else:
        cores = os.cpu_count() or 1
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text(encoding="ascii").split()
        return max(1, min(cores, round(int(quota) / int(period))))
    except (OSError, ValueError):  # no such file, or "max"
        return cores


def cpu_flags() -> set[str]:
    """What the kernel says that the CPU can; empty where there is no /proc/cpuinfo."""
    return set(_cpuinfo("flags", "Features").split())


def cpu_name() -> str:
    return _cpuinfo("model name") or platform.processor() or platform.machine()


def _is_intel() -> bool:
    return _cpuinfo("vendor_id") == "GenuineIntel"


def _cpuinfo(*names: str) -> str:
    """The first line of /proc/cpuinfo that is called one of `names`; empty where there is none."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
            for line in file:
                name, _, value = line.partition(":")
                if name.strip() in names:
                    return value.strip()
    except OSError:
        pass
    return ""


def precision(dtype: str) -> AbstractContextManager:
    """Where matrix products are computed in `dtype`; weights and softmax stay in float32."""
    if dtype == "float32":
        return nullcontext()
    import torch

    return torch.autocast(_device(), dtype=getattr(torch, dtype))


def _device() -> str:
    from quals.models.device import home  # torch takes a second to import

    return home().type
