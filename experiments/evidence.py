"""What a study asks of a finished run beyond its scores: how its code responds to interventions on the phantom."""

from pathlib import Path

import numpy as np

from data_prep import phantom
from data_prep.phantom.factors import contrast
from dirvae import interventions, runs, workdir

IMAGES = 200  # of a split, on each of which every pathology is switched off and on
SPLITS = ("validation", "test")


def gather(directory: Path) -> None:
    """evidence/<split>.npz: for the P pathologies low and high codes [P, n, D] and the encode-decode ceiling [P, n].

    Raises:
      WorkdirError: for a run whose data set is not the phantom, or that has no checkpoint.
    """
    run = runs.open_run(directory)
    if run.config.data.dataset != "phantom":
        raise workdir.WorkdirError(f"{directory} was trained on real images, on which nothing can be switched")
    for split in SPLITS:
        table = runs.load_examples(run, split).split.table
        factors, seeds = table.factors[:IMAGES], table.seed[:IMAGES]
        responses = [_respond(run, factors, seeds, pathology) for pathology in phantom.PATHOLOGIES]
        columns = zip(*responses, strict=True)
        arrays = {name: np.stack(column) for name, column in zip(responses[0]._fields, columns, strict=True)}
        arrays |= {"pathology": np.asarray(phantom.PATHOLOGIES), "patient": table.patient[:IMAGES]}
        workdir.write_arrays(directory / "evidence" / f"{split}.npz", arrays)


def _respond(run: runs.Run, factors: np.ndarray, seeds: np.ndarray, pathology: str) -> interventions.Response:
    low, high = (phantom.render(each, seeds, run.config.data.image_size) for each in contrast(factors, pathology))
    return interventions.respond(run.model, run.params, low, high)
