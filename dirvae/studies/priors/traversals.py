"""This module compares two traversals of a run on simulated images: with the exact effect, and in what the published one moves.

It is gathered for the runs of a study whose `explain.cases` is above 0.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from dirvae.config import Config
from dirvae.explain import gallery, traversals
from dirvae.explain.gallery import Cases
from dirvae.metrics import counterfactual
from dirvae.studies.priors import flaws
from dirvae.studies.priors.flaw_effects import Traversals
from dirvae.training import runs, workdir
from dirvae.types import Simulator

SPLIT = "test"


def gather(directory: Path, simulator: Simulator | None, data_dir: Path | None = None) -> None:
    """evidence/traversals.npz, the fields of `Traversals`: every finding's true positives whose exact effect is known."""
    run = flaws.open_run(directory, data_dir)
    examples = runs.load_examples(run, SPLIT)
    towards = 1.0 if run.config.explain.direction == "add" else -1.0
    rank = jax.jit(lambda *values: traversals.harkness2023.ranks(run.model, *values, run.config.model.prior))
    parts = []
    for finding, made in gallery.traversed(run, examples, simulator):
        if made is not None and len(made.effect):
            count, column = len(made.index), run.labels.index(finding)
            ranks = rank(run.params, made.image, jnp.full(count, column), jnp.full(count, towards))
            patient = examples.split.table.patient[made.index]
            parts.append((patient, np.full(count, finding), *likeness(made, towards), np.asarray(ranks)))
    columns = [np.concatenate(column) for column in zip(*parts, strict=True)] if parts else _nothing()
    found = Traversals(*columns, components=np.int32(np.prod(run.model.latent.spec.event)))
    workdir.write_arrays(directory / "evidence" / "traversals.npz", found._asdict())


def likeness(made: Cases, towards: float) -> tuple[np.ndarray, np.ndarray]:
    """NCC [n] with the exact effect of what each path adds: the one on the manifold, the published one."""
    released = towards * (made.released[:, -1] - made.released[:, 0])
    first, second = (
        np.nan_to_num(counterfactual.ncc(drawn[..., 0], made.effect)).astype(np.float32)
        for drawn in (made.difference, released)
    )
    return first, second


def complete(directory: Path, config: Config, simulator: Simulator | None) -> bool:
    """Tells whether there is nothing left to gather."""
    return simulator is None or config.explain.cases == 0 or (directory / "evidence" / "traversals.npz").exists()


def load(done: Mapping[str, Sequence[Path]]) -> dict[str, Traversals]:
    """The cases of all runs of each arm that has any."""
    found = {}
    for arm, directories in done.items():
        paths = [path for where in directories if (path := where / "evidence" / "traversals.npz").exists()]
        each = []
        for path in paths:
            with np.load(path) as arrays:
                each.append(Traversals(**{name: arrays[name] for name in Traversals._fields}))
        if sum(len(one.patient) for one in each):
            columns = [np.concatenate(column) for column in zip(*(one[:-1] for one in each), strict=True)]
            found[arm] = Traversals(*columns, components=each[0].components)
    return found


def _nothing() -> list[np.ndarray]:
    return [np.zeros(0, "U1"), np.zeros(0, "U1"), np.zeros(0), np.zeros(0), np.zeros((0, 3), np.int32)]
