"""The layout of a run's folder, and what guards it: one config a folder, finished phases not redone, whole files only.

config.json  versions.json  data.json (labels, data set, manifest)  parameters.txt  phases.json
metrics.jsonl  tensorboard/  checkpoints/      written while training
predictions/<split>.npz  metrics.json  latent.npz  familiarity.npz    written by the evaluation
cases/  figures/  report.html                  written by the explanation and the report
explanations/                                  written by experiments.explain
"""

import importlib.metadata
import json
import platform
import shutil
from pathlib import Path
from typing import Any

import numpy as np

from dirvae.config import Config, ConfigError, decisive_differences, from_json, to_json

PACKAGES = (
    "jax",
    "jaxlib",
    "flax",
    "optax",
    "orbax-checkpoint",
    "tfp-nightly",
    "tensorflow-datasets",
    "grain",
    "numpy",
)
LOCK = "lock.json"  # is there while a job works in the folder (`dirvae.training.lock`)


class WorkdirError(ValueError):
    """A folder that cannot be used as asked; the message says why and what to do."""


def write_text(path: Path, text: str) -> None:
    """Writes a file whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    partial.write_text(text)
    partial.replace(path)


def write_json(path: Path, value: Any) -> None:
    """Writes strict JSON, in which what is not finite becomes null."""
    write_text(path, as_json(value))


def as_json(value: Any) -> str:
    """The text that `write_json` writes."""
    return json.dumps(_finite(value), indent=2, allow_nan=False) + "\n"


def write_folder(path: Path, files: dict[str, bytes]) -> None:
    """A folder of files, whole or not at all; an earlier folder of the same files is replaced.

    Raises:
      WorkdirError: where something else lies at `path`.
    """
    strange = [path.name] if path.is_file() else sorted({f.name for f in path.glob("*")} - set(files))
    if strange:
        raise WorkdirError(f"{path} holds something else ({strange[0]}) and is not replaced; give another folder")
    partial, former = (path.with_name(path.name + ending) for ending in (".partial", ".former"))
    for left in (partial, former):
        shutil.rmtree(left, ignore_errors=True)
    try:
        partial.mkdir(parents=True)
        for name, content in files.items():
            (partial / name).write_bytes(content)
        if path.exists():
            path.rename(former)
        partial.rename(path)
    finally:
        for left in (partial, former):
            shutil.rmtree(left, ignore_errors=True)


def write_arrays(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """A compressed .npz, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    with partial.open("wb") as file:
        np.savez_compressed(file, **arrays)
    partial.replace(path)


def read_json(path: Path) -> Any:
    """Raises WorkdirError where the file is missing or damaged."""
    try:
        return json.loads(Path(path).read_text())
    except FileNotFoundError:
        raise WorkdirError(f"{path} is missing; has the run got so far?") from None
    except json.JSONDecodeError as error:
        raise WorkdirError(f"{path} is not valid JSON ({error}); remove it and run again") from None


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    if isinstance(value, np.ndarray):
        return _finite(value.tolist())
    if isinstance(value, (float, np.floating)):
        return float(value) if np.isfinite(value) else None
    if isinstance(value, np.integer):
        return int(value)
    return value


def check(workdir: Path, config: Config) -> None:
    """Checks that the folder is free for this config, or already holds its run.

    Fields that change nothing that is learned, such as the number of processes that read images, may differ.

    Raises:
      WorkdirError: when it holds a run of another config, naming the fields that differ, or something that is no run.
    """
    if (Path(workdir) / "config.json").exists():
        differing = decisive_differences(config, read_config(workdir))
        if differing:
            listed = "; ".join(f"{name}: {new!r} here, {old!r} there" for name, (new, old) in differing.items())
            raise WorkdirError(f"{workdir} holds a run of another config ({listed}); give another --workdir")
    elif Path(workdir).exists() and not Path(workdir).is_dir():
        raise WorkdirError(f"{workdir} is a file; give a folder as --workdir")
    elif Path(workdir).exists() and any(file.name != LOCK for file in Path(workdir).iterdir()):
        raise WorkdirError(f"{workdir} is not empty and holds no run; give another --workdir")


def claim(workdir: Path, config: Config) -> None:
    """Makes the folder this config's own, with config.json and versions.json; raises as `check`."""
    check(workdir, config)
    path = Path(workdir) / "config.json"
    if not path.exists():
        write_json(path.with_name("versions.json"), versions())
        write_text(path, to_json(config))


def read_config(workdir: Path) -> Config:
    """Raises WorkdirError where there is no run or its config cannot be read."""
    path = Path(workdir) / "config.json"
    if not path.exists():
        raise WorkdirError(f"{workdir} holds no run (no config.json)")
    try:
        return from_json(path.read_text())
    except (ConfigError, json.JSONDecodeError, AttributeError) as error:
        raise WorkdirError(f"{path} cannot be read: {error}") from None


def versions() -> dict[str, str]:
    """Versions of Python, this package and those that results depend on."""
    found = {"python": platform.python_version()}
    for name in ("dirvae", *PACKAGES):
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = "not installed"
    return found


def finished(workdir: Path) -> dict[str, float]:
    """Finished phases and the seconds each took."""
    path = Path(workdir) / "phases.json"
    return read_json(path) if path.exists() else {}


def finish(workdir: Path, phase: str, seconds: float) -> None:
    write_json(Path(workdir) / "phases.json", finished(workdir) | {phase: round(seconds, 2)})
