"""The main command on a phantom of a hundred images: everything it promises, killed, resumed and misused."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from support import real_xrays

ROOT = Path(__file__).parents[2]
TINY = {
    "phantom_train": 96,
    "phantom_validation": 48,
    "phantom_test": 48,
    "image_size": 32,
    "widths": "8,8",
    "hidden": 16,
    "latents": 8,
    "steps": 40,
    "batch_size": 16,
    "log_every": 5,
    "checkpoint_every": 5,
    "replicates": 50,
    "cases": 1,
    "path_steps": 3,
    "build_workers": 1,
}


def command(folder, *flags, module="run", **fields):
    settings = [f"--config.{name}={value}" for name, value in (TINY | fields).items()]
    data = [] if module == "report" else [f"--data_dir={folder / 'data'}"]
    return [sys.executable, "-m", f"experiments.{module}", *data, *flags, *(settings if module == "run" else [])]


def call(arguments):
    environment = os.environ | {"JAX_PLATFORMS": "cpu", "XLA_FLAGS": ""}
    return subprocess.run(arguments, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300)


def params(workdir):
    from dirvae.training import runs

    run = runs.open_run(workdir)
    import jax

    return np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(run.params)])


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    for prior in ("dirichlet", "gaussian"):
        done = call(command(folder, f"--prior={prior}", f"--workdir={folder / prior}"))
        assert done.returncode == 0, done.stderr
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
    assert metrics["timing"]["best_step"] in range(5, 41, 5)
    page = (workdir / "report.html").read_text()
    assert not re.search(r"(src|href)=['\"](?!data:|#)", page)  # nothing is fetched from anywhere
    assert page.count("data:image/png") >= 6
    assert page.count("data:image/gif") >= 1
    assert (workdir / "tensorboard").exists()
    assert "encoder" in (workdir / "parameters.txt").read_text()


@pytest.mark.slow
def test_the_same_command_again_redoes_nothing(finished):
    before = (finished / "dirichlet" / "metrics.json").stat().st_mtime_ns
    done = call(command(finished, "--prior=dirichlet", f"--workdir={finished / 'dirichlet'}"))
    assert done.returncode == 0
    assert done.stdout.count("already done") == 5
    assert (finished / "dirichlet" / "metrics.json").stat().st_mtime_ns == before


@pytest.mark.slow
def test_a_killed_run_resumes_bit_for_bit(finished, tmp_path):
    arguments = command(finished, "--prior=dirichlet", f"--workdir={tmp_path / 'run'}", "--phases=data,train")
    environment = os.environ | {"JAX_PLATFORMS": "cpu", "XLA_FLAGS": ""}
    running = subprocess.Popen(
        arguments, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    until = time.monotonic() + 200
    while not (tmp_path / "run" / "checkpoints" / "10").exists() and time.monotonic() < until:
        time.sleep(0.01)
    running.send_signal(signal.SIGKILL)
    running.wait()
    assert "train" not in (tmp_path / "run" / "phases.json").read_text()
    done = call(arguments)
    assert done.returncode == 0, done.stderr
    np.testing.assert_array_equal(params(tmp_path / "run"), params(finished / "dirichlet"))


@pytest.mark.slow
def test_runs_are_set_side_by_side(finished, tmp_path):
    both = [str(finished / "dirichlet"), str(finished / "gaussian")]
    done = call(command(finished, *both, f"--out={tmp_path}", "--replicates=50", module="report"))
    assert done.returncode == 0, done.stderr
    compared = json.loads((tmp_path / "comparison.json").read_text())
    test = next(one for one in compared if one["split"] == "test")
    gap = test["differences"]["gaussian"]["auroc"]["macro"]
    expected = test["scores"]["dirichlet"]["auroc"]["macro"] - test["scores"]["gaussian"]["auroc"]["macro"]
    assert gap["difference"] == pytest.approx(expected, abs=1e-6)
    assert gap["interval"][0] <= gap["difference"] <= gap["interval"][1]
    assert "dirichlet" in (tmp_path / "comparison.html").read_text()


@pytest.mark.slow
def test_another_split_is_scored(finished):
    done = call(command(finished, f"--workdir={finished / 'gaussian'}", "--split=test_rho0", module="evaluate"))
    assert done.returncode == 0, done.stderr
    assert "macro" in json.loads((finished / "gaussian" / "metrics.json").read_text())["test_rho0"]["auroc"]


@pytest.mark.parametrize(
    ("flags", "fields", "sentence"),
    [
        (["--prior=gaussian"], {}, "holds a run of another config (model.prior: 'gaussian' here, 'dirichlet' there)"),
        ([], {"batchsize": 4}, "did you mean 'train.batch_size'?"),
        ([], {"batch_size": 0}, "train.batch_size must be above 0"),
        ([], {"devices": 64}, "this host has 1"),
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
def test_bad_input_gives_one_clear_sentence_and_claims_no_folder(finished, tmp_path, flags, fields, sentence):
    workdir = finished / "dirichlet" if "--prior=gaussian" in flags else tmp_path / "run"
    done = call(command(finished, f"--workdir={workdir}", *flags, **fields))
    assert done.returncode in (1, 2)
    assert "Traceback" not in done.stderr
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("error: ")
    assert sentence in last
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_a_run_without_checkpoints_cannot_be_evaluated(finished, tmp_path):
    arguments = command(finished, f"--workdir={tmp_path / 'run'}", "--phases=data,evaluate")
    done = call(arguments)
    assert done.returncode != 0
    assert "holds no checkpoint" in done.stderr.strip().splitlines()[-1]


@real_xrays.needed
@pytest.mark.slow
def test_the_same_command_runs_on_real_xrays(tmp_path):
    flags = ["--dataset=chexpert", f"--raw_dir={real_xrays.FOLDER}", f"--workdir={tmp_path / 'run'}"]
    done = call(command(tmp_path, *flags, steps=10, labels="Cardiomegaly,Edema,No Finding"))
    assert done.returncode == 0, done.stderr
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert metrics["test"]["images"] == 163
    elsewhere = [f"--workdir={tmp_path / 'run'}", f"--raw_dir={real_xrays.FOLDER}", "--split=valid"]
    done = call(command(tmp_path, *elsewhere, module="evaluate"))
    assert done.returncode == 0, done.stderr
    again = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert again["valid"]["auroc"] == again["test"]["auroc"]
