"""An explainer answers what a trained run says of images that come as arrays: predictions, a traversal, and maps of what it changes.

    explainer = explanation.load("runs/phantom-dirichlet-default-0")  # reads the checkpoint once
    found = explainer(image, "Cardiomegaly")  # [H, W] or [B, H, W]; compiled at the first call, once
    found.map, found.path.on_image, found.path.reread

`path` starts from the posterior's point, as a run's cases do. `map` is what the paths from `draws` draws of the posterior agree on, where
in the image the classifier's evidence is (`dirvae.explain.maps.denoised`, `gated` by integrated gradients). Images are explained one
after the other by the same program, so that no answer depends on the company.
"""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from dirvae.config import Config, ConfigError, override, validate
from dirvae.config.checks import check_seed
from dirvae.explain import attributions, gated, maps, methods, traversals
from dirvae.explain.contract import Explain, Setting
from dirvae.explain.setting import setting_of
from dirvae.labels import finding_index
from dirvae.metrics import counterfactual
from dirvae.training import evaluate, familiarity, runs, workdir
from dirvae.training.evaluate import Predictions
from dirvae.training.runs import Run
from dirvae.types import Params, Query, grey_levels

SIGNS = {"add": 1.0, "remove": -1.0}
OWN_FLAGS = ("direction", "cases")  # fields of config.explain that are chosen anew for every image


class Explanation(NamedTuple):
    """The explanation of one image, or of B along a leading axis.

    `signed` and `map` are positive where the finding adds brightness, in grey levels of [0, 1].
    """

    image: np.ndarray  # float32 [*B, H, W, 1]
    probability: np.ndarray  # float32 [*B, L], as the evaluation predicts
    label: np.ndarray  # int [*B], the column that is explained
    sign: np.ndarray  # float32 [*B], +1 where the finding's logit is raised, -1 where it is lowered
    path: traversals.Path
    signed: np.ndarray  # float32 [*B, H, W], the whole path's change of the image
    map: np.ndarray  # float32 [*B, H, W], what the paths from draws agree on, gated by the image's evidence
    maps: dict[str, np.ndarray]  # float32 [*B, H, W] each, further maps by their names in `dirvae.explain.methods`
    error: np.ndarray | None = (
        None  # float32 [*B], mean absolute error of the expected reconstruction, grey levels of [0, 1]
    )
    percentile: np.ndarray | None = None  # float32 [*B], share of validation images with a smaller error, percent
    unlike: np.ndarray | None = (
        None  # text [*B]: what is probably wrong with an image unlike all of validation, or nothing
    )


