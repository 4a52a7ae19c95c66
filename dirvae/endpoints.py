"""From finished runs to what a study asks of them: each endpoint on the test images and on resamples of their patients.

Endpoints of a run, each [1 + R], the first value being that of the sample itself:

  auroc           macro AUROC of the classifier
  aug             mean over findings of the gap of A = |2 AUC - 1| between the two latents that are best on validation,
                  normalised: (gap - permuted codes' gap)/(gap of the code z = y - permuted codes' gap)
  interventional  D of E[latent, finding] = mean |change under do(finding)|/spread: no probe, no labels
  ceiling         NCC of what encoding and decoding leaves of an intervention with its exact effect

The latent's coordinates are those of `dirvae.metrics.coordinates` with the highest `aug` on validation, for every arm alike.
"""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy.special import entr, log_softmax

from dirvae import evaluate, workdir
from dirvae.config import ON_SIMPLEX, Config
from dirvae.evaluate import Predictions
from dirvae.metrics import classification, coordinates, disentanglement, latent_panel, statistics
from dirvae.metrics.probes import ENOUGH, Split, fewest

ENDPOINTS = ("auroc", "aug", "interventional", "ceiling")
PERMUTATIONS = 5
Reader = Callable[[np.ndarray], dict[str, np.ndarray]]
"""Codes [..., D] -> {coordinates: [..., D or D - 1]}."""


class Scored(NamedTuple):
    """One run. `endpoints` {name: [1 + R]}, `panel` as of `latent_panel.panel`, `strength` A [D, L] of the code on test."""

    endpoints: dict[str, np.ndarray]
    coordinates: str
    panel: dict
    strength: np.ndarray
    labels: tuple[str, ...]
    summary: dict[str, float]


def score(directory: Path, replicates: int = 1000, seed: int = 0) -> Scored:
    """All endpoints of one finished run with evidence (evidence/<split>.npz).

    Raises:
      WorkdirError: for a run without predictions or evidence.
      ValueError: for predictions or codes that are not finite, or fewer than two findings with enough cases.
    """
    config = workdir.read_config(directory)
    saved = {name: evaluate.load(directory, name) for name in ("validation", "test")}
    responses = {name: read_evidence(directory, name) for name in saved}
    test, labels = saved["test"].predictions, saved["test"].labels
    if not np.isfinite(test.probability).all():
        raise ValueError(f"{directory} predicts probabilities that are not finite")
    weights = np.concatenate(
        [np.ones((1, len(test.target))), *statistics.patient_weights(test.patient, replicates, seed)]
    )
    kept = _scorable([each.predictions for each in saved.values()])
    read = _reader(config, saved["validation"].predictions.head_mean)
    splits = {name: _splits(read, each.predictions, kept) for name, each in saved.items()}
    chosen = max(splits["test"], key=lambda name: _gap(splits["validation"][name], splits["validation"][name]))
    picked, scored = splits["validation"][chosen], splits["test"][chosen]
    names = tuple(np.asarray(labels)[kept])
    panel = latent_panel.panel(*picked, *scored, names, permutations=PERMUTATIONS)
    low, high = (read(responses["test"][side])[chosen] for side in ("low", "high"))
    rows = weights[:, : low.shape[1]]
    effect = np.abs(high - low) / np.maximum(scored.code.std(axis=0), 1e-12)
    found = {
        "auroc": _macro_auroc(test, weights),
        "aug": _normalised(augs(picked, scored, weights), panel),
        "interventional": interventional(effect, rows),
        "ceiling": rows @ responses["test"]["ceiling"].mean(axis=0) / rows.sum(axis=1),
    }
    return Scored(found, chosen, panel, _strength(scored), names, _summary(directory))


def read_evidence(directory: Path, split: str) -> dict[str, np.ndarray]:
    """evidence/<split>.npz; raises WorkdirError where it is missing."""
    path = Path(directory) / "evidence" / f"{split}.npz"
    if not path.exists():
        raise workdir.WorkdirError(f"{path} is missing; python -m experiments.study gathers it")
    with np.load(path) as arrays:
        return dict(arrays)


