"""The main command on a phantom of a hundred images: everything it promises, killed, resumed and misused."""

import json
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import jax
import numpy as np
import pytest
from support import compiler, real_xrays

from dirvae.training import runs
from experiments import evaluate, report, run

ROOT = Path(__file__).parents[2]
TINY = {
    "phantom_train": 96,
    "phantom_validation": 48,
    "phantom_test": 48,
    "image_size": 32,
    "widths": "8,8",
    "hidden": 16,
    "latents": 8,
    "devices": 1,
    "steps": 20,
    "batch_size": 16,
    "log_every": 5,
    "checkpoint_every": 5,
    "replicates": 50,
    "cases": 1,
    "path_steps": 3,
    "build_workers": 1,
}


def flags_of(folder, *flags, **fields):
    """The command line of a tiny run whose data are in `folder`."""
    settings = [f"--config.{name}={value}" for name, value in (TINY | fields).items()]
    return [f"--data_dir={folder / 'data'}", *flags, *settings]


def start(arguments):
    """A process of its own, on one device: what is killed, resumed, and compared with them bit for bit."""
    command = [sys.executable, "-m", "experiments.run", *arguments]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, cwd=ROOT, env=compiler.environment(devices=1), **pipes)


def call(arguments):
    """The exit code of a process of its own, and what it wrote to standard error."""
    running = start(arguments)
    _, error = running.communicate(timeout=300)
    return running.returncode, error


def params(workdir):
    return np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(runs.open_run(workdir).params)])


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """The folder of a Dirichlet run, by a process of its own, and of an evaluated Gaussian one."""
    folder = tmp_path_factory.mktemp("runs")
    code, error = call(flags_of(folder, "--prior=dirichlet", f"--workdir={folder / 'dirichlet'}"))
    assert code == 0, error
    run.main(flags_of(folder, "--prior=gaussian", f"--workdir={folder / 'gaussian'}", "--phases=data,train,evaluate"))
    return folder


@pytest.mark.slow
def test_a_run_leaves_everything_it_promises(finished):
    workdir = finished / "dirichlet"
    metrics = json.loads((workdir / "metrics.json").read_text())
    for split in ("validation", "test"):
        scores = metrics[split]
        for name in ("auroc", "auprc", "brier", "ece"):
            assert 0 <= scores[name]["macro"] <= 1
            low, high = scores[f"{name}_interval"]["macro"]
            few = "macro" in scores["intervals"]["missing"][name]
            assert low is None if few else low <= scores[name]["macro"] <= high or name == "ece"
        assert scores["elbo"] == pytest.approx(-(scores["nll"] + scores["kl"]), rel=1e-5)
        assert {"l1", "ssim", "psnr", "kl"} <= set(scores)
    assert metrics["latent"]["prior"]["perplexity"] < 8
    assert metrics["timing"]["best_step"] in range(5, 21, 5)
    page = (workdir / "report.html").read_text()
    assert not re.search(r"(src|href)=['\"](?!data:|#)", page)  # nothing is fetched from anywhere
    assert page.count("data:image/png") >= 6
    assert page.count("data:image/gif") >= 1
    assert (workdir / "tensorboard").exists()
    assert "encoder" in (workdir / "parameters.txt").read_text()


@pytest.mark.slow
def test_the_same_command_again_redoes_nothing(finished, capsys):
    before = (finished / "dirichlet" / "metrics.json").stat().st_mtime_ns
    run.main(flags_of(finished, "--prior=dirichlet", f"--workdir={finished / 'dirichlet'}"))
    assert capsys.readouterr().out.count("already done") == 5
    assert (finished / "dirichlet" / "metrics.json").stat().st_mtime_ns == before


@pytest.mark.slow
def test_a_killed_run_resumes_bit_for_bit(finished, tmp_path):
    arguments = flags_of(finished, "--prior=dirichlet", f"--workdir={tmp_path / 'run'}", "--phases=data,train")
    running = start(arguments)
    until = time.monotonic() + 200
    while not (tmp_path / "run" / "checkpoints" / "10").exists() and time.monotonic() < until:
        time.sleep(0.01)
    running.send_signal(signal.SIGKILL)
    running.communicate()
    assert "train" not in (tmp_path / "run" / "phases.json").read_text()
    code, error = call(arguments)
    assert code == 0, error
    np.testing.assert_array_equal(params(tmp_path / "run"), params(finished / "dirichlet"))


