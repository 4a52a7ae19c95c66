"""Scored runs of a study with given endpoints."""

import numpy as np

from dirvae.metrics.readout import Readouts
from dirvae.studies import plan
from dirvae.studies.priors import collection, outcome
from dirvae.studies.priors.endpoints import Basis, Scored

LABELS = ("Edema", "Cardiomegaly")


RNG = np.random.default_rng(0)


IMAGES, LATENTS = 60, 6


def scored(simplex=False, left_out=None, further=None, **means):
    values = {name: np.append(means[name], means[name] + 0.002 * RNG.standard_normal(300)) for name in means}
    scores = {"aug": 0.3, "dci_d": 0.2}
    scores |= further or {}
    panel = {"scores": scores, "ceilings": dict.fromkeys(scores, 0.9), "nulls": dict.fromkeys(scores, 0.01)}
    described = {
        "kl": 120.0 if simplex else 113.0,
        "elbo": 6000.0,
        "l1": 0.04,
        "ssim": 0.77,
        "active": 64.0,
        "perplexity": 18.0,
        "aug_raw": 0.2,
        "d_raw": 0.1,
        "c": 0.2,
        "specificity": 0.3,
    }
    aurocs = np.stack([values["auroc"], values["auroc"] - 0.1], axis=1)
    probes = Readouts(values["auroc"] - 0.02, values["auroc"] - 0.03, np.array([0.48, 0.52]))
    return Scored(
        values,
        "clr",
        panel,
        RNG.random((LATENTS, 2)),
        LABELS,
        described,
        aurocs,
        probes,
        basis(simplex),
        left_out or {},
    )


def basis(simplex):
    """The same labels for all; latents 4 and 1 tell the first and the second finding, the others neither."""
    rng = np.random.default_rng(1)
    target = (np.arange(IMAGES)[:, None] // [1, 2] % 2).astype(np.float32)
    probability = np.clip(0.5 + 0.3 * (target - 0.5) + 0.1 * rng.standard_normal(target.shape), 0, 1)
    code = rng.random((IMAGES, LATENTS))
    code[:, [4, 1]] += 2.0 * target
    code = code / code.sum(axis=1, keepdims=True) if simplex else code
    return Basis(probability, target, np.ones_like(target), 30, code, simplex, 1)


def concluded(runs, missing=(), steered=(), contrast=("A", "B"), question="?", contrasts=(), traversals=None):
    """The outcome of a toy study of these runs {arm: {seed: run}}."""
    study = plan.Study("toy", question, {arm: {} for arm in runs}, (), {}, contrast, 0.01, 1.0, contrasts)
    return outcome.conclude(study, collection.Collection(runs, tuple(missing), traversals or {}), steered)
