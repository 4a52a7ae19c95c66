"""From finished runs to what a study asks of them: each endpoint on the test images and on resamples of their patients.

Endpoints of a run, each [1 + R], the first value being that of the sample itself:

  auroc           macro AUROC of the classifier
  aug             mean over findings of the gap of A = |2 AUC - 1| between the two latents that are best on validation,
                  normalised: (gap - permuted codes' gap)/(gap of the code z = y - permuted codes' gap)
  interventional  D of E[latent, finding] = mean |change under do(finding)|/spread: no probe, no labels. Each finding's column is
                  divided by its sum, so that a finding of many pixels does not make every latent look as if it were its own;
                  latents that hardly vary over images are left out
  ceiling         encode-decode ceiling: NCC of what encoding and decoding leaves of an intervention with its exact effect

The last two need a data set on which findings can be switched, the phantom; runs on real images have only the first two.
Findings with few cases (`evaluate.enough`) are left out of all, and named with the reason.

A simplex code's coordinates are those of `dirvae.metrics.coordinates` with the highest `aug` on validation; other codes have but
their own, so `aug_raw` of the summary is the same of raw coordinates for all.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float
from scipy.special import entr

from dirvae import evaluate, workdir
from dirvae.config import ON_SIMPLEX, Config
from dirvae.evaluate import Predictions
from dirvae.metrics import classification, coordinates, disentanglement, latent_panel, readout, statistics
from dirvae.metrics.probes import ENOUGH, Split

ENDPOINTS = ("auroc", "aug", "interventional", "ceiling")
PERMUTATIONS = 5
IDLE = 0.01  # of the largest spread over images: a latent below it is idle, and its change has no unit
Reader = Callable[[np.ndarray], dict[str, np.ndarray]]
"""Codes [..., D] -> {coordinates: [..., D or D - 1]}."""


class Basis(NamedTuple):
    """What a run was scored on and said of it; L the findings with enough cases, M <= N the images whose codes are kept."""

    probability: np.ndarray  # [N, L]
    target: np.ndarray  # [N, L]
    weight: np.ndarray  # [N, L] 0 where a label is not known
    patients: int
    composition: np.ndarray  # [M, K] posterior mean: z on simplexes, otherwise the code
    simplex: bool
    idle: int  # latents that hardly vary over test images, which interventional D leaves out


class Scored(NamedTuple):
    """One run. `endpoints` {name: [1 + R]}, `panel` as of `latent_panel.panel`, `strength` A [D, L] of the code on test.

    `labels` are the findings that are scored, `left_out` {finding: reason} the others. `aurocs` [1 + R, L] of the classifier
    and `probes` are on the same resamples.
    """

    endpoints: dict[str, np.ndarray]
    coordinates: str
    panel: dict
    strength: np.ndarray
    labels: tuple[str, ...]
    summary: dict[str, float]
    aurocs: np.ndarray
    probes: readout.Readouts
    basis: Basis
    left_out: Mapping[str, str] = MappingProxyType({})


class Responses(NamedTuple):
    """To interventions on the first n images of a split, P pathologies."""

    low: Float[np.ndarray, "P n D"]  # codes under do(pathology = 0)
    high: Float[np.ndarray, "P n D"]
    ceiling: Float[np.ndarray, "P n"]


class Material(NamedTuple):
    """What is scored, of a run or of anything else that has a code, on one split; n <= M <= N images, the first of the split."""

    probability: Float[np.ndarray, "N L"]
    target: Float[np.ndarray, "N L"]
    weight: Float[np.ndarray, "N L"]
    patient: np.ndarray  # text [N]
    code: Float[np.ndarray, "M D"]
    responses: Responses | None = None  # None where nothing can be switched


def score_run(directory: Path, replicates: int = 1000, seed: int = 0) -> Scored:
    """All endpoints of one finished run; on the phantom it needs evidence (evidence/<split>.npz).

    Raises:
      WorkdirError: for a run without predictions or evidence.
      ValueError: as `score`.
    """
    config = workdir.read_config(directory)
    saved = {name: evaluate.load(directory, name) for name in ("validation", "test")}
    switched = config.data.dataset == "phantom"
    picked, scored = (material(directory, name, each.predictions, switched) for name, each in saved.items())
    read, labels, enough = _reader(config, picked.code), saved["test"].labels, config.evaluate.enough
    found = score(picked, scored, read, labels, _summary(directory), replicates, seed, enough)
    if config.model.prior not in ON_SIMPLEX:
        return found
    shares = evaluate.shares(config.model, saved["test"].predictions.decoder_mean)
    shares = (shares[:, 1:] if config.model.latents == 2 else shares).reshape(
        len(scored.code), -1
    )  # of two, one says all
    return found._replace(basis=found.basis._replace(composition=shares, simplex=True))


def material(directory: Path, split: str, predictions: Predictions, switched: bool = True) -> Material:
    """Of one split of a run, with its responses to interventions where its images can be `switched`."""
    known = (predictions.probability, predictions.target, predictions.weight, predictions.patient)
    responses = None
    if switched:
        arrays = read_evidence(directory, split)
        responses = Responses(*(arrays[name] for name in Responses._fields))
    return Material(*known, predictions.head_mean, responses)


def as_it_is(code: np.ndarray) -> dict[str, np.ndarray]:
    """The reader of codes that have no coordinates but their own."""
    return {"raw": code}


def score(
    picked: Material,
    scored: Material,
    read: Reader,
    labels: tuple[str, ...],
    summary: dict[str, float],
    replicates: int = 1000,
    seed: int = 0,
    enough: int = ENOUGH,
) -> Scored:
    """Choices are made on `picked` (validation), endpoints are those of `scored` (test).

    Raises:
      ValueError: for predictions or codes that are not finite, or fewer than two findings with `enough` positives and
        negatives in both.
    """
    if not np.isfinite(scored.probability).all():
        raise ValueError("predicted probabilities are not all finite")
    drawn = statistics.patient_weights(scored.patient, replicates, seed)
    weights = np.concatenate([np.ones((1, len(scored.target))), *drawn])
    left_out = _too_rare(picked, scored, labels, enough)
    kept = np.flatnonzero([label not in left_out for label in labels])
    names = tuple(labels[column] for column in kept)
    validation, test = (_splits(read, each, kept) for each in (picked, scored))
    chosen = max(test, key=lambda name: _gap(validation[name], validation[name]))
    panel = latent_panel.panel(*validation[chosen], *test[chosen], names, permutations=PERMUTATIONS, enough=enough)
    known = [column[:, kept] for column in (scored.probability, scored.target, scored.weight)]
    aurocs = classification.per_label(classification.auroc, known[1], known[2], known[0], weights)
    found = {
        "auroc": aurocs.mean(axis=1),  # over the findings with enough cases, which no resample is likely to lose
        "aug": _normalised(augs(validation[chosen], test[chosen], weights[:, : len(scored.code)]), panel),
    }
    if scored.responses is not None:
        found |= _of_interventions(scored.responses, lambda codes: read(codes)[chosen], test[chosen].code, weights)
    raw = {"aug_raw": _gap(validation["raw"], test["raw"])}
    fold = readout.folds(picked.patient[: len(picked.code)])
    as_stored = (validation[chosen]._replace(code=picked.code), test[chosen]._replace(code=scored.code))
    probes = readout.readouts(*as_stored, fold, weights[:, : len(scored.code)])  # what the classifier reads
    idle = int((~_alive(test[chosen].code)).sum())
    basis = Basis(*known, len(np.unique(scored.patient)), scored.code, False, idle)
    strength = disentanglement.strength(test[chosen])
    return Scored(found, chosen, panel, strength, names, summary | raw, aurocs, probes, basis, left_out)


def _alive(code: Float[np.ndarray, "M D"]) -> Bool[np.ndarray, " D"]:
    """The latents that vary over images enough for their changes to have a unit."""
    spread = code.std(axis=0)
    return spread > IDLE * spread.max()


def _of_interventions(
    responses: Responses, read: Callable[[np.ndarray], np.ndarray], code: np.ndarray, weights: np.ndarray
) -> dict[str, np.ndarray]:
    """The endpoints that switch findings; `code` of the images as they are gives the unit of each latent's changes."""
    low, high, alive = read(responses.low), read(responses.high), _alive(code)
    effect = np.abs(high - low)[..., alive] / code.std(axis=0)[alive]
    rows = weights[:, : low.shape[1]]
    return {
        "interventional": interventional(effect, rows),
        "ceiling": rows @ responses.ceiling.mean(axis=0) / rows.sum(axis=1),
    }