@pytest.mark.slow
def test_runs_are_set_side_by_side(finished, tmp_path):
    both = [str(finished / "dirichlet"), str(finished / "gaussian")]
    report.main([*both, f"--out={tmp_path}", "--replicates=50"])
    compared = json.loads((tmp_path / "comparison.json").read_text())
    test = next(one for one in compared if one["split"] == "test")
    gap = test["differences"]["gaussian"]["auroc"]["macro"]
    expected = test["scores"]["dirichlet"]["auroc"]["macro"] - test["scores"]["gaussian"]["auroc"]["macro"]
    assert gap["difference"] == pytest.approx(expected, abs=1e-6)
    assert gap["interval"][0] <= gap["difference"] <= gap["interval"][1]
    assert "dirichlet" in (tmp_path / "comparison.html").read_text()


@pytest.mark.slow
def test_another_split_is_scored(finished):
    evaluate.main([f"--data_dir={finished / 'data'}", f"--workdir={finished / 'gaussian'}", "--split=test_rho0"])
    assert "macro" in json.loads((finished / "gaussian" / "metrics.json").read_text())["test_rho0"]["auroc"]


@pytest.mark.parametrize(
    ("flags", "fields", "sentence"),
    [
        (["--prior=gaussian"], {}, "holds a run of another config (model.prior: 'gaussian' here, 'dirichlet' there)"),
        ([], {"batchsize": 4}, "did you mean 'train.batch_size'?"),
        ([], {"batch_size": 0}, "train.batch_size must be above 0"),
        ([], {"devices": 64}, "this host has 8"),
        ([], {"image_size": 36}, "data.image_size must be"),
        (["--phases=trian"], {}, "trian is not one of"),
        (["--dataset=chexpert"], {}, "needs --raw_dir"),
        (["--dataset=chexpert", "--raw_dir=nowhere"], {}, "nowhere is not a folder"),
        (["--bogus=1"], {}, "'--bogus=1' is not a flag"),
        ([], {"labels": "Oedema"}, "did you mean 'Edema'?"),
        ([], {"labels": "Fracture"}, "no positive"),
        ([], {"init_from": "nowhere"}, "nowhere holds no run"),
    ],
)
@pytest.mark.slow
def test_bad_input_gives_one_clear_sentence_and_claims_no_folder(finished, tmp_path, capsys, flags, fields, sentence):
    workdir = finished / "dirichlet" if "--prior=gaussian" in flags else tmp_path / "run"
    with pytest.raises(SystemExit) as stopped:
        run.main(flags_of(finished, f"--workdir={workdir}", *flags, **fields))
    assert stopped.value.code in (1, 2)
    last = capsys.readouterr().err.strip().splitlines()[-1]
    assert last.startswith("error: ")
    assert sentence in last
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_a_run_without_checkpoints_cannot_be_evaluated(finished, tmp_path):
    """A process of its own, whose last line is the error, and which prints no traceback."""
    code, error = call(flags_of(finished, f"--workdir={tmp_path / 'run'}", "--phases=data,evaluate"))
    assert code == 1
    assert "Traceback" not in error
    assert error.strip().splitlines()[-1].startswith("error: ")
    assert "holds no checkpoint" in error.strip().splitlines()[-1]


@real_xrays.needed
@pytest.mark.slow
def test_the_same_command_runs_on_real_xrays(tmp_path):
    flags = ["--dataset=chexpert", f"--raw_dir={real_xrays.FOLDER}", f"--workdir={tmp_path / 'run'}"]
    run.main(flags_of(tmp_path, *flags, steps=10, labels="Cardiomegaly,Edema,No Finding"))
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert metrics["test"]["images"] == 163
    elsewhere = [f"--raw_dir={real_xrays.FOLDER}", "--split=valid", f"--data_dir={tmp_path / 'data'}"]
    evaluate.main([f"--workdir={tmp_path / 'run'}", *elsewhere])
    again = json.loads((tmp_path / "run" / "metrics.json").read_text())
    (key,) = [name for name in again if name.startswith("nih1993_64/valid@")]
    assert again[key]["auroc"] == again["test"]["auroc"]
