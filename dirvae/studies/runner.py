"""The runs of a study: trained one after the other, listed, and gathered into its report."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from data_prep import sources
from dirvae.config import Config, ConfigError, differences
from dirvae.report import audit
from dirvae.report import study_page as page
from dirvae.studies.priors import endpoints, evidence, flaws, traversals
from dirvae.training import workdir
from dirvae.training.checkpoints import CheckpointError
from dirvae.training.train import NonFiniteError
from experiments import pipeline
from experiments.configs.studies import Study

Runs = Sequence[tuple[str, Config]]
"""(folder, config) of every run of a study."""
PHASES = ("data", "train", "evaluate")
FAILED = "failed.json"


def train(directory: Path, runs: Runs, raw_dir: Path | None, data_dir: Path) -> None:
    """Every run to its evidence. One that fails is noted in its folder, and the others go on.

    Raises:
      ConfigError: for data without a test split, before anything is trained.
      SourceError: for real images whose folder is not given or cannot be read.
    """
    for settings in {config.data for name, config in runs if "data" not in workdir.finished(directory / name)}:
        if "test" not in sources.open_source(settings, raw_dir).counts():
            raise ConfigError(
                "a study is scored on a test split: --raw_dir has to hold a valid.csv, and data.folds has to be 0"
            )
    pipeline.start(argparse.Namespace(distributed=False, coordinator="", data_dir=data_dir))
    for name, config in runs:
        where = directory / name
        try:
            pipeline.run(config, where, raw_dir, data_dir, PHASES, flaws.variant(config))
        except (NonFiniteError, CheckpointError) as error:
            workdir.write_json(where / FAILED, {"reason": str(error)})
            pipeline.say(f"{name} failed: {error}")
            continue
        (where / FAILED).unlink(missing_ok=True)
        if not evidence.complete(where):
            evidence.gather(where)
        if not traversals.complete(where, config):
            traversals.gather(where)


def state(where: Path) -> str:
    """done, failed (with the reason), or what is missing."""
    if (where / FAILED).exists():
        return f"failed: {workdir.read_json(where / FAILED)['reason']}"
    if not (where / "config.json").exists():
        return "not begun"
    done = workdir.finished(where)
    lacking = [phase for phase in PHASES if phase not in done]
    known = evidence.complete(where) and traversals.complete(where, workdir.read_config(where))
    if not lacking and not known:
        lacking = ["evidence"]
    return f"lacks {', '.join(lacking)}" if lacking else "done"


def unlike(where: Path, config: Config, whole: str) -> str:
    """Why a run is none of those that a study, or another `whole`, has planned; nothing where it is."""
    other = differences(config, workdir.read_config(where))
    return f"was trained with another {', '.join(other)} than the {whole}'s" if other else ""


def listing(directory: Path, runs: Runs, minutes: float) -> str:
    rows = [f"{index:3d}  {name:<32} {state(directory / name)}" for index, (name, _) in enumerate(runs)]
    left = sum(not row.endswith(" done") for row in rows)
    return "\n".join([*rows, f"{left} runs left, about {left * minutes:.0f} minutes on two CPU cores"])


def report(directory: Path, study: Study, runs: Runs, replicates: int) -> str:
    """Scores every finished run, writes the report, and returns its summary and place."""
    scored: dict[str, dict[int, endpoints.Scored]] = {arm: {} for arm in study.arms}
    missing, reference = {}, None
    for name, config in runs:
        where, arm = directory / name, name.rpartition("-")[0]
        reason = state(where)
        if reason == "done":
            content = workdir.read_json(where / "data.json")
            facts = (content["manifest"]["content_hash"], tuple(content["labels"]))
            reference = reference or facts
            reason = "" if facts == reference else "was trained on other data or findings than the first finished run"
            reason = unlike(where, config, "study") or reason
        if not reason:
            try:
                scored[arm][config.seed] = endpoints.score_run(where, replicates)
            except ValueError as error:
                reason = str(error)
        if reason:
            missing[name] = reason
        pipeline.say(f"{name}: {reason or 'scored'}")
    # The linear baseline is fitted on a run's own labels, so not on shuffled ones.
    true = [name for name, config in runs if not config.data.shuffle_labels]
    first = next((directory / name for name in true if name not in missing), None)
    try:
        if first:
            scored[evidence.LINEAR] = {0: evidence.score_linear(first, replicates)}
    except (ValueError, OSError) as error:  # as where the runs came without their data set
        missing[evidence.LINEAR] = str(error)
    pipeline.say(f"{evidence.LINEAR}: {missing.get(evidence.LINEAR, 'scored')}")
    steered = {name.rpartition("-")[0] for name, config in runs if config.loss.target_kl}
    made = page.conclude(study.name, study.question, study.contrast, study.margin, scored, missing, steered)
    done = {arm: [directory / f"{arm}-{seed}" for seed in seeds] for arm, seeds in scored.items()}
    made = made._replace(audit=audit.conclude(study.contrast, study.contrasts, scored, traversals.load(done)))
    return f"{page.summary(made)}\n{page.write(directory, made)}"
