"""The comparison with the literature: reading IDX files, bounds where log p(x) is known, and the command as a whole."""

import gzip
import json
import subprocess
import sys
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest

from experiments.literature import digits, mlp, scores
from experiments.literature.digits import Part

ROOT = Path(__file__).parents[2]
RNG = np.random.default_rng(0)


def write_idx(path, array, packed):
    header = bytes([0, 0, 8, array.ndim]) + np.asarray(array.shape, ">u4").tobytes()
    content = header + array.astype(np.uint8).tobytes()
    path.with_suffix(".gz" if packed else "").write_bytes(gzip.compress(content) if packed else content)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Digits that are a bright row each, in the original layout: learnable at once."""
    where = tmp_path_factory.mktemp("mnist")
    for stem, count in (("train", 10_300), ("t10k", 60)):
        labels = np.arange(count) % 10
        images = np.zeros((count, 28, 28), np.uint8)
        images[np.arange(count), 2 * labels + 4] = 255
        write_idx(where / f"{stem}-images-idx3-ubyte", images, packed=stem == "train")
        write_idx(where / f"{stem}-labels-idx1-ubyte", labels, packed=stem == "train")
    return where


def test_both_kinds_of_files_are_read_and_divided(folder):
    found = digits.load(folder)
    assert [len(part.digit) for part in found] == [300, 10_000, 60]
    assert found.test.pixels.shape == (60, 784)
    assert found.test.pixels[13].reshape(28, 28)[2 * 3 + 4].min() == 255
    np.testing.assert_array_equal(found.validation.digit, (np.arange(10_000) + 300) % 10)


def test_a_broken_file_is_named(folder, tmp_path):
    (tmp_path / "train-images-idx3-ubyte").write_bytes(b"\x00\x00\x08\x03" + bytes(20))
    with pytest.raises(ValueError, match="train-images-idx3-ubyte is not a whole IDX file"):
        digits.load(tmp_path)
    (tmp_path / "train-images-idx3-ubyte").unlink()
    (tmp_path / "train-images-idx3-ubyte.gz").write_bytes((folder / "train-images-idx3-ubyte.gz").read_bytes()[:900])
    with pytest.raises(ValueError, match=r"train-images-idx3-ubyte\.gz is not a whole IDX file"):
        digits.load(tmp_path)
    with pytest.raises(OSError, match="train-images"):
        digits.load(tmp_path / "nowhere")


@pytest.fixture(scope="module")
def latent():
    return mlp.latent("dirichlet", 6, 0.8, "exp")


def test_bounds_are_exact_where_the_decoder_ignores_z_and_the_posterior_is_the_prior(latent):
    params = mlp.initial(latent, 0)
    last = params["encoder"]["Dense_2"]
    floor = 1e-3  # of a concentration, which the features make up for
    last["kernel"], last["bias"] = jnp.zeros_like(last["kernel"]), jnp.full(6, np.log((0.8 - floor) / 0.8), jnp.float32)
    params["decoder"]["Dense_0"]["kernel"] = jnp.zeros_like(params["decoder"]["Dense_0"]["kernel"])
    images = (RNG.random((7, 784)) < 0.3).astype(np.float32)
    logits = mlp.Layers((500,), 784).apply({"params": params["decoder"]}, jnp.zeros((1, 6)))
    exact = np.sum(np.logaddexp(0.0, logits) - images * np.asarray(logits), axis=1, dtype=np.float64)
    found = scores.bounds(latent, params, images, samples=8, seed=0)
    assert found["nll"] == pytest.approx(exact.mean(), rel=1e-5)
    assert found["negative_elbo"] == pytest.approx(exact.mean(), rel=1e-5)
    assert found["kl"] == pytest.approx(0.0, abs=1e-4)
    assert found["effective_samples"] == pytest.approx(8.0, rel=1e-3)


def test_more_samples_tighten_the_bound_and_one_is_the_elbo(latent):
    params = mlp.initial(latent, 1)
    images = (RNG.random((40, 784)) < 0.3).astype(np.float32)
    one, many = (scores.bounds(latent, params, images, samples=s, seed=0) for s in (1, 200))
    assert one["nll"] == pytest.approx(one["negative_elbo"], rel=1e-6)
    assert many["nll"] < many["negative_elbo"]
    assert many["negative_elbo"] == pytest.approx(one["negative_elbo"], rel=0.02)
    assert 1.0 < many["effective_samples"] < 200.0


def test_neighbours_vote():
    codes = np.float32([[0.0], [0.1], [0.2], [1.0], [1.1], [1.2]])
    assert scores.knn_error(
        codes, np.array([1, 1, 1, 2, 2, 2]), np.float32([[0.1], [1.0], [0.0]]), np.array([1, 2, 2]), 3
    ) == (pytest.approx(100 / 3))


@pytest.mark.parametrize("learns", ["fixed", "moments", "gradient"])
@pytest.mark.slow
def test_training_lowers_the_objective(latent, folder, learns):
    said = []
    mlp.fit(latent, Part(*digits.load(folder).train), 3, 50, 1e-3, 0, said.append, learns)
    losses = [float(line.split()[-2]) for line in said]
    assert losses[-1] < 0.6 * losses[0]


@pytest.mark.slow
def test_the_command_prints_and_stores_its_row(folder, tmp_path):
    flags = [
        f"--raw_dir={folder}",
        "--epochs=1",
        "--samples=5",
        "--scored=20",
        "--split=test",
        f"--output={tmp_path}/m.json",
    ]
    command = [sys.executable, "-m", "experiments.mnist"]
    done = subprocess.run([*command, *flags], cwd=ROOT, capture_output=True, text=True, check=True)
    stored = json.loads((tmp_path / "m.json").read_text())
    assert f"{stored['nll']:.2f}" in done.stdout
    assert stored["knn_error"]["3"] >= 0
    failed = subprocess.run([*command, f"--raw_dir={tmp_path}"], cwd=ROOT, capture_output=True, text=True)
    assert failed.returncode != 0
    assert "train-images-idx3-ubyte" in failed.stderr
    strange = [*command, "--prior=gaussian", "--prior_learning=moments"]
    failed = subprocess.run(strange, cwd=ROOT, capture_output=True, text=True)
    assert "--prior_learning=moments needs a prior that can be learned: dirichlet" in failed.stderr
    failed = subprocess.run([*command, "--samples=0"], cwd=ROOT, capture_output=True, text=True)
    assert failed.stderr.strip() == "error: --samples: '0' is not a whole number of at least 1"
