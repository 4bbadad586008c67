"""How are two processes started? As docs/distributed.md says, on the CPU of this machine."""

import sys
from pathlib import Path

from pipeline import ROOT

_BIN, _CONFIGS = Path(sys.executable).parent, ROOT / "configs"
_LAUNCH = f"{_BIN}/accelerate", "launch"
# `accelerate launch --cpu` starts one process whatever it is told, and torchrun two of those.
_TWICE = f"{_BIN}/torchrun", "--standalone", "--nproc-per-node", "2", "--no-python"
ON_CPUS = [*_TWICE, *_LAUNCH, "--cpu", "--config_file", f"{_CONFIGS}/one_gpu.yaml"]
AS_ON_GPUS = [*_LAUNCH, "--config_file", f"{_CONFIGS}/many_gpus.yaml", "--num_processes", "2"]
WAYS = {"--cpu": ON_CPUS, "as on GPUs": AS_ON_GPUS}
