"""Evaluation: predictions of a split, and the scores made of them.

`predict` returns arrays, `score` and `latent_scores` return dicts; `save` and `load` alone touch the disk.
"""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np

from dirvae import losses
from dirvae.config import Config
from dirvae.latents import compositions
from dirvae.metrics import classification, reconstruction, sparsity, statistics
from dirvae.model import Model
from dirvae.training import data, parallel, workdir
from dirvae.training.variant import Read, expectations
from dirvae.types import Batch, Params, grey_levels


class Predictions(NamedTuple):
    """Predictions are what a model says of each example of a split; rows are in the order of the records."""

    target: np.ndarray  # float32 [N, L]
    weight: np.ndarray  # float32 [N, L]
    patient: np.ndarray  # text [N]
    probability: np.ndarray  # float32 [N, L]
    nll: np.ndarray  # [N] -log p(x|z) at one draw of z, nats
    kl: np.ndarray  # [N] KL(q(z|x) || p(z)), nats
    l1: np.ndarray  # [N] mean absolute error of the expected reconstruction, grey levels of [0, 1]
    psnr: np.ndarray  # [N] dB
    ssim: np.ndarray  # [N]
    decoder_mean: np.ndarray  # [M, D] E[to_decoder(z)] flattened, of the first M examples
    head_mean: np.ndarray  # [M, D] E[to_head(z)] flattened
    decoder_draw: np.ndarray | None = None  # [M, D] to_decoder(z) at one draw of z; None in runs of earlier versions
    head_draw: np.ndarray | None = None  # [M, D] to_head(z) at that draw

    @property
    def elbo(self) -> np.ndarray:
        """[N], nats: -(nll + kl)."""
        return -(self.nll + self.kl)

    @property
    def thresholds(self) -> np.ndarray:
        """[L]: Youden's, at which each finding is called; of validation, for all splits."""
        return classification.youden_thresholds(self.target, self.weight, self.probability)

    @property
    def tuned(self) -> np.ndarray:
        """bool [L]: whether a label has both values here, so that its threshold is more than 1/2 for want of labels."""
        known = self.weight > 0
        return (known & (self.target > 0)).any(axis=0) & (known & (self.target <= 0)).any(axis=0)


LATENT_ROWS = 2000  # examples whose latents are kept
DRAWS = ("decoder_draw", "head_draw")
LATENTS = ("decoder_mean", "head_mean", *DRAWS)


def predict(
    model: Model,
    config: Config,
    params: Params,
    examples: data.Examples,
    devices: list[jax.Device],
    reader: Callable[[Model], Read] = expectations,
) -> Predictions:
    """Predicts every example once, with the rows of a batch spread over the devices.

    Probabilities are sigmoids of the model's logits: a model trained with class weights has to be `dirvae.model.calibrated`.
    """
    size = max(len(parallel.local(devices)), config.evaluate.evaluation_batch)
    size -= size % len(parallel.local(devices))
    run = parallel.map_rows(_make_rows(model, config, reader), devices)
    columns: list[dict[str, np.ndarray]] = []
    for number, batch in enumerate(data.in_order(examples, size)):
        rows = run(params, batch)
        kept = batch.mask > 0
        if number * size >= LATENT_ROWS:
            rows |= {name: rows[name][:0] for name in LATENTS}
        columns.append({name: value[kept[: len(value)]] for name, value in rows.items()})
    joined = {name: np.concatenate([row[name] for row in columns]) for name in columns[0]}
    return Predictions(target=examples.target, weight=examples.weight, patient=examples.split.table.patient, **joined)


def _make_rows(model: Model, config: Config, reader: Callable[[Model], Read]):
    read = reader(model)

    def rows(params: Params, batch: Batch) -> dict[str, jax.Array]:
        images = grey_levels(batch.image)
        keys = jax.vmap(lambda i: jax.random.fold_in(jax.random.key(config.seed), i))(batch.index)
        outputs = model.forward(params, images, keys)
        reading = read(params, images, keys)
        draw = outputs.sample.coordinates
        values = losses.terms(outputs, images, batch, model.learned(params), config.model.likelihood)
        return {
            "probability": jax.nn.sigmoid(reading.logits),
            "nll": values.reconstruction,
            "kl": values.kl,
            "l1": reconstruction.l1(images, reading.location),
            "psnr": reconstruction.psnr(images, reading.location),
            "ssim": reconstruction.ssim(images, reading.location),
            "decoder_mean": reading.decoder.reshape(len(images), -1),
            "head_mean": reading.head.reshape(len(images), -1),
            "decoder_draw": model.latent.to_decoder(draw).reshape(len(images), -1),
            "head_draw": model.latent.to_head(draw).reshape(len(images), -1),
        }

    return rows


def validation_scores(
    model: Model,
    config: Config,
    params: Params,
    examples: data.Examples,
    devices: list[jax.Device],
    reader: Callable[[Model], Read] = expectations,
) -> dict[str, float]:
    """The few numbers that choose a checkpoint: macro AUROC and AUPRC, ELBO and its parts, L1."""
    predictions = predict(model, config, params, examples, devices, reader)
    panel = classification.panel(predictions.target, predictions.weight, predictions.probability, examples.labels)
    return {
        "auroc": panel["auroc"]["macro"],
        "auprc": panel["auprc"]["macro"],
        "elbo": float(predictions.elbo.mean()),
        "nll": float(predictions.nll.mean()),
        "kl": float(predictions.kl.mean()),
        "l1": float(predictions.l1.mean()),
    }


