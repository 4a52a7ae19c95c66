"""Maps [B, H, W] of what a traversal changes, one an image, made of its decoded frames.

All signed maps are positive where the finding adds brightness, in grey levels of [0, 1]. So a map is the change along the path when
the finding was raised, and its negative when it was lowered (`sign` of the traversal). Localisation scores take the absolute
value. Channels are averaged.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

Frames = Float[Array, "B T H W C"]
Signs = Float[Array, " B"]
Maps = Float[Array, "B H W"]

GATE_WIDTH = 1 / 32  # of the evidence's smoothing, share of the image's height
VARIANCE_FLOOR = 0.1  # of a normalised map, as published: what is not above counts as 0


def signed(frames: Frames, sign: Signs) -> Maps:
    """sign (x_T - x_0): the whole path's change."""
    return _wide(sign) * jnp.mean(frames[:, -1] - frames[:, 0], axis=-1)


def integrated(frames: Frames, sign: Signs, along: Float[Array, "B T"]) -> Maps:
    """2 sign int (x_s - x_0) dm(s)/int dm(s), trapezium rule: the mean change over the path, by the measure m = `along`.

    m is the distance gone, or the label's probability or logit, at each frame; frames that repeat after a stop weigh nothing. On a
    path on which the image changes in proportion to m it is `signed`. On others it trusts early steps, which are closest to the
    image, more than late ones. A path that goes nowhere gives 0.
    """
    gone = jnp.mean(frames - frames[:, :1], axis=-1)
    share = jnp.diff(along, axis=1)
    whole = along[:, -1] - along[:, 0]
    share = share / jnp.where(whole == 0, 1.0, whole)[:, None]
    return _wide(sign) * jnp.einsum("bt,bthw->bhw", share, gone[:, 1:] + gone[:, :-1])


def variance(frames: Frames) -> Maps:
    """The map of Harkness et al. 2023, from their code: each pixel's variance over the frames, scaled to [0, 1].

    Values up to .1 are set to 0. The map has no sign, and a path that goes nowhere gives 0.
    """
    spread = jnp.mean(jnp.var(frames - frames[:, :1], axis=1), axis=-1)
    low, high = (f(spread, axis=(1, 2), keepdims=True) for f in (jnp.min, jnp.max))
    normalised = jnp.where(high > low, (spread - low) / jnp.where(high > low, high - low, 1.0), 0.0)
    return jnp.where(normalised > VARIANCE_FLOOR, normalised, 0.0)


def denoised(
    differences: Float[Array, "S B H W"], width: float = 1.0, agreement: float = 0.5, floor: float = 0.1
) -> Maps:
    """Returns what S signed maps d_s agree on, each smoothed by a Gaussian of `width` pixels; each has its own draw of the posterior.

        c = |sum d_s|/sum |d_s|                                        sign consistency: 1 where all agree, near 1/sqrt(S) by chance
        map = soft(mean d_s, floor max|mean d_s|) max(0, (c - agreement)/(1 - agreement))

    with soft(x, t) = sign(x) max(0, |x| - t). The first factor removes the faint energy that decoders spread everywhere, and which
    ruins shares of mass, even where all draws agree on it. The second removes what depends on the draw. One map, S = 1, is smoothed
    and thresholded.

    Raises:
      ValueError: for a width below 0, or an agreement or floor outside [0, 1).
    """
    if width < 0 or not (0 <= agreement < 1 and 0 <= floor < 1):
        raise ValueError(f"width must be >= 0 and agreement and floor in [0, 1), not {width}, {agreement}, {floor}")
    smooth = jax.vmap(lambda each: smoothed(each, width))(differences)
    mean, size = jnp.mean(smooth, axis=0), jnp.mean(jnp.abs(smooth), axis=0)
    consistency = jnp.abs(mean) / jnp.maximum(size, 1e-30)
    least = floor * jnp.max(jnp.abs(mean), axis=(1, 2), keepdims=True)
    kept = jnp.sign(mean) * jnp.maximum(jnp.abs(mean) - least, 0.0)
    return kept * jnp.clip((consistency - agreement) / (1.0 - agreement), 0.0, 1.0)


def gate(evidence: Maps, width: float | None = None) -> Maps:
    """The place of the classifier's evidence in each image, in [0, 1]: |e| smoothed by a Gaussian, over its largest value.

    e is an attribution of the same logit, such as integrated gradients; `width` is in pixels, by default a 32nd of the image's height.
    """
    amount = smoothed(jnp.abs(evidence), evidence.shape[1] * GATE_WIDTH if width is None else width)
    return amount / jnp.maximum(jnp.max(amount, axis=(1, 2), keepdims=True), 1e-30)


def gated(change: Maps, evidence: Maps, width: float | None = None) -> Maps:
    """change * gate(evidence): what the finding looks like, where in this image the classifier reads it.

    A path tells how the decoder draws a finding, and where only as far as the finding's latents do. An attribution tells where the
    evidence is, and not what it looks like. Sign and unit are the change's.
    """
    return change * gate(evidence, width)


def smoothed(maps: Maps, width: float) -> Maps:
    """Convolved with a Gaussian of standard deviation `width` pixels, cut at 3 of them; beyond the borders the image is mirrored."""
    reach = int(np.ceil(3.0 * width))
    if reach == 0:
        return maps
    window = np.exp(-0.5 * (np.arange(-reach, reach + 1) / width) ** 2)
    window = (window / window.sum()).astype(np.float32)
    for axis in (1, 2):
        length = maps.shape[axis]
        padded = jnp.pad(maps, [(reach, reach) if i == axis else (0, 0) for i in range(3)], mode="symmetric")
        shifted = [jax.lax.slice_in_dim(padded, i, i + length, axis=axis) for i in range(2 * reach + 1)]
        maps = sum(weight * part for weight, part in zip(window, shifted, strict=True))
    return maps


def _wide(values: Float[Array, " B"]) -> Float[Array, "B 1 1"]:
    return values[:, None, None]
