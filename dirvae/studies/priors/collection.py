"""A study's finished runs, gathered: evidence of each, scores of each, and why a run is left out."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from dirvae.config import DataConfig
from dirvae.studies import runner
from dirvae.studies.plan import PlannedRun, Runs, Study, place
from dirvae.studies.priors import endpoints, evidence, traversals
from dirvae.studies.priors.flaw_effects import Traversals
from dirvae.training import workdir
from dirvae.types import Simulator

SimulatorOf = Callable[[DataConfig], Simulator | None]
"""(data settings): what renders the images of a run's data set; None where their causes are not known."""


class Missing(NamedTuple):
    """A run, or with no seed an arm, that is not in a report."""

    arm: str
    seed: int | None
    reason: str


class Collection(NamedTuple):
    """Scores {arm: {seed: Scored}} of the finished runs, the others with reasons, and the arms' traversals."""

    scored: Mapping[str, Mapping[int, endpoints.Scored]]
    missing: tuple[Missing, ...]
    traversals: Mapping[str, Traversals]


def gather(where: Path, simulator_of: SimulatorOf, data_dir: Path | None = None) -> None:
    """Computes a run's evidence, as far as it is not there yet; `data_dir` is looked for its data set first."""
    config = workdir.read_config(where)
    simulator = simulator_of(config.data)
    if not evidence.complete(where, simulator):
        evidence.gather(where, simulator, data_dir)
    if not traversals.complete(where, config, simulator):
        traversals.gather(where, simulator, data_dir)


def complete(where: Path, simulator_of: SimulatorOf) -> bool:
    """Tells whether all of a run's evidence is there; a run on real images needs none."""
    config = workdir.read_config(where)
    simulator = simulator_of(config.data)
    return evidence.complete(where, simulator) and traversals.complete(where, config, simulator)


def collect(
    directory: Path,
    study: Study,
    runs: Runs,
    simulator_of: SimulatorOf,
    replicates: int,
    say: Callable[[str], None] = print,
    data_dir: Path | None = None,
) -> Collection:
    """Scores every finished run, and the linear baseline of the first whose labels are its own."""
    scored: dict[str, dict[int, endpoints.Scored]] = {arm: {} for arm in study.arms}
    missing, reference = [], None
    for run in runs:
        where = place(directory, run)
        reason, reference = _unfit(where, run, reference, simulator_of)
        if not reason:
            try:
                switchable = simulator_of(run.config.data) is not None
                scored[run.arm][run.seed] = endpoints.score_run(where, replicates, switchable)
            except ValueError as error:
                reason = str(error)
        if reason:
            missing.append(Missing(run.arm, run.seed, reason))
        say(f"{where.name}: {reason or 'scored'}")
    _linear(directory, runs, scored, missing, simulator_of, replicates, data_dir)
    say(f"{evidence.LINEAR}: {next((m.reason for m in missing if m.arm == evidence.LINEAR), 'scored')}")
    done = {
        arm: [place(directory, run) for run in runs if run.arm == arm and run.seed in seeds]
        for arm, seeds in scored.items()
    }
    return Collection(scored, tuple(missing), traversals.load(done))


def _unfit(
    where: Path, run: PlannedRun, reference: tuple | None, simulator_of: SimulatorOf
) -> tuple[str, tuple | None]:
    """Why a run cannot be scored beside the others ("" where it can), and the first finished run's data and findings."""
    reason = runner.state(where, lambda folder: complete(folder, simulator_of))
    if reason != runner.DONE:
        return reason, reference
    content = workdir.read_json(where / "data.json")
    facts = (content["manifest"]["content_hash"], tuple(content["labels"]))
    reference = reference or facts
    reason = "" if facts == reference else "was trained on other data or findings than the first finished run"
    return runner.unlike(where, run.config, "study") or reason, reference


def _linear(
    directory: Path,
    runs: Runs,
    scored: dict,
    missing: list[Missing],
    simulator_of: SimulatorOf,
    replicates: int,
    data_dir: Path | None,
) -> None:
    """Scores the linear baseline, which is fitted on a run's own labels, hence not of one with shuffled labels."""
    fit = [run for run in runs if not run.config.data.shuffle_labels and run.seed in scored[run.arm]]
    if not fit:
        return
    try:
        simulator = simulator_of(fit[0].config.data)
        scored[evidence.LINEAR] = {0: evidence.score_linear(place(directory, fit[0]), simulator, replicates, data_dir)}
    except (ValueError, OSError) as error:  # where the runs came without their data set
        missing.append(Missing(evidence.LINEAR, None, str(error)))
