"""Which checkpoints are kept, what they restore, and what happens when none can be read."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dirvae.training.checkpoints import CheckpointError, Checkpoints


def state(step):
    key = jax.random.fold_in(jax.random.key(0), step)
    return {"step": np.int32(step), "params": {"w": jax.random.normal(key, (3, 2)), "half": jnp.ones(2, jnp.bfloat16)}}


@pytest.fixture
def checkpoints(tmp_path):
    opened = Checkpoints(tmp_path / "checkpoints", "auroc")
    yield opened
    opened.close()


def save(checkpoints, scores):
    for step, score in scores.items():
        checkpoints.save(step, state(step), {"auroc": score, "elbo": -step})
    checkpoints.wait()


def kept(checkpoints):
    return sorted(int(path.name) for path in checkpoints.directory.iterdir() if path.name.isdigit())


def test_nothing_yet(checkpoints):
    assert checkpoints.latest_step() is None
    assert checkpoints.restore_latest(state(0)) is None


def test_the_best_and_the_latest_two_are_kept(checkpoints):
    save(checkpoints, {1: 0.5, 2: 0.9, 3: 0.6, 4: 0.7, 5: 0.8})
    assert kept(checkpoints) == [2, 4, 5]
    assert checkpoints.best_step() == 2
    assert checkpoints.latest_step() == 5
    assert checkpoints.scores(2)["auroc"] == 0.9


def test_the_whole_state_comes_back(checkpoints):
    save(checkpoints, {1: 0.5, 2: 0.6})
    step, found = checkpoints.restore_latest(state(0))
    assert step == 2
    jax.tree.map(np.testing.assert_array_equal, found, jax.tree.map(np.asarray, state(2)))
    assert jax.tree.map(lambda x: x.dtype, found) == jax.tree.map(lambda x: np.asarray(x).dtype, state(2))


def test_scores_that_are_not_finite_never_win(checkpoints):
    save(checkpoints, {1: 0.5, 2: float("nan"), 3: 0.4, 4: float("nan")})
    assert checkpoints.best_step() == 1
    assert kept(checkpoints) == [1, 3, 4]


def test_a_missing_step_is_named(checkpoints):
    save(checkpoints, {1: 0.5})
    with pytest.raises(CheckpointError, match="step 7"):
        checkpoints.restore(7, state(0))


@pytest.mark.filterwarnings("ignore:.*falling back")
def test_when_none_can_be_read_it_is_an_error(checkpoints):
    save(checkpoints, {1: 0.5, 2: 0.6})
    for file in checkpoints.directory.rglob("*"):
        if file.is_file():
            file.write_bytes(b"")
    with pytest.raises(CheckpointError, match="none of the checkpoints"):
        checkpoints.restore_latest(state(0))


@pytest.mark.parametrize("kind", [np.float16, np.float64, np.int32])
def test_another_type_of_number_is_refused_and_not_converted(checkpoints, kind):
    save(checkpoints, {1: 0.5})
    other = state(0) | {"params": {"w": np.zeros((3, 2), kind), "half": jnp.ones(2, jnp.bfloat16)}}
    with pytest.raises(CheckpointError, match=rf"params/w is float32\[3, 2\] there and {np.dtype(kind)}\[3, 2\] here"):
        checkpoints.restore(1, other)


def test_other_names_and_shapes_are_named(checkpoints):
    save(checkpoints, {1: 0.5})
    half = jnp.ones(2, jnp.bfloat16)
    with pytest.raises(CheckpointError, match=r"is of another model: it lacks params/v$"):
        checkpoints.restore(1, state(0) | {"params": {"v": np.zeros((3, 2), np.float32), "half": half}})
    with pytest.raises(CheckpointError, match=r"it holds params/half, which is not there here$"):
        checkpoints.restore(1, state(0) | {"params": {"w": np.zeros((3, 2), np.float32)}})
    with pytest.raises(CheckpointError, match=r"params/w is float32\[3, 2\] there and float32\[4, 2\] here"):
        checkpoints.restore(1, state(0) | {"params": {"w": np.zeros((4, 2), np.float32), "half": half}})