def read_evidence(directory: Path, split: str) -> dict[str, np.ndarray]:
    """evidence/<split>.npz; raises WorkdirError where it is missing."""
    path = Path(directory) / "evidence" / f"{split}.npz"
    if not path.exists():
        raise workdir.WorkdirError(f"{path} is missing; python -m experiments.study gathers it")
    with np.load(path) as arrays:
        return dict(arrays)


def _too_rare(picked: Material, scored: Material, labels: tuple[str, ...], enough: int) -> dict[str, str]:
    """{finding: reason} of those that lack positives or negatives among the images whose codes are kept.

    Raises:
      ValueError: where that leaves fewer than two.
    """
    materials = {"validation": picked, "test": scored}
    splits = {n: Split(m.code, m.target[: len(m.code)], m.weight[: len(m.code)]) for n, m in materials.items()}
    rare = latent_panel.too_rare(splits, labels, enough)
    if len(labels) - len(rare) < 2:
        reasons = "; ".join(f"{label}: {reason}" for label, reason in rare.items())
        raise ValueError(f"fewer than two findings have cases enough to be scored ({reasons or 'only one is learned'})")
    return rare


def _splits(read: Reader, split: Material, kept: np.ndarray) -> dict[str, Split]:
    """The codes in each of their coordinates, with the scorable findings' targets."""
    rows = len(split.code)
    target, weight = split.target[:rows, kept], split.weight[:rows, kept]
    return {name: Split(code, target, weight) for name, code in read(split.code).items()}


