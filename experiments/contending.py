"""What `experiments.contest` does: truths of a split, a geometry picked on validation, every entry, every score, one file."""

from collections.abc import Mapping
from pathlib import Path

import jax.numpy as jnp
import numpy as np

from dirvae import cases, evaluate, geometry, parallel, runs, traversals, workdir
from dirvae.contest import choice, counterfactuals, entries, scoring, truth
from dirvae.contest.truth import Truth
from dirvae.metrics import classification, counterfactual
from experiments import effects, phases

PICKED = 16  # validation images a finding on which the geometry is picked
SHOWN = ("rma", "rma_skill", "rra", "rra_skill", "hit", "pixel_auroc", "ncc", "ncc_skill")


def contend(directory: Path, judge: Path | None, split: str, images: int, replicates: int) -> dict:
    """contest/<split>.json, which is also returned.

    Raises:
      WorkdirError: where the run, or the judge, has not been evaluated, or no image of the split has a known truth.
      ValueError: for a split that is not there, or a judge with other findings or of the same folder.
    """
    parallel.keep_freed_memory()
    run = runs.open_run(directory)
    told = another(judge, run) if judge else None
    tuned = evaluate.load(directory, "validation").predictions
    picked, scored = (truths(run, name, count) for name, count in (("validation", PICKED), (split, images)))
    if not scored:
        raise workdir.WorkdirError(
            f"{directory}: no true positive of {split} has an exact effect or a box to be scored by"
        )
    sign = 1.0 if run.config.explain.direction == "add" else -1.0
    name, options, tried = _geometry(run, tuned, sign, picked)
    entrants = [
        entries.ours(run.model, options, sign, run.config.seed),
        entries.released(run.model, run.config.model.prior, sign),
        *(entries.baseline(run.model, each) for each in entries.BASELINES),
    ]
    render, walk = entries.rendered(run.model), counterfactuals.walk(run.model, options, sign, images)
    spread = counterfactual.logit(tuned.probability).std(axis=0)
    maps, ends = {}, {}
    for one in scored:
        phases.progress_line(f"contest: {one.finding}, {len(one.image)} images")
        maps[one.finding] = scoring.table(one, entries.enter(entrants, render, run.params, one, images), replicates)
        made = counterfactuals.scores(walk(run.params, one), one, run.labels, spread, sign > 0, told)
        ends[one.finding] = scoring.means(made, one.patient, replicates)
    auroc = workdir.read_json(directory / "metrics.json")[split]["auroc"]
    found = {
        "split": split,
        "geometry": name,
        "geometries": tried,
        "images": {one.finding: len(one.image) for one in scored},
        "auroc": {one.finding: auroc[one.finding] for one in scored},
        "maps": maps,
        "counterfactuals": ends,
    }
    workdir.write_json(directory / "contest" / f"{split.replace('/', '--')}.json", found)
    return found


def truths(run: runs.Run, split: str, images: int) -> list[Truth]:
    """Of every finding but No Finding that has any, up to so many true positives."""
    if split not in runs.split_names(run):
        raise ValueError(f"the run's data have no split {split!r}; there are {', '.join(runs.split_names(run))}")
    examples, training = (runs.load_examples(run, name) for name in (split, "train"))
    predictions, tuned = (evaluate.load(run.workdir, name).predictions for name in (split, "validation"))
    thresholds = classification.youden_thresholds(tuned.target, tuned.weight, tuned.probability)
    intervene = effects.phantom_pair(run.config.data.image_size) if run.config.data.dataset == "phantom" else None
    found = []
    for column, positions in enumerate(truth.positives(predictions, thresholds, images, run.config.seed)):
        if not len(positions) or run.labels[column] == "No Finding":
            continue
        exact = intervene and truth.exact(examples, training, positions, column, intervene)
        one = exact or truth.boxed(examples, positions, column)
        found += [one] if one is not None else []
    return found


def another(directory: Path, run: runs.Run) -> counterfactuals.Judge:
    """The classifier of an independently trained run."""
    other = runs.open_run(directory)
    if other.workdir.resolve() == run.workdir.resolve():
        raise ValueError(
            f"--judge={directory} is the run itself, which agrees with itself; name one of another seed or prior"
        )
    if other.labels != run.labels:
        raise ValueError(f"--judge={directory} knows {', '.join(other.labels)}, the run {', '.join(run.labels)}")
    tuned = evaluate.load(directory, "validation").predictions
    thresholds = classification.youden_thresholds(tuned.target, tuned.weight, tuned.probability)
    return counterfactuals.Judge(counterfactuals.classifier(other.model, other.params), thresholds)


def _geometry(
    run: runs.Run, tuned: evaluate.Predictions, sign: float, picked: list[Truth]
) -> tuple[str, traversals.Options, dict[str, float]]:
    """Picked on validation images; the configured one where none of them has a known truth."""
    configured = cases.options_of(run.model, run.config, cases.metric_of(run.config, tuned))
    if not picked:
        return "as configured", configured, {}
    covariance = jnp.asarray(geometry.covariance(tuned.head_mean, shrinkage=0.0), jnp.float32)
    return choice.choose(run.model, run.params, configured, covariance, sign, picked, PICKED, phases.progress_line)


def text(found: Mapping) -> str:
    """Entries by their means over findings; then the traversal, finding by finding; then its ends as counterfactuals."""
    maps, ends = found["maps"], found["counterfactuals"]
    means = {score: scoring.over_findings(maps, score) for score in SHOWN}
    known = [score for score in SHOWN if means[score]]
    lines = [f"geometry: {found['geometry']}", "", _row(f"mean of {len(maps)} findings", known)]
    names = next(iter(maps.values()))
    lines += [
        _row(name, [f"{means[score][name]:.3f}" if name in means[score] else "" for score in known]) for name in names
    ]
    lines += ["", _row("traversal: denoised", ["n", "auroc", *known])]
    for finding, table in maps.items():
        own = table["traversal: denoised"]
        numbers = [f"{found['images'][finding]}", f"{found['auroc'][finding]:.3f}"]
        lines.append(_row(finding, numbers + [f"{own[score][0]:.3f}" if score in own else "" for score in known]))
    scores = list(next(iter(ends.values())))
    lines += ["", "counterfactuals: " + ", ".join(scores)]
    lines += [_row(finding, [f"{table[score][0]:.3f}" for score in scores]) for finding, table in ends.items()]
    overall = {score: np.nanmean([table[score][0] for table in ends.values()]) for score in scores}
    return "\n".join([*lines, _row("mean", [f"{overall[score]:.3f}" for score in scores])])


def _row(name: str, cells: list[str]) -> str:
    return f"{name:26s}" + "".join(f"{cell:>12s}" for cell in cells)
