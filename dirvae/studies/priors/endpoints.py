"""The endpoints of a study's finished runs: each on the test images and on resamples of their patients.

Endpoints of a run, each [1 + R], the first value being that of the sample itself:

  auroc           macro AUROC of the classifier
  aug             mean over findings of the gap of A = |2 AUC - 1| between the two latents that are best on validation,
                  normalised: (gap - permuted codes' gap)/(gap of the code z = y - permuted codes' gap)
  interventional  D of E[latent, finding] = mean |change under do(finding)|/spread: no probe, no labels
                  (`dirvae.metrics.interventional`)
  ceiling         encode-decode ceiling: NCC of what encoding and decoding leaves of an intervention with its exact effect

The last two need a data set on which findings can be switched, the phantom; runs on real images have only the first two.
Findings with few cases (`evaluate.min_cases`) are left out of all, and named with the reason.

Every code is offered several coordinates (`dirvae.metrics.coordinates`) and read in those with the highest `aug` on validation. A
monotone map of each latent changes no AUC, so they may tie. Then those with the highest `interventional` there are taken.

The summary's `aug_raw` and `d_raw` are in raw coordinates for all codes, its other scores in the chosen ones. `c` is interventional
completeness. `specificity` says how much better a finding is read from the latents that an assigned head gives it than from all
others (`dirvae.metrics.probes`). It is normalised as `aug` is.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from dirvae.config import ModelConfig
from dirvae.latents import compositions
from dirvae.metrics import bootstrap, classification, disentanglement, interventional, latent_panel, readout
from dirvae.metrics.probes import ENOUGH, LabelledCodes
from dirvae.studies.priors import codes
from dirvae.studies.priors.codes import Reader, Responses, ScoredCodes, reader, splits
from dirvae.training import evaluate, workdir

ENDPOINTS = ("auroc", "aug", "interventional", "ceiling")
PERMUTATIONS = 5


class Basis(NamedTuple):
    """A basis holds what a run was scored on and said of it; L findings have enough cases, and codes of M <= N images are kept."""

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


def score_run(directory: Path, replicates: int = 1000, switchable: bool = True, seed: int = 0) -> Scored:
    """All endpoints of one finished run; where its findings are `switchable` it needs evidence (evidence/<split>.npz).

    Raises:
      WorkdirError: for a run without predictions or evidence.
      ValueError: as `score`.
    """
    config = workdir.read_config(directory)
    saved = {name: evaluate.load(directory, name) for name in ("validation", "test")}
    picked, scored = (codes.of_run(directory, name, each.predictions, switchable) for name, each in saved.items())
    read, labels, enough = reader(config, picked.code), saved["test"].labels, config.evaluate.min_cases
    owned = assigned(config.model, labels)
    found = score(picked, scored, read, labels, _summary(directory), replicates, seed, enough, owned)
    if not compositions.components(config.model):
        return found
    shares = compositions.composition(config.model, saved["test"].predictions.decoder_mean)
    return found._replace(basis=found.basis._replace(composition=shares, simplex=True))


def score(
    picked: ScoredCodes,
    scored: ScoredCodes,
    read: Reader,
    labels: tuple[str, ...],
    summary: dict[str, float],
    replicates: int = 1000,
    seed: int = 0,
    enough: int = ENOUGH,
    owned: Mapping[str, range] | None = None,
) -> Scored:
    """Choices are made on `picked` (validation), endpoints are those of `scored` (test); `owned` as of `assigned`.

    Raises:
      ValueError: for predictions or codes that are not finite, or fewer than two findings with `enough` positives and
        negatives in both.
    """
    if not np.isfinite(scored.probability).all():
        raise ValueError("predicted probabilities are not all finite")
    weights = bootstrap.with_sample(scored.patient, replicates, seed)
    left_out = _too_rare(picked, scored, labels, enough)
    kept = np.flatnonzero([label not in left_out for label in labels])
    names = tuple(labels[column] for column in kept)
    validation, test = (splits(read, each, kept) for each in (picked, scored))
    chosen = max(test, key=lambda name: _preference(read, picked, validation[name], name))
    blocks = _blocks(owned, names, (validation[chosen].code, test[chosen].code))
    panel = latent_panel.panel(*validation[chosen], *test[chosen], names, blocks, PERMUTATIONS, enough)
    known = [column[:, kept] for column in (scored.probability, scored.target, scored.weight)]
    aurocs = classification.per_label(classification.auroc, known[1], known[2], known[0], weights)
    found = {
        "auroc": aurocs.mean(axis=1),  # over the findings with enough cases, which no resample is likely to lose
        "aug": _normalised(augs(validation[chosen], test[chosen], weights[:, : len(scored.code)]), panel),
    }
    if scored.responses is not None:
        found |= _of_interventions(scored.responses, lambda codes: read(codes)[chosen], test[chosen].code, weights)
    raw = {
        "aug_raw": _gap(validation["raw"], test["raw"]),
        "d_raw": _answers(read, scored, test["raw"], "raw"),
        "c": _answers(read, scored, test[chosen], chosen, interventional.completeness),
        "specificity": panel["normalised"].get("specificity", float("nan")),
    }
    fold = readout.folds(picked.patient[: len(picked.code)])
    as_stored = (validation[chosen]._replace(code=picked.code), test[chosen]._replace(code=scored.code))
    probes = readout.readouts(*as_stored, fold, weights[:, : len(scored.code)])  # what the classifier reads
    idle = int((~interventional.alive(test[chosen].code)).sum())
    basis = Basis(*known, len(np.unique(scored.patient)), scored.code, False, idle)
    strength = disentanglement.strength(test[chosen])
    return Scored(found, chosen, panel, strength, names, summary | raw, aurocs, probes, basis, left_out)


def _preference(read: Reader, picked: ScoredCodes, split: LabelledCodes, name: str) -> tuple[float, float]:
    """The scores by which coordinates are chosen; gaps of the same ranks are equal up to rounding."""
    return round(_gap(split, split), 6), float(np.nan_to_num(_answers(read, picked, split, name)))


def assigned(model: ModelConfig, labels: tuple[str, ...]) -> dict[str, range] | None:
    """The coordinates that an assigned head gives to each label, where each latent of the code is one; None of other heads."""
    if model.head != "assigned" or model.structure != "product" or model.latents > 2:
        return None
    return {
        label: range(model.latents_per_finding * row, model.latents_per_finding * (row + 1))
        for row, label in enumerate(labels)
    }


def _blocks(
    owned: Mapping[str, range] | None, names: tuple[str, ...], codes: tuple[np.ndarray, ...]
) -> dict[str, range] | None:
    """The blocks of latents that the scored findings own, where all of them own latents that vary."""
    if owned is None:
        return None
    chosen = {name: owned[name] for name in names}
    pairs = [(block, code) for block in chosen.values() for code in codes]
    whole = all(block.stop <= code.shape[1] and np.ptp(code[:, block], axis=0).any() for block, code in pairs)
    return chosen if whole else None


def _answers(
    read: Reader,
    scored: ScoredCodes,
    split: LabelledCodes,
    name: str,
    of: Callable[[np.ndarray, np.ndarray], np.ndarray] = interventional.disentanglement,
) -> float:
    """Interventional D (or C) of a split in the coordinates of that name; NaN where nothing can be switched."""
    if scored.responses is None:
        return float("nan")
    found = interventional.changes(split.code, read(scored.responses.low)[name], read(scored.responses.high)[name])
    return float(of(found, np.ones((1, found.shape[1])))[0])


def _of_interventions(
    responses: Responses, read: Callable[[np.ndarray], np.ndarray], code: np.ndarray, weights: np.ndarray
) -> dict[str, np.ndarray]:
    """The endpoints that switch findings; `code` of the images as they are gives the unit of each latent's changes."""
    found = interventional.changes(code, read(responses.low), read(responses.high))
    rows = weights[:, : found.shape[1]]
    return {
        "interventional": interventional.disentanglement(found, rows),
        "ceiling": rows @ responses.ceiling.mean(axis=0) / rows.sum(axis=1),
    }


