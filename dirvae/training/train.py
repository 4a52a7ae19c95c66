"""Training: a per-device step, and the loop around it.

The loop's order is a rule: a step, its metrics one step late, and at a checkpoint first the validation scores, then the
state together with them. Random numbers belong to examples (key folded with the step and the example's index), so neither
the number of devices nor a restart changes a result.
"""

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from dirvae import losses
from dirvae.config import Config
from dirvae.config.checks import check_seed
from dirvae.latents import learning
from dirvae.model import Model, calibrated
from dirvae.training import augment, data, evaluate, optimizer, parallel
from dirvae.training.checkpoints import Checkpoints
from dirvae.training.variant import Variant
from dirvae.training.writers import MetricWriter
from dirvae.types import Batch, Key, Params, PyTree, TrainState, grey_levels

TERMS = ("reconstruction", "kl", "classification")
SOUND = Variant()


class NonFiniteError(ValueError):
    """Training produced a NaN or an infinity; the message names the term and the step."""


class Progress(NamedTuple):
    """Progress holds what a line of progress can say."""

    step: int
    steps: int
    scalars: Mapping[str, float]
    images_per_second: float
    seconds_left: float


def example_keys(seed: int, step: jax.Array, index: jax.Array) -> Key:
    """A key for each example of a step [B], whichever device it is on."""
    key = jax.random.fold_in(jax.random.key(seed), step)
    return jax.vmap(lambda i: jax.random.fold_in(key, i))(index)


def make_step(
    model: Model,
    config: Config,
    positive_weight: np.ndarray | None = None,
    axis: str = parallel.AXIS,
    variant: Variant = SOUND,
) -> Callable[[TrainState, Batch], tuple[TrainState, Mapping[str, jax.Array]]]:
    """The per-device step: gradients of the objective's mean over the *global* batch, reduced over `axis`."""
    transform = optimizer.build(config.optimizer, config.train.steps)
    rates = optimizer.schedule(config.optimizer, config.train.steps)
    by_moments = config.model.prior_learning == "moments"

    def step(state: TrainState, batch: Batch) -> tuple[TrainState, Mapping[str, jax.Array]]:
        keys = example_keys(config.seed, state.step, batch.index)
        beta = losses.kl_weight(state.step, state.steering, config.train.steps, config.loss)
        images = grey_levels(batch.image)
        if config.loss.augment:
            images = augment.augment(jax.vmap(lambda key: jax.random.fold_in(key, 1))(keys), images, config.loss)
        count = jnp.maximum(jax.lax.psum(jnp.sum(batch.mask), axis), 1.0)

        def objective(params: Params) -> tuple[jax.Array, tuple[dict[str, jax.Array], PyTree]]:
            outputs = model.forward(params, images, keys)
            values = losses.terms(
                outputs,
                images,
                batch,
                variant.objective(model.learned(params)),
                config.model.likelihood,
                positive_weight,
            )
            objectives = losses.weighted(values, beta, config.loss.classification_weight)
            sums = {name: jnp.sum(term * batch.mask) / count for name, term in values._asdict().items()}
            loss = jnp.sum(objectives * batch.mask) / count
            share = batch.mask / count
            seen = learning.batch_moments(model.latent, outputs.posterior, share) if by_moments else None
            return loss, ({"loss": loss, **sums}, seen)

        gradients, (scalars, seen) = jax.grad(objective, has_aux=True)(state.params)
        gradients, scalars, seen = jax.lax.psum((gradients, scalars, seen), axis)
        updates, moments = transform.update(gradients, state.optimizer, state.params)
        params = optax.apply_updates(state.params, updates)
        if by_moments:
            params |= {"prior": learning.followed(state.params["prior"], seen)}
        average = optimizer.update_average(state.average, params, config.optimizer.average_decay, state.step)
        scalars |= {"gradient_norm": optax.tree.norm(gradients), "beta": beta, "learning_rate": rates(state.step)}
        steering = losses.steered(state.steering, scalars["kl"], config.loss)
        return TrainState(state.step + 1, params, average, moments, steering), scalars

    return step