class Explainer(NamedTuple):
    """A trained run that explains images given as arrays; `dirvae.load` builds it.

    Calling it with images gives an `Explanation`. It holds the probabilities of all findings and a latent traversal that adds or
    removes one finding. `error`, `percentile` and `unlike` say whether the run has seen such images. Its two maps show what the
    traversal changes, in grey levels of [0, 1]. Each image is explained alone, so no answer
    depends on the other images of the batch. The first call compiles; later calls reuse the program.

    Raises:
      ValueError: by a call, for images of another shape, type or range, an unknown finding or an unknown direction.

    Example:
        >>> import numpy as np
        >>> import dirvae
        >>> explainer = dirvae.load("runs/smoke")
        >>> side = explainer.run.config.data.image_size
        >>> image = np.full((side, side), 128, np.uint8)
        >>> explanation = explainer(image, "Edema", direction="add")
        >>> explanation.map.shape == (side, side)
        True
        >>> frames = explainer.options.steps + 1
        >>> explanation.path.on_image.shape == (frames, side, side, 1)
        True
    """

    run: Run
    setting: Setting  # of explanation methods
    thresholds: np.ndarray  # [L], Youden's on validation
    tuned: np.ndarray  # bool [L], whether validation had both values to tune a threshold on
    predict: Callable[[Params, jax.Array], jax.Array]
    follow: Callable[..., tuple[traversals.Path, jax.Array, jax.Array]]
    compiled: dict[tuple, Explain]  # further maps, by their names and the seed
    reconstruct: Callable[[Params, jax.Array], jax.Array]  # the expected reconstruction
    reference: familiarity.Reference  # what is known of the validation images

    @property
    def options(self) -> traversals.Options:
        """The options of its traversals."""
        return self.setting.options

    @property
    def draws(self) -> int:
        """The number of paths whose agreement makes the gated map."""
        return self.setting.draws

    def __call__(
        self,
        images: np.ndarray,
        label: str | None = None,
        direction: str | None = None,
        seed: int = 0,
        maps: Iterable[str] = (),
    ) -> Explanation:
        """Explains one finding of each image.

        `images` are uint8, or float grey levels in [0, 1], of shape [H, W], [H, W, 1], [B, H, W] or [B, H, W, 1], with the run's own
        height and width. `label` names the finding; without it each image's `leading` one is explained. `direction` is "add" or
        "remove"; without it a finding that is called present is removed and one that is not is added. `seed` fixes the draws from
        the posterior. `maps` names further maps of `dirvae.explain.methods`. The `Explanation` has a leading axis B exactly if
        the images have one.

        Raises:
          ValueError: for images of another shape, type or range, an unknown finding, direction or map, or a seed from 2^32 on.
        """
        side = self.run.config.data.image_size
        check_seed(seed)
        wanted = None if label is None else finding_index(label, self.run.labels)
        if direction is not None and direction not in SIGNS:
            raise ValueError(f"direction {direction!r} is neither 'add' nor 'remove'")
        pixels, single = checked(images, side)
        further = self._further(tuple(maps), seed)
        single_rows = [self._one(image[None], wanted, direction, seed, further) for image in pixels]
        joined = jax.tree.map(lambda *rows: np.concatenate(rows), *single_rows)
        explanation = jax.tree.map(lambda rows: rows[0], joined) if single else joined
        return explanation._replace(maps=methods.in_order(explanation.maps))

    def _further(self, names: tuple[str, ...], seed: int) -> Explain:
        """Draws the maps of these names; compiled once for each seed."""
        if (names, seed) not in self.compiled:
            setting = self.setting._replace(seed=seed)
            self.compiled[names, seed] = methods.build_maps(setting, names)
        return self.compiled[names, seed]

    def _one(
        self, image: np.ndarray, column: int | None, direction: str | None, seed: int, further: Explain
    ) -> Explanation:
        probability = np.asarray(self.predict(self.run.params, image))
        column = leading(probability[0], self.thresholds, self.tuned) if column is None else column
        present = probability[0, column] >= self.thresholds[column]
        sign = np.asarray([SIGNS[direction or ("remove" if present else "add")]], np.float32)
        label, keys = np.asarray([column]), attributions.image_keys(jax.random.key(seed), jnp.asarray(image))
        path, signed, agreed = jax.tree.map(np.asarray, self.follow(self.run.params, image, label, sign, keys))
        maps = jax.tree.map(np.asarray, further(self.run.params, Query(image, label, sign)))
        found = self.standing(image)
        told = (np.asarray([value]) for value in found)
        return Explanation(image, probability, label, sign, path, signed, agreed, maps, *told)

    def standing(self, image: np.ndarray) -> familiarity.Standing:
        """How one image, float32 [1, H, W, 1] in [0, 1], compares with those of validation."""
        error = np.abs(np.asarray(self.reconstruct(self.run.params, image)) - image).mean()
        return familiarity.standing(self.reference, image[0, ..., 0], float(error))


def load(
    directory: Path | str, draws: int = gated.DRAWS, *, data_dir: Path | None = None, **fields: object
) -> Explainer:
    """Opens the folder of a finished run and gives its `Explainer`, with the parameters of the best checkpoint.

    `directory` is what `python -m experiments.run` wrote, such as "runs/phantom-dirichlet-default-0". `draws` is the number of
    paths, each from a draw of the posterior, whose agreement makes a map: more draws cost time in proportion. `fields` replace
    fields of the run's `explain` section, such as `path_steps=40` (steps along the path) or `step_size=0.3` (length of a step in
    the latent's coordinates). `data_dir` is the folder of prepared data sets, where the run's own has moved since; images that are
    given need none.

    Raises:
      WorkdirError: where training has not finished or validation was not evaluated.
      CheckpointError: where no checkpoint can be read.
      ConfigError: for an unknown field, a value that it cannot hold, draws below 1, or a run whose classifier was not trained.

    Example:
        >>> import dirvae
        >>> explainer = dirvae.load("runs/smoke", path_steps=8)
        >>> explainer.options.steps
        8
        >>> "Edema" in explainer.run.labels
        True
    """
    config = workdir.read_config(Path(directory))
    settings(config, fields)
    if "train" not in workdir.finished(directory):
        raise workdir.WorkdirError(f"{directory} holds no finished training; run its train phase to the end first")
    tuned = evaluate.load(Path(directory), "validation").predictions
    return make(runs.open_run(Path(directory), data_dir=data_dir), tuned, draws, **fields)


def make(run: Run, tuned: Predictions, draws: int = gated.DRAWS, **fields: object) -> Explainer:
    """The explainer of an open run, with thresholds and covariance from its validation predictions `tuned`; it raises as `load` does."""
    config = settings(run.config, fields)
    if not run.labels or "classifier" not in run.params or not config.loss.classification_weight:
        raise ConfigError(
            f"{run.workdir} has no trained classifier (loss.classification_weight is {config.loss.classification_weight:g}, "
            f"{len(run.labels)} findings), hence no prediction to explain"
        )
    if draws < 1:
        raise ConfigError(f"draws={draws} is no number of start points; give at least 1")
    run = run._replace(config=config)
    setting = setting_of(run, tuned, draws=draws)
    predict, follow = _predictor(run), _follower(run, setting.options, draws)
    reference = familiarity.load(run.workdir, tuned)
    return Explainer(run, setting, tuned.thresholds, tuned.tuned, predict, follow, {}, _reconstructor(run), reference)


