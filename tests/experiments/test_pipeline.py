"""A run whose labels are one-sided, whose data moved, or whose folder is in use: what the phases do and say."""

import csv
import json
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image
from support.tiny import TINY

from dirvae.config import ConfigError, validate
from dirvae.explain import explainer as explainers
from dirvae.labels import FINDINGS
from dirvae.training import runs
from dirvae.training.workdir import LOCK
from experiments import configs, evaluate, run
from experiments.cli import CONSOLE

ILL = ("Cardiomegaly", "Edema")


@pytest.fixture(scope="module")
def xrays(tmp_path_factory):
    """A folder of 60 + 20 patients as CheXpert has them: No Finding and Support Devices are 1 or blank, and never 0."""
    root, rng = tmp_path_factory.mktemp("raw") / "chexpert", np.random.default_rng(0)
    for split, count, first in (("train", 60, 1), ("valid", 20, 50001)):
        rows = []
        for number in range(first, first + count):
            path = f"{root.name}/{split}/patient{number:05d}/study1/view1_frontal.jpg"
            (root.parent / path).parent.mkdir(parents=True)
            has = {finding: rng.random() < 0.4 for finding in (*ILL, "Support Devices")}
            pixels = rng.integers(0, 60, (48, 48)) + 80 * has["Edema"] + 60 * has["Cardiomegaly"] * (np.arange(48) > 24)
            Image.fromarray(pixels.astype(np.uint8)).save(root.parent / path)
            row = {"Path": path, "Sex": "Male", "Age": 50, "Frontal/Lateral": "Frontal", "AP/PA": "AP"}
            row |= dict.fromkeys(FINDINGS, "") | {finding: f"{int(has[finding])}.0" for finding in ILL}
            row |= {"Support Devices": "1.0" if has["Support Devices"] else ""}
            row |= {"No Finding": "" if any(has[finding] for finding in ILL) else "1.0"}
            rows.append({name: "0.0" if split == "valid" and value == "" else value for name, value in row.items()})
        with (root / f"{split}.csv").open("w", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
    return root


def flags(xrays, folder, *more, **fields):
    settings = {
        name: TINY[name] for name in ("image_size", "first_stride", "widths", "hidden", "batch_size", "replicates")
    }
    settings |= {"latents": 4, "steps": 2, "checkpoint_every": 2, "build_workers": 1, "bound_images": 0} | fields
    settings["widths"] = "4,8"
    named = [f"--config.{name}={value}" for name, value in settings.items()]
    where = [f"--workdir={folder / 'runs' / 'a'}", f"--data_dir={folder / 'data'}", "--preset=plain"]
    return ["--dataset=chexpert", f"--raw_dir={xrays}", *where, *more, *named]


def test_findings_without_known_negatives_are_left_out_by_name(xrays, tmp_path, capsys):
    run.main(flags(xrays, tmp_path, "--phases=data", blank="ignore", labels=""))
    said = capsys.readouterr().out
    facts = json.loads((tmp_path / "runs" / "a" / "data.json").read_text())
    assert facts["labels"] == list(ILL)
    assert facts["left_out"]["No Finding"] == facts["left_out"]["Support Devices"] == "no negative"
    (sentence,) = [line for line in said.splitlines() if "are not learned" in line]
    assert "No Finding (no negative)" in sentence
    assert "Support Devices (no negative)" in sentence


def test_such_findings_cannot_be_wanted(xrays, tmp_path, capsys):
    with pytest.raises(SystemExit) as ended:
        run.main(flags(xrays, tmp_path, "--phases=data", blank="ignore", labels="Edema,Support Devices"))
    assert ended.value.code == 2
    assert "lack one value of Support Devices (no negative)" in capsys.readouterr().err
    assert not (tmp_path / "runs").exists()


@pytest.mark.slow
def test_a_run_whose_data_moved_is_resumed_and_evaluated(xrays, tmp_path, capsys):
    given = {"blank": "ignore", "labels": ""}
    run.main(flags(xrays, tmp_path, "--phases=data,train", **given))
    folder = tmp_path / "runs" / "a"
    assert not json.loads((folder / "data.json").read_text())["directory"].startswith("/")
    tmp_path.joinpath("data").rename(tmp_path / "elsewhere")
    moved = [flag for flag in flags(xrays, tmp_path, "--phases=evaluate", **given) if "data_dir" not in flag]
    with pytest.raises(SystemExit):
        run.main([*moved, f"--data_dir={tmp_path / 'nowhere'}"])
    sentence = capsys.readouterr().err.strip()
    assert "(no data set)" in sentence
    assert "give the folder that holds it as --data_dir" in sentence
    run.main([*moved, f"--data_dir={tmp_path / 'elsewhere'}"])
    evaluate.main([f"--workdir={folder}", "--split=test", f"--data_dir={tmp_path / 'elsewhere'}"])
    assert "macro" in json.loads((folder / "metrics.json").read_text())["test"]["auroc"]
    assert runs.dataset_of(folder, tmp_path / "elsewhere").is_dir()
    explained = explainers.load(folder)(np.zeros((32, 32), np.uint8), "Edema")  # needs no data set at all
    assert explained.probability.shape == (2,)


def test_a_second_job_in_a_runs_folder_is_refused(xrays, tmp_path, capsys):
    folder = tmp_path / "runs" / "a"
    program = (
        "import sys, time; from pathlib import Path; from dirvae.training import lock\n"
        "with lock.held(Path(sys.argv[1])):\n    print('held', flush=True); time.sleep(120)"
    )
    first = subprocess.Popen(
        [sys.executable, "-c", program, str(folder)], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    try:
        assert first.stdout.readline() == b"held\n"
        with pytest.raises(SystemExit) as ended:
            run.main(flags(xrays, tmp_path, "--phases=data"))
        assert ended.value.code == 1
        assert f"is in use by process {first.pid}" in capsys.readouterr().err
        assert [path.name for path in folder.iterdir()] == [LOCK]
    finally:
        first.kill()
        first.wait()
    run.main(flags(xrays, tmp_path, "--phases=data"))
    assert f"the lock of process {first.pid}" in capsys.readouterr().out
    assert not (folder / LOCK).exists()


def test_a_code_without_density_drops_the_presets_target_of_the_kl(capsys):
    config = configs.resolve("default", "deterministic")
    assert configs.preset("default").loss.target_kl > 0
    assert config.loss.target_kl == 0
    assert validate(config) == config
    arguments = run.parser().parse(["--prior=deterministic"])
    assert run.resolve(arguments) == config
    assert "loss.target_kl of the preset default is dropped: prior deterministic has no KL" in capsys.readouterr().out
    run.resolve(run.parser().parse(["--prior=gaussian"]))
    assert "dropped" not in capsys.readouterr().out
    with pytest.raises(ConfigError, match=r"loss\.target_kl must be 0 where model\.prior is deterministic"):
        configs.resolve("default", "deterministic", {"target_kl": 5.0})
    CONSOLE.close()
