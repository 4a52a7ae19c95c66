"""Training: the same numbers whatever the devices, the parallelism or the interruptions."""

import shutil

import jax
import numpy as np
import pytest
from support.trainings import batches, examples, fit, tiny

from dirvae import model
from dirvae.config import ConfigError
from dirvae.training import data, parallel, train
from dirvae.training.checkpoints import CheckpointError, Checkpoints
from dirvae.training.writers import read_metrics


def run(config, devices, kind="pmap", steps=1, transform=None):
    net = model.build(config.model, 2, 16)
    step = train.make_step(net, config)
    spread = parallel.Spread(step, parallel.devices(devices), kind)
    state = spread.replicate(train.initial_state(net, config))
    for batch in batches(steps):
        state, scalars = spread(state, batch)
    return spread.fetch(state), spread.fetch(scalars)


def relative(a, b):
    """Largest difference of two trees relative to the second's norm."""
    flat = [np.concatenate([np.ravel(x) for x in jax.tree.leaves(t)]) for t in (a, b)]
    return np.linalg.norm(flat[0] - flat[1]) / np.linalg.norm(flat[1])


@pytest.fixture
def sgd(monkeypatch):
    """Plain SGD, under which differences of gradients are not hidden by Adam's normalisation."""
    import optax

    from dirvae.training import optimizer

    monkeypatch.setattr(optimizer, "build", lambda config, steps: optax.sgd(1e-5))


@pytest.mark.slow
@pytest.mark.parametrize("prior", ["dirichlet", "gaussian"])
def test_first_gradients_agree_on_one_and_eight_devices(sgd, prior):
    config = tiny(prior=prior)
    net = model.build(config.model, 2, 16)
    start = train.initial_state(net, config).params
    (one, _), (eight, _) = run(config, 1), run(config, 8)
    gradient = [jax.tree.map(lambda new, old: new - old, state.params, start) for state in (one, eight)]
    size = np.linalg.norm(np.concatenate([np.ravel(x) for x in jax.tree.leaves(gradient[0])]))
    assert size > 0
    # The updates are differences of float32 parameters, hence the tolerance; gradients themselves are compared below.
    assert relative(gradient[1], gradient[0]) < 1e-3


@pytest.mark.slow
def test_gradients_agree_to_one_millionth():
    config = tiny()
    net = model.build(config.model, 2, 16)
    step = train.make_step(net, config)
    batch = next(batches(1))
    norms = []
    for count in (1, 2, 8):
        spread = parallel.Spread(step, parallel.devices(count), "pmap")
        _, scalars = spread(spread.replicate(train.initial_state(net, config)), batch)
        norms.append(spread.fetch(scalars))
    for other in norms[1:]:
        for name in ("gradient_norm", "loss", "reconstruction", "kl", "classification"):
            # The small terms are means of cancelling or few summands: what is left of float32 is absolute, in nats.
            rounding = 1e-5 if name in ("kl", "classification") else 0.0
            np.testing.assert_allclose(other[name], norms[0][name], rtol=1e-6, atol=rounding, err_msg=name)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["pmap", "shard_map"])
def test_twenty_sgd_steps_agree(sgd, kind):
    config = tiny(steps=20)
    one, _ = run(config, 1, steps=20)
    many, _ = run(config, 4, kind, steps=20)
    assert relative(many.params, one.params) < 1e-5


