"""The runs of a study: trained one after the other, listed, and gathered into its report."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from dirvae import endpoints, workdir
from dirvae.config import Config
from dirvae.report import study as page
from dirvae.train import NonFiniteError
from experiments import evidence, phases
from experiments.configs.studies import Study

PHASES = ("data", "train", "evaluate")
FAILED = "failed.json"
Runs = Sequence[tuple[str, Config]]


def train(directory: Path, runs: Runs, data_dir: Path) -> None:
    """Every run to its evidence. One that stops being finite is noted in its folder, and the others go on."""
    phases.start(argparse.Namespace(distributed=False, coordinator="", data_dir=data_dir))
    for name, config in runs:
        where = directory / name
        try:
            phases.run(config, where, None, data_dir, PHASES)
        except NonFiniteError as error:
            workdir.write_json(where / FAILED, {"reason": str(error)})
            phases.say(f"{name} failed: {error}")
            continue
        if not (where / "evidence").exists():
            evidence.gather(where)


def state(where: Path) -> str:
    """done, failed (with the reason), or what is missing."""
    if (where / FAILED).exists():
        return f"failed: {workdir.read_json(where / FAILED)['reason']}"
    if not (where / "config.json").exists():
        return "not begun"
    done = workdir.finished(where)
    lacking = [phase for phase in PHASES if phase not in done]
    if not lacking and not (where / "evidence" / "test.npz").exists():
        lacking = ["evidence"]
    return f"lacks {', '.join(lacking)}" if lacking else "done"


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
        if not reason:
            try:
                scored[arm][config.seed] = endpoints.score_run(where, replicates)
            except ValueError as error:
                reason = str(error)
        if reason:
            missing[name] = reason
        phases.say(f"{name}: {reason or 'scored'}")
    first = next((directory / name for name, _ in runs if name not in missing), None)
    if first:
        scored[evidence.LINEAR] = {0: evidence.score_linear(first, replicates)}
        phases.say(f"{evidence.LINEAR}: scored")
    made = page.conclude(study.name, study.question, study.contrast, study.margin, scored, missing)
    return f"{page.summary(made)}\n{page.write(directory, made)}"
