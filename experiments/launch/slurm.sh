#!/usr/bin/env bash
# One run on several GPU nodes: sbatch --nodes=2 --gpus-per-node=8 experiments/launch/slurm.sh --prior=dirichlet ...
#SBATCH --job-name=dirvae
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=16
#SBATCH --time=12:00:00
#SBATCH --requeue
set -euo pipefail
# JAX reads process count and addresses from Slurm's variables; a requeued job resumes in the same --workdir.
srun python -m experiments.run --distributed "$@"