@pytest.mark.slow
@pytest.mark.parametrize("how", ["moments", "gradient"])
def test_a_prior_learns_alike_on_one_and_four_devices(how):
    config = tiny(prior_learning=how, concentration=0.7, steps=5)
    net = model.build(config.model, 2, 16)
    before = net.learned(train.initial_state(net, config).params).prior.concentration
    (one, first), (four, second) = (run(config, count, steps=5) for count in (1, 4))
    learned = [np.asarray(net.learned(state.params).prior.concentration) for state in (one, four)]
    moved = learned[0] - before
    assert np.abs(moved).min() > 1e-5
    np.testing.assert_allclose(learned[1] - before, moved, rtol=0.02, atol=2e-6)
    np.testing.assert_allclose(second["kl"], first["kl"], rtol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("prior", ["dirichlet", "gaussian"])
def test_a_kl_target_is_met(prior):
    """Whatever the prior and wherever beta starts."""
    config = tiny(prior=prior, steps=400, target_kl=3.0, beta=30.0, augment=False)
    net = model.build(config.model, 2, 16)
    spread = parallel.Spread(train.make_step(net, config), parallel.devices(1), "pmap")
    state = spread.replicate(train.initial_state(net, config))
    batch, found = next(batches(1)), []
    for _ in range(config.train.steps):
        state, scalars = spread(state, batch)
        found.append(float(spread.fetch(scalars["kl"])))
    assert np.mean(found[-100:]) == pytest.approx(3.0, rel=0.05)


def test_padding_rows_change_nothing():
    config = tiny()
    net = model.build(config.model, 2, 16)
    spread = parallel.Spread(train.make_step(net, config), parallel.devices(1), "pmap")
    batch = list(batches(2))[1]  # its last row is masked
    assert batch.mask[-1] == 0
    noisy = batch._replace(image=np.where(batch.mask[:, None, None, None] > 0, batch.image, 255 - batch.image))
    results = [spread(spread.replicate(train.initial_state(net, config)), b)[0] for b in (batch, noisy)]
    a, b = (spread.fetch(r).params for r in results)
    jax.tree.map(np.testing.assert_array_equal, a, b)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """The folder of a training that went through, and its last state; a test that changes the folder takes a copy."""
    folder = tmp_path_factory.mktemp("finished")
    return folder, fit(tiny(), folder)[1]


@pytest.mark.slow
def test_an_interrupted_run_resumes_bit_for_bit(tmp_path, finished):
    folder, whole = finished
    with pytest.raises(KeyboardInterrupt):
        fit(tiny(), tmp_path, stop_after=5)
    step, resumed = fit(tiny(), tmp_path)
    assert step == 6
    jax.tree.map(np.testing.assert_array_equal, resumed, whole)
    assert read_metrics(tmp_path) == read_metrics(folder)


@pytest.mark.slow
def test_a_damaged_checkpoint_falls_back_to_the_one_before(tmp_path, finished):
    folder, whole = finished
    copy = shutil.copytree(folder, tmp_path / "copy")
    for file in (copy / "checkpoints" / "6").rglob("*"):
        if file.is_file():
            file.write_bytes(file.read_bytes()[: file.stat().st_size // 3])
    with pytest.warns(UserWarning, match=r"step 6 .* falling back"):
        step, again = fit(tiny(), copy)
    assert step == 6
    jax.tree.map(np.testing.assert_array_equal, again, whole)


def test_a_checkpoint_of_another_model_is_refused(tmp_path):
    config, other = tiny(), tiny(latents=9)
    checkpoints = Checkpoints(tmp_path / "checkpoints", "auroc")
    checkpoints.save(6, train.initial_state(model.build(config.model, 2, 16), config), {"auroc": 0.5})
    checkpoints.wait()
    with pytest.raises(CheckpointError, match=r"step 6 .* another model.*kernel"):
        checkpoints.restore(6, train.initial_state(model.build(other.model, 2, 16), other))
    checkpoints.close()


@pytest.mark.slow
def test_a_non_finite_term_stops_the_run_and_is_named(tmp_path):
    config = tiny(learning_rate=1e30, clip_norm=1e30, warmup=0.0)
    jax.config.update("jax_debug_nans", False)
    try:
        with pytest.raises(
            train.NonFiniteError, match=r"(reconstruction|kl|classification|loss|gradient_norm) became .* at step \d"
        ):
            fit(config, tmp_path)
    finally:
        jax.config.update("jax_debug_nans", True)


def test_impossible_devices_and_batches_are_refused():
    with pytest.raises(ConfigError, match=r"train\.devices=99"):
        parallel.devices(99)
    with pytest.raises(ConfigError, match="12 does not divide over 8 devices"):
        parallel.rows_of_host(12, parallel.devices(8))


def test_epochs_are_permutations_and_resume_by_position():
    some = examples(10)
    stream = [b.index for b in data.shuffled(some, 5, slice(0, 5), 3, range(0, 6))]
    for epoch in range(3):
        assert sorted(np.concatenate(stream[2 * epoch : 2 * epoch + 2])) == list(range(10))
    assert not np.array_equal(np.concatenate(stream[:2]), np.concatenate(stream[2:4]))
    resumed = [b.index for b in data.shuffled(some, 5, slice(0, 5), 3, range(4, 6))]
    np.testing.assert_array_equal(resumed, stream[4:])
    halves = [next(iter(data.shuffled(some, 4, rows, 3, range(1)))).index for rows in (slice(0, 2), slice(2, 4))]
    whole = next(iter(data.shuffled(some, 4, slice(0, 4), 3, range(1)))).index
    np.testing.assert_array_equal(np.concatenate(halves), whole)