def settings(config: Config, fields: dict[str, object]) -> Config:
    """The config with fields of its `explain` section replaced.

    Raises:
      ConfigError: for a field of another section, or one that is chosen for each image.
    """
    for name in fields:
        section, _, leaf = name.rpartition(".")
        if leaf in OWN_FLAGS:
            raise ConfigError(f"explain.{leaf} is chosen with every explanation; give {leaf} itself, not the field")
        known = [known for known in vars(config.explain) if known not in OWN_FLAGS]
        if section not in ("", "explain") or leaf not in known:
            raise ConfigError(f"{name} is no field of explain; a finished run takes only {', '.join(known)}")
    return validate(override(config, fields))


def leading(probability: np.ndarray, thresholds: np.ndarray, tuned: np.ndarray | None = None) -> int:
    """The label with the highest probability relative to its threshold: argmax of logit p - logit t.

    A label whose threshold could not be tuned never leads where another's could.
    """
    odds = counterfactual.logit(probability) - counterfactual.logit(thresholds)
    known = np.ones(len(odds), bool) if tuned is None or not np.any(tuned) else np.asarray(tuned)
    return int(np.argmax(np.where(known, odds, -np.inf)))


def checked(images: np.ndarray, side: int) -> tuple[np.ndarray, bool]:
    """float32 [B, side, side, 1] in [0, 1], and whether it was one image without a batch axis.

    Raises:
      ValueError: for another shape, kind of number or range, or numbers that are not finite.
    """
    given = np.asarray(images)
    shape, one = given.shape, (side, side)
    single = shape in (one, (*one, 1))
    if not (single or shape[1:] in (one, (*one, 1))) or given.size == 0:
        raise ValueError(
            f"images of shape {shape} do not fit the run's {side} x {side} pixels: give [H, W] or [B, H, W], "
            "resized as data_prep.images does"
        )
    if given.dtype != np.uint8 and not np.issubdtype(given.dtype, np.floating):
        raise ValueError(f"pixels of type {given.dtype} have no stated range; give uint8, or floats in [0, 1]")
    pixels = given.reshape(-1, *one, 1)
    pixels = grey_levels(pixels) if given.dtype == np.uint8 else pixels.astype(np.float32)
    if not np.isfinite(pixels).all():
        raise ValueError(f"{int((~np.isfinite(pixels)).sum())} pixels are NaN or infinite; give floats in [0, 1]")
    low, high = float(pixels.min()), float(pixels.max())
    if low < 0 or high > 1:
        raise ValueError(f"pixels from {low:g} to {high:g} leave [0, 1]; divide by the range, or give uint8")
    return pixels, single


def _predictor(run: Run) -> Callable[[Params, jax.Array], jax.Array]:
    """(params, images [B, H, W, 1]) -> probabilities [B, L], by the rules of the evaluation; draws, if any, are a first image's."""
    read = run.variant.reader(run.model)

    def predict(params: Params, images: jax.Array) -> jax.Array:
        key = jax.random.fold_in(jax.random.key(run.config.seed), 0)
        keys = jnp.broadcast_to(key, (len(images),))
        return jax.nn.sigmoid(read(params, images, keys).logits)

    return jax.jit(predict)


def _reconstructor(run: Run) -> Callable[[Params, jax.Array], jax.Array]:
    """(params, images [B, H, W, 1]) -> the expected reconstructions, by the rules of the evaluation."""
    read = run.variant.reader(run.model)

    def reconstruct(params: Params, images: jax.Array) -> jax.Array:
        key = jax.random.fold_in(jax.random.key(run.config.seed), 0)
        return read(params, images, jnp.broadcast_to(key, (len(images),))).location

    return jax.jit(reconstruct)


def _follower(
    run: Run, options: traversals.Options, draws: int
) -> Callable[..., tuple[traversals.Path, jax.Array, jax.Array]]:
    """(params, images [B, H, W, 1], label [B], sign [B], keys [B]) -> the path, its signed map and the gated one."""

    def follow(params: Params, *rows: jax.Array) -> tuple[traversals.Path, jax.Array, jax.Array]:
        images, label, sign, keys = rows
        path = traversals.on_manifold(run.model, params, images, label, sign, options)
        found = gated.change_and_evidence(run.model, params, images, label, sign, keys, draws, options)
        return path, maps.signed(path.on_image, sign), maps.gated(*found)

    return jax.jit(follow)