def fresh_state(model: Model, config: Config) -> TrainState:
    """Step 0.

    Raises:
      ConfigError: for a seed that is not below 2^32.
    """
    check_seed(config.seed)
    # The default generator's draws, one a parameter, would take longer to compile than the training step.
    params = model.init(jax.random.key(config.seed, impl="rbg"))
    moments = optimizer.build(config.optimizer, config.train.steps).init(params)
    return TrainState(jnp.int32(0), params, params, moments, losses.unsteered(config.loss))


def initial_state(model: Model, config: Config) -> TrainState:
    """Step 0, as host arrays."""
    return jax.tree.map(np.asarray, jax.jit(lambda: fresh_state(model, config))())


def check_finite(step: int, scalars: Mapping[str, float]) -> None:
    """Raises NonFiniteError that names the first non-finite term and its step."""
    for name in (*TERMS, "loss", "gradient_norm"):
        if not np.isfinite(scalars[name]):
            raise NonFiniteError(
                f"{name} became {scalars[name]} at step {step}; the last checkpoint is from before it. "
                "A lower optimizer.learning_rate or a higher model.min_concentration usually helps"
            )


def train(
    model: Model,
    config: Config,
    train_set: data.Examples,
    validation_set: data.Examples,
    workdir: Path,
    positive_weight: np.ndarray | None = None,
    start: Params | None = None,
    report: Callable[[Progress], None] = lambda progress: None,
    variant: Variant = SOUND,
) -> None:
    """Trains to `config.train.steps`, from the newest readable checkpoint of `workdir` where there is one.

    `start` replaces the initial parameters of a fresh run. Effects only: checkpoints, metrics.jsonl and event files.

    Raises:
      NonFiniteError: when a term stops being finite; nothing of that step is saved.
    """
    settings, devices = config.train, parallel.devices(config.train.devices)
    rows = parallel.rows_of_host(settings.batch_size, devices)
    spread = parallel.Spread(make_step(model, config, positive_weight, variant=variant), devices, settings.parallel)
    judged = calibrated(model, positive_weight)
    checkpoints = Checkpoints(workdir / "checkpoints", config.evaluate.select_by)
    fresh = initial_state(model, config)
    if start is not None:
        fresh = fresh._replace(params=start, average=start)
    first, host_state = checkpoints.restore_latest(fresh) or (0, fresh)
    writer = MetricWriter(workdir, first)
    state = spread.replicate(host_state)
    pace = _Pace(first, settings.steps, settings.batch_size)
    pending: tuple[int, Mapping[str, jax.Array]] | None = None
    try:
        batches = data.shuffled(train_set, settings.batch_size, rows, config.seed, range(first, settings.steps))
        for step, batch in enumerate(batches, start=first + 1):
            state, scalars = spread(state, batch)
            if pending:
                _log(pending, settings.log_every, spread, writer, pace, report)
            pending = (step, scalars)
            if step % settings.checkpoint_every == 0 or step == settings.steps:
                _log(pending, settings.log_every, spread, writer, pace, report)
                pending = None
                host_state = spread.fetch(state)
                scores = evaluate.validation_scores(
                    judged, config, host_state.average, validation_set, devices, variant.reader
                )
                writer.write(step, "validation", scores)
                checkpoints.save(step, host_state, scores)
        checkpoints.wait()
    finally:
        checkpoints.close()
        writer.close()


class _Pace:
    """Images a second and time left, counted from the second logged step on, since the first compiles."""

    def __init__(self, first: int, steps: int, batch_size: int):
        self.steps, self.batch_size = steps, batch_size
        self.mark: tuple[int, float] | None = None

    def at(self, step: int) -> tuple[float, float]:
        now = time.monotonic()
        self.mark = self.mark or (step, now)
        done, seconds = step - self.mark[0], now - self.mark[1]
        rate = done / seconds if done else float("nan")
        return rate * self.batch_size, (self.steps - step) / rate


def _log(
    pending: tuple[int, Mapping[str, jax.Array]],
    every: int,
    spread: parallel.Spread,
    writer: MetricWriter,
    pace: _Pace,
    report: Callable[[Progress], None],
) -> None:
    step, scalars = pending
    values = {name: float(value) for name, value in spread.fetch(scalars).items()}
    check_finite(step, values)
    images_per_second, left = pace.at(step)
    if step % every == 0 or step == 1:
        writer.write(step, "train", values)
        report(Progress(step, pace.steps, values, images_per_second, left))
