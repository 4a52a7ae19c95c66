"""Evidence is what a study asks of a finished run beyond its scores: how its code responds to interventions on simulated images.

The same is asked of principal components, the code and decoder that need no network.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from sklearn.decomposition import PCA

from dirvae.explain import truth
from dirvae.latents.compositions import free_numbers
from dirvae.metrics import coordinates, counterfactual
from dirvae.studies.priors import codes, endpoints, flaws, interventions
from dirvae.training import data, evaluate, runs, workdir
from dirvae.types import Simulator, grey_levels

IMAGES = 200  # of a split, on each of which every pathology is switched off and on
LINEAR = "PCA + linear"  # the arm of the linear baseline
SPLITS = ("validation", "test")


def gather(directory: Path, simulator: Simulator | None, data_dir: Path | None = None) -> None:
    """evidence/<split>.npz: for the P pathologies low and high codes [P, n, D] and the encode-decode score [P, n].

    Raises:
      WorkdirError: for a run whose images have no simulator, or that has no checkpoint.
    """
    run = flaws.open_run(directory, data_dir)
    if simulator is None:
        raise workdir.WorkdirError(f"{directory} was trained on real images, on which nothing can be switched")
    for split in SPLITS:
        table = runs.load_examples(run, split).split.table
        found = responses(table, simulator, partial(interventions.respond, run.model, run.params))
        beside = {"pathology": np.asarray(simulator.pathologies), "patient": table.patient[:IMAGES]}
        workdir.write_arrays(directory / "evidence" / f"{split}.npz", found._asdict() | beside)


def complete(directory: Path, simulator: Simulator | None) -> bool:
    """Tells whether everything that `gather` writes is there; a run whose images have no simulator needs nothing."""
    return simulator is None or all((directory / "evidence" / f"{split}.npz").exists() for split in SPLITS)


def responses(table: data.Table, simulator: Simulator, respond: Callable) -> codes.Responses:
    """`respond(low, high) -> interventions.Response` to every pathology, on the first images of a split."""
    factors, seeds = table.factors[:IMAGES], table.seed[:IMAGES]
    each = [respond(*truth.pair(simulator, factors, seeds, pathology)) for pathology in simulator.pathologies]
    return codes.Responses(*(np.stack(column) for column in zip(*each, strict=True)))


def score_linear(
    directory: Path, simulator: Simulator | None, replicates: int, data_dir: Path | None = None
) -> endpoints.Scored:
    """The endpoints of principal components, as many as the run has latents, and of the run's linear baseline."""
    run = flaws.open_run(directory, data_dir)
    train = runs.load_examples(run, "train").split
    pixels = _flat(grey_levels(train.images(np.arange(len(train)))))
    fitted = PCA(free_numbers(run.config.model), svd_solver="randomized", random_state=0).fit(pixels)
    picked, scored = (_linear_codes(run, simulator, fitted, split) for split in SPLITS)
    nothing = dict.fromkeys(("kl", "elbo", "l1", "ssim", "perplexity"), float("nan"))
    summary = nothing | {"active": float(fitted.n_components_)}
    enough = run.config.evaluate.min_cases
    return endpoints.score(picked, scored, coordinates.numbers, run.labels, summary, replicates, enough=enough)


def _linear_codes(run: runs.Run, simulator: Simulator | None, fitted: PCA, split: str) -> codes.ScoredCodes:
    """Codes are the components' scores; the baseline's probabilities are those that the evaluation saved."""
    saved, examples = evaluate.load(run.workdir, split), runs.load_examples(run, split)
    known = (saved.linear, saved.predictions.target, saved.predictions.weight, saved.predictions.patient)
    code = fitted.transform(_flat(grey_levels(examples.split.images(np.arange(len(examples.split))))))
    if simulator is None:
        return codes.ScoredCodes(*known, code, None)
    answers = responses(examples.split.table, simulator, partial(_linear_response, fitted))
    return codes.ScoredCodes(*known, code, answers)


def _linear_response(fitted: PCA, low: np.ndarray, high: np.ndarray) -> interventions.Response:
    """The response of principal components: their scores are the code, their back-projection is the decoder."""
    codes, exact = [fitted.transform(_flat(images)) for images in (low, high)], high - low
    drawn = (fitted.inverse_transform(codes[1]) - fitted.inverse_transform(codes[0])).reshape(exact.shape)
    return interventions.Response(*codes, np.nan_to_num(counterfactual.ncc(drawn, exact)).astype(np.float32))


def _flat(images: np.ndarray) -> np.ndarray:
    return images.reshape(len(images), -1)
