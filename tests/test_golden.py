"""Frozen numbers: a rearrangement of the code leaves them as they are, and a change of them is meant.

The files under tests/golden/ hold the first two training steps of every family and the end of a traversal, as they were before the
code got its present rooms, when both layouts gave the same bits on one machine. Compilers and processors round differently, so
they are compared to four digits here. `PYTHONPATH=. python tests/test_golden.py`, run in the project's folder, writes them anew.
"""

import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support.settings import plain

from dirvae.explain import traversals
from dirvae.latents.families import FAMILIES
from dirvae.training import parallel, runs, train
from dirvae.types import Batch

FOLDER = Path(__file__).parent / "golden"
LABELS = ("Cardiomegaly", "Edema", "Pneumothorax")
SMALL = {
    "image_size": 32,
    "first_stride": 2,
    "widths": (4, 8),
    "hidden": 16,
    "structure": "product",
    "groups": 4,
    "latents": 3,
    "batch_size": 4,
    "steps": 6,
}


def built(prior):
    """A configuration, its model and the state before the first step."""
    config = plain(SMALL, prior=prior)
    model = runs.build_model(config, LABELS)
    return config, model, train.initial_state(model, config)


def batch():
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (4, 32, 32, 1), dtype=np.uint8)
    target = (rng.random((4, len(LABELS))) > 0.5).astype(np.float32)
    return Batch(image, target, np.ones_like(target), np.ones(4, np.float32), np.arange(4, dtype=np.int32))


def first_steps(prior):
    """The scalars of the second step, and the norm of each network's parameters after it (the first step's rate is 0)."""
    config, model, state = built(prior)
    step = parallel.Spread(train.make_step(model, config), jax.devices()[:1], "pmap")
    after, _ = step(step.replicate(state), batch())
    after, scalars = map(step.fetch, step(after, batch()))
    norms = {f"norm of {name}": norm(tree) for name, tree in after.params.items()}
    return {name: float(value) for name, value in scalars.items()} | norms


def norm(tree):
    return float(np.sqrt(sum(np.sum(np.square(leaf, dtype=np.float64)) for leaf in jax.tree.leaves(tree))))


def path(prior):
    """Where a traversal of an untrained model ends: its length, the probability there, and the mean of the last frame."""
    _, model, state = built(prior)
    images = jnp.asarray(batch().image[:2], jnp.float32) / 255.0
    options = traversals.Options(steps=5, step_size=0.3, target_probability=0.999, stop="code")
    label, sign = jnp.array([0, 2]), jnp.array([1.0, -1.0])
    ends = traversals.on_manifold(model, state.params, images, label, sign, options)
    frame = ends.images[:, -1].mean(axis=(1, 2, 3))
    arrays = {"length": ends.distance[:, -1], "probability": ends.probability[:, -1], "frame": frame}
    return {name: np.asarray(values, np.float64).ravel().tolist() for name, values in arrays.items()}


MEASURES = {"first_steps": first_steps, "paths": path}


@pytest.mark.slow
@pytest.mark.parametrize("prior", FAMILIES)
@pytest.mark.parametrize("measure", MEASURES)
def test_frozen_numbers_are_as_they_were(measure, prior):
    frozen = json.loads((FOLDER / f"{measure}.json").read_text())[prior]
    values = MEASURES[measure](prior)
    assert values.keys() == frozen.keys()
    for name, value in values.items():
        np.testing.assert_allclose(value, frozen[name], rtol=1e-4, atol=1e-6, err_msg=name)


def write():
    for name, measure in MEASURES.items():
        frozen = {prior: measure(prior) for prior in FAMILIES}
        (FOLDER / f"{name}.json").write_text(json.dumps(frozen, indent=1) + "\n")


if __name__ == "__main__":
    write()
