"""The launchers' files: accelerate reads them, and SLURM's script starts what it says."""

import os
import subprocess
from pathlib import Path

import pytest
from pipeline import ROOT

CONFIGS = ROOT / "configs"
DOCS = (ROOT / "docs/distributed.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("name", "processes", "machines", "kind"),
    [("one_gpu", 1, 1, "NO"), ("many_gpus", 8, 1, "MULTI_GPU"), ("many_nodes", 16, 2, "MULTI_GPU")],
)
def test_accelerate_reads_its_files(name, processes, machines, kind):
    from accelerate.commands.config.config_args import load_config_from_file

    found = load_config_from_file(str(CONFIGS / f"{name}.yaml"))
    assert (found.num_processes, found.num_machines) == (processes, machines)
    assert found.distributed_type.value == kind
    assert found.mixed_precision == "no"
    assert not found.use_cpu


def test_every_file_has_its_place_in_the_docs():
    for path in CONFIGS.iterdir():
        assert f"configs/{path.name}" in DOCS, path.name


def stub(folder: Path, name: str, script: str) -> None:
    path = folder / name
    path.write_text(f"#!/bin/bash\n{script}\n", encoding="utf-8")
    path.chmod(0o755)


def test_slurm_starts_every_machine_with_its_own_rank(tmp_path):
    from accelerate.commands.launch import launch_command_parser

    stub(tmp_path, "scontrol", "echo node-a; echo node-b")
    stub(tmp_path, "srun", 'for n in 0 1; do SLURM_NODEID=$n "$@"; done')
    stub(tmp_path, "accelerate", r'printf "%s\0" "$@"; echo')
    environment = {
        **os.environ,
        "PATH": f"{tmp_path}:{os.environ['PATH']}",
        "SLURM_JOB_NODELIST": "node-[a-b]",
        "SLURM_NNODES": "2",
        "SLURM_GPUS_ON_NODE": "4",
    }
    work = ["-m", "quals.stages.train_mle", "--params", "a scale.yaml"]
    found = subprocess.run(
        [CONFIGS / "slurm.sh", *work],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    starts = [line.split("\0")[:-1] for line in found.stdout.splitlines()]
    assert len(starts) == 2
    for rank, (command, *arguments) in enumerate(starts):
        assert command == "launch"
        asked = launch_command_parser().parse_args(arguments)
        assert (asked.machine_rank, asked.num_machines, asked.num_processes) == (rank, 2, 8)
        assert asked.main_process_ip == "node-a"
        assert (ROOT / asked.config_file).is_file()
        assert asked.module
        assert [asked.training_script, *asked.training_script_args] == work[1:]


def test_on_the_cpu_alone_accelerate_starts_one_process(monkeypatch):
    """The docs say so, and have torchrun start several."""
    from accelerate.commands import launch

    called = []
    for name in ("simple_launcher", "multi_gpu_launcher"):
        monkeypatch.setattr(launch, name, lambda _, name=name: called.append(name))
    asked = ["--config_file", str(CONFIGS / "many_gpus.yaml"), "--num_processes", "2", "x.py"]
    for more in ([], ["--cpu"]):
        launch.launch_command(launch.launch_command_parser().parse_args([*more, *asked]))
    assert called == ["multi_gpu_launcher", "simple_launcher"]


def test_every_command_of_the_docs_starts_as_accelerate_reads_it():
    from accelerate.commands.launch import launch_command_parser

    text = DOCS.replace("\\\n", " ")
    starts = [line for line in text.splitlines() if "accelerate launch " in line]
    starts = [line for line in starts if line.startswith(("accelerate ", "torchrun "))]
    assert len(starts) >= 4
    for line in starts:
        asked = launch_command_parser().parse_args(line.partition("accelerate launch ")[2].split())
        assert (ROOT / asked.config_file).is_file(), line
        assert asked.module
        module = asked.training_script.replace(".", "/")
        paths = [ROOT / f"src/{module}.py", ROOT / f"src/{module}/__main__.py"]
        assert any(path.is_file() for path in paths), line
