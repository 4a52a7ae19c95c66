"""Part 6: frames a second of traversals, beside their decoding alone and the published procedure.

A frame is one decoded and classified point of a path. Ours also lays it on the image and classifies that picture, at every step.
Decoding alone is what no traversal can beat: the same number of points, known beforehand, in the batches that decode fastest. The
published procedure takes one image, one label and one step at a time.
"""

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from dirvae import model
from dirvae.config import Config
from dirvae.explain import traversals
from dirvae.explain.traversals import harkness2023
from dirvae.model import Model
from dirvae.types import Params
from experiments.benchmarks import Settings, step, timing

IMAGES, STEPS = 20, 24
FEW, SHORT = 2, 2  # images of slow candidates, and steps where every operation is dispatched by itself
BATCHES = (32, 128, 512)  # frames decoded at once; the fastest counts
OURS, PULL_BACK = "dirvae, covariance", "dirvae, the decoder's pull-back"
DECODING, JITTED, PLAIN = "decoding alone", "published, each call jitted", "published, no jit"


def measure(config: Config, settings: Settings) -> dict:
    """Frames a second, and by turns how many times as many ours are."""
    net = model.build(config.model, step.LABELS, config.data.image_size)
    params = jax.device_put(step.fresh_state(config).params)
    images = jax.random.uniform(jax.random.key(0), (IMAGES, config.data.image_size, config.data.image_size, 1))
    candidates = _candidates(net, params, images, config.model.prior)
    calls = {name: call for name, (call, _) in candidates.items()}
    each = timing.take_turns(calls, max(3, settings.turns // 2), warm=1)
    seconds = {name: each[name] / frames for name, (_, frames) in candidates.items()}
    decoding = timing.fastest(seconds, DECODING)
    shown = [OURS, PULL_BACK, decoding, JITTED, PLAIN]
    return {
        "frames_per_second": {name: float(1.0 / np.median(seconds[name])) for name in shown},
        "ours_to": {name: timing.ratio(seconds[name], seconds[OURS])._asdict() for name in shown},
    }


def _candidates(net: Model, params: Params, images: jax.Array, family: str) -> dict[str, tuple[Callable[[], Any], int]]:
    """Each with the frames that it makes; a path never stops, so that none are repeated."""
    size, frames = math.prod(net.latent.spec.event), IMAGES * (STEPS + 1)
    factor = np.random.default_rng(0).standard_normal((size, size)).astype(np.float32)
    covariance = jnp.asarray(factor @ factor.T / size)
    published, label = Published(net, family), jnp.arange(FEW)
    points = jnp.repeat(net.latent.point(net.encode(params, images)), STEPS + 1, axis=0)
    found = {
        OURS: (_guided(net, params, images, covariance), frames),
        PULL_BACK: (_guided(net, params, images[:FEW], "pull_back"), FEW * (STEPS + 1)),
        JITTED: (lambda: published(params, images[:FEW], label, STEPS), FEW * (STEPS + 1)),
        PLAIN: (_without_jit(lambda: published(params, images[:1], label, SHORT)), SHORT + 1),
    }
    return found | {
        f"{DECODING}, {batch} at a time": (lambda batch=batch: _decode(net, params, points, batch), frames)
        for batch in BATCHES
    }


def _guided(net: Model, params: Params, images: jax.Array, metric: Any) -> Callable[[], Any]:
    options = traversals.Options(STEPS, 0.1, 1.1, metric=metric)
    follow = jax.jit(lambda *given: traversals.on_manifold(net, *given, options))
    label, sign = jnp.arange(len(images)) % step.LABELS, jnp.ones(len(images))
    return lambda: jax.block_until_ready(follow(params, images, label, sign))


def _without_jit(call: Callable[[], Any]) -> Callable[[], Any]:
    def dispatched() -> Any:
        with jax.disable_jit():
            return call()

    return dispatched


def _decode(net: Model, params: Params, points: jax.Array, batch: int) -> None:
    parts = [net.decode(params, points[first : first + batch]).location for first in range(0, len(points), batch)]
    jax.block_until_ready(parts)


class Published:
    """`traversals.harkness2023`, raising a label, as a loop over images and in it over steps; images [B, T, H, W, C]."""

    def __init__(self, net: Model, family: str):
        self.stride = harkness2023.STEP[harkness2023.in_logarithms(family)] / (2.5 * harkness2023.COORDINATES)
        up = jnp.ones(1)

        def begin(params: Params, image: jax.Array, label: jax.Array) -> tuple[jax.Array, jax.Array]:
            z = harkness2023.start_of(net, params, image, family)
            return z, harkness2023.coordinates_of(net, params, z, label, up, family)

        def show(params: Params, z: jax.Array) -> tuple[jax.Array, jax.Array]:
            coordinates = harkness2023.from_z(family)(z)
            return net.decode(params, coordinates).location, jax.nn.sigmoid(net.classify(params, coordinates))

        self.begin, self.show = jax.jit(begin), jax.jit(show)

    def __call__(self, params: Params, images: jax.Array, label: jax.Array, steps: int) -> np.ndarray:
        return np.stack([self._path(params, images[b : b + 1], label[b : b + 1], steps) for b in range(len(images))])

    def _path(self, params: Params, image: jax.Array, label: jax.Array, steps: int) -> np.ndarray:
        z, chosen = (np.array(x) for x in self.begin(params, image, label))
        frames = []
        for _ in range(steps + 1):
            shown, _ = jax.block_until_ready(self.show(params, z))
            frames.append(np.asarray(shown[0]))
            z = z.copy()
            z.reshape(-1)[chosen[0]] += self.stride
        return np.stack(frames)


def show(numbers: dict) -> str:
    rate, ratio = numbers["frames_per_second"], numbers["ours_to"]
    rows = [[name, f"{rate[name]:.0f}", timing.shown(ratio[name])] for name in rate]
    return "\n".join(
        [
            "## Traversals",
            f"Paths of {STEPS} steps: every frame is decoded, classified and, but for decoding alone, found by a gradient. The ratio",
            "is the seconds a frame over ours, turn by turn: below 1, the candidate is the faster one. The published procedure",
            "takes one image, one label and one step at a time.\n",
            timing.table(["frames", "a second", "seconds a frame over ours"], rows),
        ]
    )
