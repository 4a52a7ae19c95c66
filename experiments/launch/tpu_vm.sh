#!/usr/bin/env bash
# One run on all hosts of a TPU VM slice:
#   experiments/launch/tpu_vm.sh NAME ZONE --prior=dirichlet --preset=paper --raw_dir=/data/CheXpert-v1.0 --workdir=/data/runs/paper
set -euo pipefail
name=$1 zone=$2
shift 2
gcloud compute tpus tpu-vm ssh "$name" --zone="$zone" --worker=all \
  --command="cd dirvae && pip install -q -e '.[tpu]' && python -m experiments.run --distributed $(printf '%q ' "$@")"
