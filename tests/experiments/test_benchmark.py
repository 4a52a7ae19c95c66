"""The benchmark: its peers compute what the library computes, and every part prints its table; no time is judged."""

import json
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import pytest
from support import compiler
from support.settings import plain

from dirvae import losses, model
from dirvae.config import ConfigError, override
from dirvae.types import Batch, LatentSample, ModelOutputs
from experiments import benchmark
from experiments.benchmarks import coverage, timing

ROOT = Path(__file__).parents[2]
SIZE, LABELS, ROWS = 32, 3, 8
CONFIG = plain(
    {"image_size": SIZE, "widths": (8, 12, 16), "hidden": 24, "latents": 10, "batch_size": ROWS, "augment": False},
)
NET = model.build(CONFIG.model, LABELS, SIZE)
FORMS = ("strided", "subpixel")
PARTS = ("step", "sampler", "loader", "startup", "metrics", "traversal")  # of which a small one tells something


@pytest.fixture(scope="module")
def torch():
    library = pytest.importorskip("torch", reason="PyTorch is missing; pip install -e '.[peers]' brings it")
    library.set_num_threads(1)  # images this small are not worth two
    return library


def noisy(net):
    """Noise in every leaf, of about the sizes that initialisation gives: fresh biases and gains could be copied in any order."""
    rng = np.random.default_rng(1)

    def noise(path, leaf):
        fan_in = max(1, np.prod(leaf.shape[:-1]))
        centre = 1.0 if path[-1].key == "scale" else 0.0
        return (centre + rng.standard_normal(leaf.shape) / np.sqrt(fan_in if leaf.ndim > 1 else 100)).astype(np.float32)

    return jax.tree_util.tree_map_with_path(noise, jax.eval_shape(net.init, jax.random.key(0)))


@pytest.fixture(scope="module")
def params():
    return noisy(NET)


@pytest.fixture(scope="module")
def batch():
    rng = np.random.default_rng(0)
    return Batch(
        image=rng.integers(0, 256, (ROWS, SIZE, SIZE, 1), dtype=np.uint8),
        target=rng.integers(0, 2, (ROWS, LABELS)).astype(np.float32),
        weight=(rng.random((ROWS, LABELS)) < 0.7).astype(np.float32),
        mask=np.ones(ROWS, np.float32),
        index=np.arange(ROWS, dtype=np.int32),
    )


def objective(params, form="strided"):
    from experiments.benchmarks import torch_models, torch_step

    return torch_step.Objective(torch_models.twin(params, SIZE, form), CONFIG)


def grey(batch):
    return batch.image.astype(np.float32) / 255.0


def draws():
    return np.random.default_rng(2).dirichlet(np.full(CONFIG.model.latents, 0.5), ROWS).astype(np.float32)


def ours(params, images, z, batch):
    """Loss terms at given draws z, and what they come from."""
    posterior = NET.encode(params, images)
    log_z = np.log(np.maximum(z, 1e-30))
    pixels = NET.decode(params, log_z)
    logits = NET.classify_channels(params, NET.latent.head_mean(posterior))
    outputs = ModelOutputs(posterior, LatentSample(log_z), pixels, logits)
    return outputs, losses.terms(outputs, images, batch, NET.latent, CONFIG.model.likelihood)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.slow
def test_the_twin_computes_the_same_function(torch, params, batch, form):
    images, z = grey(batch), draws()
    outputs, terms = ours(params, images, z, batch)
    peer = objective(params, form)
    channels_first = torch.from_numpy(images).permute(0, 3, 1, 2)
    with torch.no_grad():
        posterior = peer.posterior(channels_first)
        pixels = peer.networks.decoder(torch.from_numpy(CONFIG.model.latents * z)).permute(0, 2, 3, 1)
        targets = (torch.from_numpy(batch.target), torch.from_numpy(batch.weight))
        theirs = peer.terms(channels_first, posterior, torch.from_numpy(z), *targets)
    np.testing.assert_allclose(posterior.concentration, outputs.posterior.concentration, rtol=1e-4)
    np.testing.assert_allclose(pixels, outputs.pixels.logits, rtol=1e-4, atol=1e-4)
    for name in terms._fields:
        np.testing.assert_allclose(getattr(theirs, name), getattr(terms, name), rtol=1e-4, atol=1e-3, err_msg=name)