def score(labels: tuple[str, ...], config: Config, predictions: Predictions, linear: np.ndarray | None = None) -> dict:
    """One split's entry of metrics.json: {"auroc": {"macro", label...}, "auroc_interval": {...}, ..., "elbo": x}.

    Intervals are those of `dirvae.metrics.statistics.intervals`. "intervals" says how many replicates they are from, of how many
    labels the macro is, and what has no interval and why. `linear` [N, L], the linear baseline's probabilities, is scored beside the
    model and compared with it on the same images.
    """
    target, weight, patient = predictions.target, predictions.weight, predictions.patient
    replicates, seed = config.evaluate.replicates, config.seed
    scores = classification.panel(target, weight, predictions.probability, labels)
    if replicates:
        intervals = statistics.intervals(target, weight, predictions.probability, patient, labels, replicates, seed)
        scores |= {f"{name}_interval": values for name, values in intervals.bounds.items()}
        macro_of = len(labels) - len(scores["undefined"])
        scores["intervals"] = {"replicates": replicates, "labels_of_macro": macro_of, "missing": intervals.missing}
    for name in ("l1", "psnr", "ssim", "kl", "nll", "elbo"):
        values = getattr(predictions, name)
        scores[name] = float(values.mean())
        if replicates:
            scores[f"{name}_interval"] = statistics.mean_interval(values, patient, replicates, seed)
    scores["images"], scores["patients"] = len(target), len(np.unique(patient))
    if linear is not None:
        scores["baseline"] = {"auroc": classification.panel(target, weight, linear, labels)["auroc"]}
        if replicates:
            gaps = statistics.paired_difference(
                target, weight, predictions.probability, linear, patient, "auroc", replicates, seed
            )
            names = ("macro", *labels)
            scores["baseline"]["difference"] = {n: gap._asdict() for n, gap in zip(names, gaps, strict=True)}
    return scores


def by_origin(labels: tuple[str, ...], predictions: Predictions, origin: np.ndarray) -> dict[str, dict]:
    """The scores of each set of a merged one, by its name; empty where all images are of one."""
    names = [str(name) for name in np.unique(origin)]
    return {name: _part(labels, predictions, origin == name) for name in names} if len(names) > 1 else {}


def _part(labels: tuple[str, ...], predictions: Predictions, rows: np.ndarray) -> dict:
    kept = (part[rows] for part in (predictions.target, predictions.weight, predictions.probability))
    scores = classification.panel(*kept, labels)
    means = {name: float(getattr(predictions, name)[rows].mean()) for name in ("l1", "ssim", "kl", "nll", "elbo")}
    return scores | means | {"images": int(rows.sum()), "patients": len(np.unique(predictions.patient[rows]))}


def latent_scores(model: Model, config: Config, params: Params, predictions: Predictions) -> dict:
    """Scores the use of the latent: active units, both collapses and, on simplexes, sparsity of means, draws and the prior's draws.

    For simplexes of two components it adds how often they are off, in between and on; such a pair counts as one coordinate.
    """
    settings = config.model
    read = compositions.coordinates(settings, predictions.head_mean)
    scores: dict = {
        "coordinates": int(read.shape[1]),
        "active": sparsity.active_units(read),
        "activity": sparsity.activity(read),
    }
    if model.latent.spec.grid is None:
        scores["dead_decoder_columns"] = sparsity.dead_columns(params["decoder"]["entrance"]["kernel"])
    if not compositions.components(settings):
        return scores
    priors = [settings.concentration] * 2
    if settings.prior_learning != "fixed":
        priors = scores["concentration"] = [np.asarray(b) for b in jax.tree.leaves(model.learned(params).prior)]
    codes = (predictions.decoder_mean, predictions.decoder_draw)
    scores |= sparsity.summary(*(compositions.shares(settings, code) for code in codes), priors[0])
    if settings.structure == "hierarchical":
        scores["local"] = sparsity.summary(*(compositions.local_shares(settings, code) for code in codes), priors[1])
    if compositions.in_pairs(settings):
        for code, part in zip(codes, (scores, scores["draws"]), strict=True):
            switched = sparsity.switching(compositions.second_shares(settings, code))
            part["switching"] = {name: float(values.mean()) for name, values in switched._asdict().items()}
        scores["prior"]["switching"] = sparsity.prior_switching(priors[0])._asdict()
    return scores


def save(
    directory: Path, name: str, predictions: Predictions, linear: np.ndarray | None, examples: data.Examples
) -> None:
    """Writes the predictions of the split `name`, the baseline's probabilities and the labels' names to predictions/."""
    extra = {"labels": np.asarray(examples.labels), "path": examples.split.table.path}
    if linear is not None:
        extra["linear"] = linear
    columns = {field: value for field, value in predictions._asdict().items() if value is not None}
    workdir.write_arrays(_file(directory, name), columns | extra)


class Saved(NamedTuple):
    """A saved split holds what `save` wrote: its predictions, the labels' names, the images' paths and the linear baseline."""

    predictions: Predictions
    labels: tuple[str, ...]
    path: np.ndarray  # text [N], the images' paths within their source
    linear: np.ndarray | None


def load(directory: Path, name: str) -> Saved:
    """Reads what `save` wrote of the split `name`; raises WorkdirError where there is nothing."""
    path = _file(directory, name)
    if not path.exists():
        raise workdir.WorkdirError(f"{path} is missing; run the evaluate phase first")
    with np.load(path) as arrays:
        predictions = Predictions(
            **{field: arrays[field] for field in Predictions._fields if field in arrays or field not in DRAWS}
        )
        linear = arrays.get("linear")
        return Saved(predictions, tuple(arrays["labels"].tolist()), arrays["path"], linear)


def _file(directory: Path, name: str) -> Path:
    """The file of a split's predictions; a split may be called "folder/test", and a file may not."""
    return Path(directory) / "predictions" / f"{name.replace('/', '--')}.npz"
