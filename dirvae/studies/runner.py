"""A list of runs: trained one after the other, resumed, merged by copying folders, and listed with what each lacks."""

from collections.abc import Callable
from pathlib import Path

from dirvae.config import Config, DataConfig, decisive_differences
from dirvae.studies.plan import PlannedRun, Runs, place
from dirvae.training import lock, workdir
from dirvae.training.checkpoints import CheckpointError
from dirvae.training.train import NonFiniteError

PHASES = ("data", "train", "evaluate")  # of a run that a study scores
FAILED = "failed.json"
DONE = "done"

TrainOne = Callable[[Config, Path], None]
"""(config, folder): trains and evaluates one run in its folder, as far as that is not done yet."""
Gather = Callable[[Path], None]
"""(folder): computes what a study asks of a finished run beyond its scores, as far as that is not done yet."""
Complete = Callable[[Path], bool]
"""(folder): whether `Gather` has nothing left to do."""


def train(
    directory: Path, runs: Runs, train_one: TrainOne, gather: Gather | None = None, say: Callable[[str], None] = print
) -> None:
    """Takes every run to its evidence, holding its folder. One that fails is noted in its folder, and the others go on.

    Raises:
      WorkdirError: where another job works in a run's folder.
    """
    for run in runs:
        where = place(directory, run)
        with lock.held(where, say):
            _train_one(run, where, train_one, gather, say)


def _train_one(
    run: PlannedRun, where: Path, train_one: TrainOne, gather: Gather | None, say: Callable[[str], None]
) -> None:
    try:
        train_one(run.config, where)
    except (NonFiniteError, CheckpointError) as error:
        workdir.write_json(where / FAILED, {"reason": str(error)})
        say(f"{where.name} failed: {error}")
        return
    (where / FAILED).unlink(missing_ok=True)
    if gather:
        gather(where)


def unprepared(directory: Path, runs: Runs) -> set[DataConfig]:
    """The data settings of the runs whose data set is not settled yet."""
    return {run.config.data for run in runs if "data" not in workdir.finished(place(directory, run))}


def state(where: Path, complete: Complete | None = None) -> str:
    """Says of a run's folder that it is done, that it failed and why, or what it lacks."""
    if (where / FAILED).exists():
        return f"failed: {workdir.read_json(where / FAILED)['reason']}"
    if not (where / "config.json").exists():
        return "not begun"
    finished = workdir.finished(where)
    lacking = [phase for phase in PHASES if phase not in finished]
    if not lacking and complete and not complete(where):
        lacking = ["evidence"]
    return f"lacks {', '.join(lacking)}" if lacking else DONE


def unlike(where: Path, config: Config, whole: str) -> str:
    """Why a run is none of those that a study, or another `whole`, has planned; nothing where it is."""
    other = decisive_differences(config, workdir.read_config(where))
    return f"was trained with another {', '.join(other)} than the {whole}'s" if other else ""


def listing(directory: Path, runs: Runs, minutes: float, complete: Complete | None = None) -> str:
    """The runs with their indices, folders and states, and how long the rest will take at `minutes` a run."""
    folders = [place(directory, run) for run in runs]
    states = [state(where, complete) for where in folders]
    rows = [
        f"{index:3d}  {where.name:<32} {one}" for index, (where, one) in enumerate(zip(folders, states, strict=True))
    ]
    left = sum(one != DONE for one in states)
    return "\n".join([*rows, f"{left} runs left, about {left * minutes:.0f} minutes on two CPU cores"])