@pytest.mark.slow
def test_the_twin_has_the_same_gradients(torch, params, batch):
    """Of the reconstruction with respect to the draw and to the images, which pass through every layer of a network."""
    images, z = grey(batch), draws()
    expected = jax.grad(lambda z: jax.numpy.sum(NET.decode_channels(params, z).logits ** 2))(CONFIG.model.latents * z)
    leaf = torch.from_numpy(CONFIG.model.latents * z).requires_grad_()
    objective(params).networks.decoder(leaf).square().sum().backward()
    np.testing.assert_allclose(leaf.grad, expected, rtol=1e-3, atol=1e-3 * np.abs(expected).max())
    towards = jax.grad(lambda x: jax.numpy.sum(jax.numpy.log(NET.encode(params, x).concentration) ** 2))(images)
    pixels = torch.from_numpy(images).requires_grad_()
    peer = objective(params)
    peer.posterior(pixels.permute(0, 3, 1, 2)).concentration.log().square().sum().backward()
    np.testing.assert_allclose(pixels.grad, towards, rtol=1e-3, atol=1e-3 * np.abs(towards).max())


@pytest.mark.slow
def test_both_forms_train_alike_and_published_form_learns(torch, params, batch):
    from experiments.benchmarks import torch_models, torch_published, torch_step

    networks = [torch_models.twin(params, SIZE, form) for form in FORMS]
    networks.append(torch_published.published(CONFIG.model, LABELS, SIZE))
    steps = [torch_step.TorchStep(one, CONFIG, channels_last=n == 1) for n, one in enumerate(networks)]
    histories = []
    for step in steps:
        torch.manual_seed(0)
        histories.append([step(batch) for _ in range(20)])
    np.testing.assert_allclose(histories[0][0], histories[1][0], rtol=1e-4)
    assert all(history[-1] < 0.9 * history[0] for history in histories)
    average = [p.detach() for p in steps[0].average.module.parameters()]
    moved = [p.detach() for p in steps[0].networks.parameters()]
    assert any(not torch.equal(a, b) for a, b in zip(average, moved, strict=True))


@pytest.mark.slow
def test_published_form_has_the_operations_of_its_sizes(torch, batch):
    """Two operations a multiply-add of every output pixel; the backward pass costs twice the forward, less the first input's."""
    from experiments.benchmarks import torch_published, torch_step

    step = torch_step.TorchStep(torch_published.published(CONFIG.model, LABELS, SIZE), CONFIG)
    widths, sides = (1, *CONFIG.model.widths), (32, 16, 8, 4)
    pairs = zip(widths, widths[1:], sides[1:], strict=False)
    convolutions = [2 * 25 * a * b * side * side for a, b, side in pairs]
    hidden, latents, flat = CONFIG.model.hidden, CONFIG.model.latents, 16 * widths[-1]
    dense = 2 * (2 * flat * hidden + 2 * hidden * latents + latents * LABELS)
    forward = 2 * sum(convolutions) + dense
    assert step.operations(batch) == pytest.approx(ROWS * (3 * forward - convolutions[0]), rel=1e-6)


@pytest.mark.parametrize("prior", ["dirichlet", "gaussian"])
def test_the_loop_is_the_published_traversal(params, batch, prior):
    from dirvae.explain import traversals
    from experiments.benchmarks import traversal

    config = override(CONFIG, {"prior": prior}).model
    net = model.build(config, LABELS, SIZE)
    own = params if prior == "dirichlet" else noisy(net)
    images, label = jax.numpy.asarray(grey(batch)[:2]), jax.numpy.array([0, 2])
    expected = traversals.harkness2023.traverse(net, own, images, label, jax.numpy.ones(2), prior, 4).images
    np.testing.assert_allclose(traversal.Published(net, prior)(own, images, label, 4), expected, atol=1e-5)


@pytest.mark.slow
def test_models_without_a_peer_are_refused(torch):
    from experiments.benchmarks import torch_step

    with pytest.raises(ConfigError, match=r"model.prior=dirichlet"):
        torch_step.check_supported(override(CONFIG, {"prior": "gaussian"}).model)


