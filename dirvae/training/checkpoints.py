"""Orbax checkpoints of the whole training state: the latest two and the best, written in the background.

Each checkpoint holds the state (as host arrays, so that it restores on any number of devices) and the validation scores
of its step. Data order and random numbers are functions of seed and step, so nothing else is needed to resume exactly.
"""

import json
import warnings
from collections.abc import Mapping
from pathlib import Path

import jax
import numpy as np
import orbax.checkpoint as ocp
from orbax.checkpoint import checkpoint_managers

from dirvae.types import PyTree


class CheckpointError(ValueError):
    """No checkpoint could be read; the message says where and why."""


class Checkpoints:
    """The checkpoints of one run in `directory`, ranked by the validation score `select_by` (higher is better)."""

    def __init__(self, directory: Path, select_by: str):
        score = lambda metrics: metrics.get(select_by, -np.inf)  # noqa: E731
        keep = checkpoint_managers.AnyPreservationPolicy(
            [
                checkpoint_managers.LatestN(n=2),
                checkpoint_managers.BestN(n=1, get_metric_fn=score, keep_checkpoints_without_metrics=False),
            ]
        )
        self.directory, self.select_by = Path(directory).absolute(), select_by
        _forget_damaged_scores(self.directory)
        self._manager = ocp.CheckpointManager(
            self.directory, options=ocp.CheckpointManagerOptions(preservation_policy=keep, best_fn=score)
        )

    def save(self, step: int, state: PyTree, scores: Mapping[str, float]) -> None:
        """Starts writing; returns once the state has been copied. Non-finite scores are left out of the ranking."""
        finite = {name: float(value) for name, value in scores.items() if np.isfinite(value)}
        self._manager.save(step, args=ocp.args.StandardSave(state), metrics=finite)

    def latest_step(self) -> int | None:
        return self._manager.latest_step()

    def best_step(self) -> int | None:
        return self._manager.best_step()

    def scores(self, step: int) -> Mapping[str, float]:
        return self._manager.metrics(step) or {}

    def restore_latest(self, template: PyTree) -> tuple[int, PyTree] | None:
        """(step, state) of the newest checkpoint that can be read, None where there is none at all.

        A checkpoint that cannot be read is passed over with a warning, and deleted so that its step can be saved again.

        Raises:
          CheckpointError: when checkpoints exist but none can be read.
        """
        steps = sorted(self._manager.all_steps(), reverse=True)
        for step in steps:
            try:
                state = self.restore(step, template)
            except CheckpointError as error:
                warnings.warn(f"{error}; falling back to the checkpoint before it", stacklevel=2)
                continue
            for newer in (s for s in steps if s > step):
                self._manager.delete(newer)
            return step, state
        if steps:
            raise CheckpointError(
                f"none of the checkpoints in {self.directory} can be read; remove the folder to start anew"
            )
        return None

    def restore(self, step: int, template: PyTree) -> PyTree:
        """The state of one step, as host arrays shaped like `template`.

        Raises:
          CheckpointError: when it is missing, damaged, or of another model.
        """
        # Host arrays come back as they were stored; a template of abstract shapes would silently be padded to.
        template = jax.tree.map(np.asarray, template)
        try:
            restored = jax.tree.map(np.asarray, self._manager.restore(step, args=ocp.args.StandardRestore(template)))
        except Exception as error:  # Orbax and TensorStore raise many kinds; each means that this step cannot be used
            reason = str(error).strip().splitlines()[0][:200] if str(error).strip() else type(error).__name__
            raise CheckpointError(
                f"the checkpoint of step {step} in {self.directory} cannot be read ({reason})"
            ) from error
        for (path, wanted), stored in zip(jax.tree.leaves_with_path(template), jax.tree.leaves(restored), strict=True):
            if (wanted.shape, wanted.dtype) != (stored.shape, stored.dtype):
                raise CheckpointError(
                    f"the checkpoint of step {step} in {self.directory} is of another model: {jax.tree_util.keystr(path)} "
                    f"is {stored.dtype}{list(stored.shape)} there and {wanted.dtype}{list(wanted.shape)} here"
                )
        return restored

    def wait(self) -> None:
        """Until everything is on disk."""
        self._manager.wait_until_finished()

    def close(self) -> None:
        self._manager.close()


def _forget_damaged_scores(directory: Path) -> None:
    """Scores that are not JSON would keep Orbax from opening any checkpoint; without them a step is merely unranked."""
    for file in directory.glob("*/metrics/metrics"):
        try:
            json.loads(file.read_bytes())
        except ValueError:
            warnings.warn(f"{file} is damaged; its step does not compete for the best", stacklevel=3)
            file.write_text("{}")