def _scorable(predictions: list[Predictions]) -> np.ndarray:
    """Columns of the findings with enough positives and negatives in every split."""
    enough = [fewest(Split(p.head_mean, p.target, p.weight)) >= ENOUGH for p in predictions]
    return np.flatnonzero(np.all(enough, axis=0))


def _splits(read: Reader, predictions: Predictions, kept: np.ndarray) -> dict[str, Split]:
    """The codes in each of their coordinates, with the scorable findings' targets."""
    rows = len(predictions.head_mean)
    target, weight = predictions.target[:rows, kept], predictions.weight[:rows, kept]
    return {name: Split(code, target, weight) for name, code in read(predictions.head_mean).items()}


def _reader(config: Config, picked: Float[np.ndarray, "N D"]) -> Reader:
    """Every set of coordinates that such codes have; a simplex's background is the component that varies least in `picked`."""
    if config.model.prior not in ON_SIMPLEX or config.model.structure != "global":
        return lambda code: {"raw": code}
    background = coordinates.background_component(log_softmax(picked.astype(np.float64), axis=1))

    def read(code: np.ndarray) -> dict[str, np.ndarray]:
        flat = log_softmax(code.reshape(-1, code.shape[-1]).astype(np.float64), axis=1)
        found = coordinates.simplex_coordinates(flat, background)
        return {name: values.reshape(*code.shape[:-1], -1) for name, values in found.items()}

    return read


def _strength(split: Split) -> Float[np.ndarray, "D L"]:
    return np.abs(2.0 * disentanglement.auc_matrix(split) - 1.0)


def _gap(picked: Split, scored: Split) -> float:
    return float(disentanglement.gap(_strength(picked), _strength(scored)).value.mean())


def augs(picked: Split, scored: Split, weights: Float[np.ndarray, "R N"]) -> Float[np.ndarray, " R"]:
    """AUG with winner and runner-up of `picked`, under each row of multiplicities of the examples of `scored`."""
    best, second = np.argsort(-_strength(picked), axis=0, kind="stable")[:2]
    gaps = [
        np.abs(2.0 * classification.per_label(classification.auroc, scored.target, scored.weight, code, weights) - 1.0)
        for code in (scored.code[:, best], scored.code[:, second])
    ]
    return np.mean(gaps[0] - gaps[1], axis=1)


def _normalised(gaps: np.ndarray, panel: dict) -> np.ndarray:
    null, ceiling = panel["nulls"]["aug"], panel["ceilings"]["aug"]
    return np.asarray([latent_panel.normalised(value, ceiling, null) for value in gaps])


def interventional(effect: Float[np.ndarray, "L n D"], weights: Float[np.ndarray, "R n"]) -> Float[np.ndarray, " R"]:
    """D of `disentanglement.dci` of E[d, k] = mean over images of |change of latent d under do(k)|/spread, for each row."""
    means = np.einsum("rn,knd->rdk", weights, effect, optimize=True) / weights.sum(axis=1)[:, None, None]
    mass = means.sum(axis=2)
    shares = means / np.where(mass > 0, mass, 1.0)[:, :, None]
    certainty = 1.0 - entr(shares).sum(axis=2) / np.log(means.shape[2])
    return np.sum(mass * certainty, axis=1) / np.maximum(mass.sum(axis=1), 1e-300)


def _macro_auroc(predictions: Predictions, weights: np.ndarray) -> np.ndarray:
    """Over the findings that the sample defines."""
    values = classification.per_label(
        classification.auroc, predictions.target, predictions.weight, predictions.probability, weights
    )
    return values[:, np.isfinite(values[0])].mean(axis=1)


def _summary(directory: Path) -> dict[str, float]:
    """What is described and not tested."""
    metrics = workdir.read_json(Path(directory) / "metrics.json")
    test, latent = metrics["test"], metrics["latent"]
    chosen = {name: test[name] for name in ("kl", "l1", "ssim", "elbo")}
    return chosen | {"active": latent["active"], "perplexity": latent.get("perplexity", float("nan"))}
