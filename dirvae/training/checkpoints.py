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

        def score(metrics: Mapping[str, float]) -> float:
            return metrics.get(select_by, -np.inf)

        keep = checkpoint_managers.AnyPreservationPolicy(
            [
                checkpoint_managers.LatestN(n=2),
                checkpoint_managers.BestN(n=1, get_metric_fn=score, keep_checkpoints_without_metrics=False),
            ]
        )
        self.directory, self.select_by = Path(directory).absolute(), select_by
        _forget_damaged_scores(self.directory)
        self._manager = ocp.CheckpointManager(
            self.directory,
            item_handlers=ocp.StandardCheckpointHandler(),  # without it, what a step holds is not known before it is read
            options=ocp.CheckpointManagerOptions(preservation_policy=keep, best_fn=score),
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
        template = jax.tree.map(np.asarray, template)
        try:
            held = _arrays(self._manager.item_metadata(step))
            if not (difference := _difference(held, _arrays(template))):
                restored = self._manager.restore(step, args=ocp.args.StandardRestore(template))
                return jax.tree.map(np.asarray, restored)
        except Exception as error:  # Orbax and TensorStore raise many kinds; each means that this step cannot be used
            reason = str(error).strip().splitlines()[0][:200] if str(error).strip() else type(error).__name__
            raise CheckpointError(
                f"the checkpoint of step {step} in {self.directory} cannot be read ({reason})"
            ) from error
        raise CheckpointError(f"the checkpoint of step {step} in {self.directory} is of another model: {difference}")

    def wait(self) -> None:
        """Until everything is on disk."""
        self._manager.wait_until_finished()

    def close(self) -> None:
        self._manager.close()


Arrays = dict[str, tuple[tuple[int, ...], np.dtype]]
"""{an array's name, such as params/decoder/entrance/kernel: its shape and type}."""


def _arrays(tree: PyTree) -> Arrays:
    """The arrays of a state, or of what Orbax says of a stored one."""
    named = jax.tree_util.tree_leaves_with_path(tree)
    return {
        jax.tree_util.keystr(path, simple=True, separator="/"): (tuple(leaf.shape), np.dtype(leaf.dtype))
        for path, leaf in named
        if hasattr(leaf, "shape")
    }


def _difference(stored: Arrays, wanted: Arrays) -> str:
    """Says in what a stored state differs from the wanted one; nothing where they agree.

    Orbax compares shapes alone, and only where the names agree: it converts types without a word.
    """
    if missing := [name for name in wanted if name not in stored]:
        return f"it lacks {missing[0]}"
    if strange := [name for name in stored if name not in wanted]:
        return f"it holds {strange[0]}, which is not there here"
    for name, (shape, kind) in wanted.items():
        if stored[name] != (shape, kind):
            other_shape, other_kind = stored[name]
            return f"{name} is {other_kind}{list(other_shape)} there and {kind}{list(shape)} here"
    return ""


def _forget_damaged_scores(directory: Path) -> None:
    """Scores that are not JSON would keep Orbax from opening any checkpoint; without them a step is merely unranked."""
    for file in directory.glob("*/metrics/metrics"):
        try:
            json.loads(file.read_bytes())
        except ValueError:
            warnings.warn(f"{file} is damaged; its step does not compete for the best", stacklevel=3)
            file.write_text("{}")
