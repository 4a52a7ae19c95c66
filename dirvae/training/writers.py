"""Metrics to a JSONL file and to TensorBoard event files, without TensorFlow."""

import json
import math
from collections.abc import Mapping
from pathlib import Path


class MetricWriter:
    """Appends rows {"step", "split", name: value} to `metrics.jsonl` and scalars to `tensorboard/`.

    Rows beyond `resume_step` (of a run that was killed after its last checkpoint) are dropped first, so that a resumed
    run leaves the same file as an uninterrupted one.
    """

    def __init__(self, workdir: Path, resume_step: int = 0):
        from tensorboardX import SummaryWriter  # here, since it imports all of PyTorch where that is installed

        self._path = Path(workdir) / "metrics.jsonl"
        kept = [row for row in read_metrics(workdir) if row["step"] <= resume_step]
        partial = self._path.with_suffix(".partial")
        partial.write_text("".join(json.dumps(row) + "\n" for row in kept))
        partial.replace(self._path)
        self._file = self._path.open("a")
        self._events = SummaryWriter(str(Path(workdir) / "tensorboard"), purge_step=resume_step + 1)

    def write(self, step: int, split: str, scalars: Mapping[str, float]) -> None:
        row = {name: float(value) if math.isfinite(value) else None for name, value in scalars.items()}
        self._file.write(json.dumps({"step": step, "split": split, **row}) + "\n")
        self._file.flush()
        for name, value in scalars.items():
            self._events.add_scalar(f"{split}/{name}", float(value), step)

    def close(self) -> None:
        self._file.close()
        self._events.close()


def read_metrics(workdir: Path) -> list[dict]:
    """The rows of a workdir's `metrics.jsonl`; an unfinished last line is ignored."""
    path = Path(workdir) / "metrics.jsonl"
    rows = []
    for line in path.read_text().splitlines() if path.exists() else []:
        try:
            rows.append(json.loads(line))
        except json.JSONDecodeError:
            continue
    return rows
