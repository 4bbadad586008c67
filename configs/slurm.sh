#!/bin/bash
# One training or scoring on the GPUs of several machines:
#   sbatch configs/slurm.sh -m quals.stages.train_mle --params scales/paper.yaml ...
# Put back in the queue, it goes on from its last checkpoint (`hardware.checkpoint_every`).
#SBATCH --job-name=quals
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=1
#SBATCH --gpus-per-node=8
#SBATCH --cpus-per-task=32
#SBATCH --time=24:00:00
#SBATCH --requeue
#SBATCH --open-mode=append
set -euo pipefail

export QUALS_CHECKPOINTS="${QUALS_CHECKPOINTS:-$PWD/.checkpoints}" # all machines must see it
export QUALS_MAIN="$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)"
export QUALS_PROCESSES="$((SLURM_NNODES * SLURM_GPUS_ON_NODE))"

# SLURM_NODEID differs from machine to machine: it is read there.
srun bash -c 'exec accelerate launch --config_file configs/many_nodes.yaml \
  --num_machines "$SLURM_NNODES" --num_processes "$QUALS_PROCESSES" \
  --machine_rank "$SLURM_NODEID" --main_process_ip "$QUALS_MAIN" "$@"' bash "$@"