@pytest.mark.slow
def test_peers_sample_the_dirichlet(torch):
    """E d(w log z)/d a = sum_k w_k d E log z_k/d a_j, with E log z_k = psi(a_k) - psi(a_0), for JAX's and PyTorch's alike."""
    from scipy.special import polygamma

    from experiments.benchmarks import sampler

    concentration = np.full(sampler.SHAPE, 0.8, np.float32)
    weights = np.random.default_rng(1).standard_normal(sampler.SHAPE)
    own, shared = polygamma(1, 0.8), polygamma(1, 0.8 * sampler.SHAPE[1])
    expected = weights * own - weights.sum(1, keepdims=True) * shared
    for name, gradient in sampler.gradients(torch=True).items():
        with jax.numpy_rank_promotion("allow"):  # TFP's own Dirichlet needs it
            found = np.mean([gradient(concentration, seed) for seed in range(4)], axis=0)
        error = found - expected
        assert abs(error.mean()) < 5 * error.std() / np.sqrt(error.size), name
        assert np.corrcoef(found.ravel(), expected.ravel())[0, 1] > 0.8, name


def test_ratios_are_taken_within_a_turn():
    """A machine that slows down threefold in the second turn changes seconds, not ratios."""
    found = timing.ratio(np.array([2.0, 6.0, 2.2]), np.array([1.0, 3.0, 1.0]))
    assert found == pytest.approx((2.0, 2.0, 2.2))
    order = []
    timing.take_turns({"a": lambda: order.append("a"), "b": lambda: order.append("b")}, turns=2, warm=1)
    assert order == ["a", "b"] * 3


@pytest.fixture(scope="module")
def printed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("benchmark")
    output = folder / "numbers.json"
    fields = {"image_size": 32, "widths": "8,8", "hidden": 16, "latents": 8, "batch_size": 16, "build_workers": 1}
    settings = [f"--config.{name}={value}" for name, value in fields.items()]
    flags = [
        f"--parts={','.join(PARTS)}",
        "--turns=2",
        "--wider=",
        "--compile=none",
        "--images=128",
        f"--output={output}",
    ]
    command = [sys.executable, "-m", "experiments.benchmark", *flags, *settings]
    environment = compiler.environment(devices=1)
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=500)
    assert done.returncode == 0, done.stderr
    return done.stdout, json.loads(output.read_text())


@pytest.mark.slow
def test_every_part_is_printed(printed):
    text, numbers = printed
    for title in ("# Benchmark", "## Training step", "## Sampler", "## Loader", "## Start-up", "## Traversals"):
        assert title in text
    step = numbers["step"]["models"][0]
    assert step["ratios"]["dirvae"] == {"median": 1.0, "low": 1.0, "high": 1.0}
    for ratios in (step["ratios"], numbers["sampler"]["ratios"]):
        assert all(0 < r["low"] <= r["median"] <= r["high"] for r in ratios.values())
    assert set(numbers["loader"]) == {"kept in memory", "decoded each time"}
    assert sum(numbers["sampler"]["lost"]["dirvae.latents.dirichlet"].values()) == 0
    assert numbers["sampler"]["lost"]["tfp Dirichlet.sample"]["0.01"] > 0


@pytest.mark.slow
def test_peers_are_printed_or_said_to_be_missing(printed):
    text, numbers = printed
    if "PyTorch" not in numbers["machine"]:
        assert "pip install -e '.[peers]'" in text
        return
    for row in ("PyTorch, same layers", "PyTorch, published 5x5 strided form", "torch Dirichlet.rsample"):
        assert row in text


def test_the_table_of_coverage_has_a_row_a_population():
    """With few samples: how often intervals hold the truth is checked with those of `dirvae.metrics.auroc_intervals`."""
    numbers = {
        "single": {setting.title: coverage.coverage(setting, 10) for setting in coverage.SETTINGS},
        "paired": {pair.title: coverage.paired_coverage(pair, 2) for pair in coverage.PAIRS},
    }
    text = coverage.show(numbers)
    assert "## Coverage" in text
    assert all(f"| {one.title} |" in text for one in (*coverage.SETTINGS, *coverage.PAIRS))


def test_bad_flags_give_one_sentence():
    with pytest.raises(SystemExit, match="error: --parts=stepp: stepp is not one of step, sampler, loader, startup"):
        benchmark.main(["--parts=stepp"])