def _reader(config: Config, picked: Float[np.ndarray, "N D"]) -> Reader:
    """Every set of coordinates that such codes have; an assigned head has a background, elsewhere `picked` tells it.

    A field's cells, alone or beside a global part, have but their centred log ratios.
    """
    settings = config.model
    if settings.prior not in ON_SIMPLEX or settings.structure == "field":
        return as_it_is
    background, width = 0 if settings.head == "assigned" else None, settings.groups * settings.latents
    return coordinates.beside(coordinates.reader(picked[:, :width], settings.latents, background), width)


def _gap(picked: Split, scored: Split) -> float:
    return float(disentanglement.aug(picked, scored).value.mean())


def augs(picked: Split, scored: Split, weights: Float[np.ndarray, "R N"]) -> Float[np.ndarray, " R"]:
    """AUG with winner and runner-up of `picked`, under each row of multiplicities of the examples of `scored`."""
    best, second = disentanglement.top_two(disentanglement.strength(picked))
    gaps = [
        np.abs(2.0 * classification.per_label(classification.auroc, scored.target, scored.weight, code, weights) - 1.0)
        for code in (scored.code[:, best], scored.code[:, second])
    ]
    return np.mean(gaps[0] - gaps[1], axis=1)


def _normalised(gaps: np.ndarray, panel: dict) -> np.ndarray:
    null, ceiling = panel["nulls"]["aug"], panel["ceilings"]["aug"]
    return np.asarray([latent_panel.normalised(value, ceiling, null) for value in gaps])


def interventional(effect: Float[np.ndarray, "L n D"], weights: Float[np.ndarray, "R n"]) -> Float[np.ndarray, " R"]:
    """D of `disentanglement.dci` of E[d, k] = mean over images of |change of latent d under do(k)|/spread, for each row.

    Columns of E are divided by their sums first: latents that all answer alike to everything have D = 0, whatever the sizes
    of the findings.
    """
    means = np.einsum("rn,knd->rdk", weights, effect, optimize=True)
    means = means / np.maximum(means.sum(axis=1, keepdims=True), 1e-300)
    mass = means.sum(axis=2)
    shares = means / np.where(mass > 0, mass, 1.0)[:, :, None]
    certainty = 1.0 - entr(shares).sum(axis=2) / np.log(means.shape[2])
    return np.sum(mass * certainty, axis=1) / np.maximum(mass.sum(axis=1), 1e-300)


def _summary(directory: Path) -> dict[str, float]:
    """What is described and not tested."""
    metrics = workdir.read_json(Path(directory) / "metrics.json")
    test, latent = metrics["test"], metrics["latent"]
    chosen = {name: test[name] for name in ("kl", "l1", "ssim", "elbo")}
    if workdir.read_config(directory).model.prior == "deterministic":
        chosen["elbo"] = float("nan")  # without a density there is no bound
    return chosen | {"active": latent["active"], "perplexity": latent.get("perplexity", float("nan"))}