def _too_rare(picked: ScoredCodes, scored: ScoredCodes, labels: tuple[str, ...], enough: int) -> dict[str, str]:
    """{finding: reason} of those that lack positives or negatives among the images whose codes are kept.

    Raises:
      ValueError: where that leaves fewer than two.
    """
    both = {"validation": picked, "test": scored}
    splits = {n: LabelledCodes(m.code, m.target[: len(m.code)], m.weight[: len(m.code)]) for n, m in both.items()}
    rare = latent_panel.too_rare(splits, labels, enough)
    if len(labels) - len(rare) < 2:
        reasons = "; ".join(f"{label}: {reason}" for label, reason in rare.items())
        raise ValueError(f"fewer than two findings have cases enough to be scored ({reasons or 'only one is learned'})")
    return rare


def _gap(picked: LabelledCodes, scored: LabelledCodes) -> float:
    return float(disentanglement.aug(picked, scored).value.mean())


def augs(picked: LabelledCodes, scored: LabelledCodes, weights: Float[np.ndarray, "R N"]) -> Float[np.ndarray, " R"]:
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


def _summary(directory: Path) -> dict[str, float]:
    """Returns the scores that are described and not tested."""
    metrics = workdir.read_json(Path(directory) / "metrics.json")
    test, latent = metrics["test"], metrics["latent"]
    chosen = {name: test[name] for name in ("kl", "l1", "ssim", "elbo")}
    if not workdir.read_config(directory).model.family.density:
        chosen["elbo"] = float("nan")  # without a density there is no bound
    return chosen | {"active": latent["active"], "perplexity": latent.get("perplexity", float("nan"))}
