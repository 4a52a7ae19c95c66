"""Part 1: the training step beside the same layers, and the published form, in PyTorch.

Forward, loss, backward, clipping, AdamW and the parameters' average, for one batch of uint8 images on the host; without
augmentation on all sides, but for the row that adds it to ours. A peer counts with the fastest of its variants.
"""

from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from dirvae import model
from dirvae.config import Config, override
from dirvae.training import cost, parallel, train
from dirvae.types import Batch, TrainState
from experiments.benchmarks import Settings, timing

LABELS = 8  # the phantom's seven pathologies and No Finding
SIDE = 1024  # of the matrices whose product is the machine's peak
PRODUCT = 2.0 * SIDE**3  # its operations
OURS, AUGMENTED = "dirvae", "dirvae, augmentation included"


class Step:
    """The step that training runs; the state goes on from call to call."""

    def __init__(self, config: Config, fresh: TrainState, labels: int = LABELS):
        net = model.build(config.model, labels, config.data.image_size)
        devices = parallel.devices(config.train.devices)
        self.spread = parallel.Spread(train.make_step(net, config), devices, config.train.parallel)
        self.state = self.spread.replicate(fresh)

    def __call__(self, batch: Batch) -> None:
        self.state, scalars = self.spread(self.state, batch)
        jax.block_until_ready((self.state, scalars))


def fresh_state(config: Config, labels: int = LABELS) -> TrainState:
    """Step 0, as host arrays."""
    return train.initial_state(model.build(config.model, labels, config.data.image_size), config)


def random_batch(config: Config) -> Batch:
    """Noise with random labels: a step's time does not depend on the images."""
    rows, side, rng = config.train.batch_size, config.data.image_size, np.random.default_rng(0)
    return Batch(
        image=rng.integers(0, 256, (rows, side, side, 1), dtype=np.uint8),
        target=rng.integers(0, 2, (rows, LABELS)).astype(np.float32),
        weight=np.ones((rows, LABELS), np.float32),
        mask=np.ones(rows, np.float32),
        index=np.arange(rows, dtype=np.int32),
    )


def measure(config: Config, settings: Settings) -> dict:
    """The preset's widths, then the wider ones."""
    models = []
    for widths in (config.model.widths, *settings.wider):
        compiled = settings.compile == "all" or (settings.compile == "preset" and not models)
        models.append(compare(override(config, {"widths": widths}), settings, compiled))
    return {"models": models}


def compare(config: Config, settings: Settings, compiled: bool) -> dict:
    """Median seconds, operations and ratios to ours of every candidate, and GFLOP/s of a matrix product among them."""
    plain, batch, fresh = override(config, {"augment": False}), random_batch(config), fresh_state(config)
    candidates: dict[str, Callable[[Batch], Any]] = {
        OURS: Step(plain, fresh),
        AUGMENTED: Step(override(config, {"augment": True}), fresh),
    }
    # Patches that are made for a matrix product are no operations of the model, hence the native form.
    operations = {OURS: cost.of_step(override(plain, {"convolution": "native"}), LABELS).operations}
    if settings.torch:
        from experiments.benchmarks import torch_step  # PyTorch is an optional extra

        candidates |= torch_step.candidates(plain, fresh.params, LABELS, compiled)
        operations |= torch_step.operations(plain, fresh.params, LABELS, batch)
    calls = {name: (lambda step=step: step(batch)) for name, step in candidates.items()}
    products = matrix_products(settings.torch)
    seconds = timing.take_turns(calls | products, settings.turns)
    fastest = min(products, key=lambda name: np.median(seconds[name]))
    peers = [kind for kind in operations if kind != OURS]
    shown = [OURS, AUGMENTED, *(timing.fastest(seconds, kind) for kind in peers)]
    return {
        "widths": config.model.widths,
        "stem": config.model.first_stride,
        "batch_size": config.train.batch_size,
        "image_size": config.data.image_size,
        "operations": operations,
        "milliseconds": {name: timing.milliseconds(seconds[name]) for name in calls},
        "ratios": {name: timing.ratio(seconds[name], seconds[OURS])._asdict() for name in calls},
        "peak": {"of": fastest, "gigaflops": PRODUCT / 1e9 / float(np.median(seconds[fastest]))},
        # Within turns again: a slow turn slows the product too.
        "of_peak": {
            name: operations[kind] / PRODUCT * timing.ratio(seconds[fastest], seconds[name]).median
            for name in shown
            if (kind := name.partition(":")[0]) in operations
        },
        "shown": shown,
    }


def matrix_products(torch: bool) -> dict[str, Callable[[], Any]]:
    """Products of square float32 matrices by either library: what the machine could do at the time."""
    a, b = np.random.default_rng(0).standard_normal((2, SIDE, SIDE)).astype(np.float32)
    calls = {"the matrix product of jax": _jax_product(a, b)}
    if torch:
        from experiments.benchmarks import torch_operations

        calls["the matrix product of torch"] = torch_operations.product(a, b)
    return calls


def _jax_product(a: np.ndarray, b: np.ndarray) -> Callable[[], Any]:
    left, right, product = jax.device_put(a), jax.device_put(b), jax.jit(jax.numpy.dot)
    return lambda: jax.block_until_ready(product(left, right))


def show(numbers: dict) -> str:
    text = [
        "## Training step",
        f"The peak is that of float32 products of {SIDE} x {SIDE} matrices, which take turns with the steps; shares of it are",
        "taken within a turn. Operations of ours are XLA's count (every operation), of PyTorch its own (convolutions and matrix",
        "products). The ratio is the candidate's time over ours, turn by turn: above 1, dirvae is the faster one. The published",
        "form halves the image at every width; where our stem shrinks it by more, ours also has fewer operations, and the ratio",
        "tells of both.",
    ]
    return "\n".join([*text, *map(_show_model, numbers["models"])])


def _show_model(one: dict) -> str:
    rows = []
    for name in one["shown"]:
        operations = one["operations"].get(name.partition(":")[0])
        share = [f"{operations / 1e9:.2f}", f"{one['of_peak'][name]:.0%}"] if operations else ["", ""]
        rows.append([name, timing.shown(one["ratios"][name]), f"{one['milliseconds'][name]:.1f}", *share])
    others = [f"{name} {timing.shown(one['ratios'][name])}" for name in one["ratios"] if name not in one["shown"]]
    widths, side = ", ".join(map(str, one["widths"])), one["image_size"]
    title = f"\n### widths {widths}, stem {one['stem']}, {side} x {side} pixels, batches of {one['batch_size']}\n"
    peak = f"Peak {one['peak']['gigaflops']:.0f} GFLOP/s ({one['peak']['of']}).\n"
    head = ["step", "time over ours", "ms", "GFLOP", "of the peak"]
    slower = f"\nSlower variants: {'; '.join(others)}." if others else ""
    return f"{title}\n{peak}\n{timing.table(head, rows)}\n{slower}"
