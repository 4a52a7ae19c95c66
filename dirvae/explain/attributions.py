"""Maps of a label's logit by other means than traversals: functions (model, params, images, label) -> [B, H, W].

`dirvae.explain.methods` registers them.

| name | map | sign |
|---|---|---|
| input_gradient | d logit/d x (Simonyan et al. 2014) | brightening here raises the logit |
| smoothgrad | its mean over noisy copies (Smilkov et al. 2017) | the same |
| integrated_gradients | (x - x') mean gradient from x' to x (Sundararajan et al. 2017) | for or against, adds up to the logit's rise |
| occlusion | mean fall of the logit over the covered squares that hide the pixel (Zeiler & Fergus 2014) | for or against |
| grad_cam | relu(sum_k mean(d logit/d A_k) A_k) of the encoder's last feature map (Selvaraju et al. 2017) | none |
| latent_shift | D(z) - D(z - lambda d logit/d z) (Cohen et al. 2021) | the finding adds brightness here, as in `dirvae.explain.maps` |
| edges, random | what a map scores that knows nothing of the model, or nothing at all | none |

The logit is the one that is evaluated, the head at the posterior's expectations. Channels are summed. All are pure and take any
batch; scores of localisation take the absolute value.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from dirvae.model import Model
from dirvae.types import Key, Params, PyTree

Images = Float[Array, "B H W C"]
Labels = Int[Array, " B"]
Maps = Float[Array, "B H W"]

DOUBLINGS = (
    12  # of lambda, which Latent Shift searches from a step that lowers a linear head's logit by a 64th of `drop`
)


def own_logit(
    model: Model, params: Params, images: Images, label: Labels, grid: Array | None = None
) -> Float[Array, " B"]:
    """Each image's logit of its label; `grid` stands in for the encoder's last feature map."""
    read = model.latent.head_mean(model.encode(params, images, grid))
    return _own(model.classify_channels(params, read), label)


def input_gradient(model: Model, params: Params, images: Images, label: Labels) -> Maps:
    return jnp.sum(_gradient(model, params, images, label), axis=-1)


def smoothgrad(
    model: Model,
    params: Params,
    images: Images,
    label: Labels,
    *,
    key: Key | None = None,
    samples: int = 16,
    noise: float = 0.1,
) -> Maps:
    """`noise` is the standard deviation added, in grey levels of [0, 1]; each image's noise has a key of its own."""

    def step(total: Array, keys: Key) -> tuple[Array, None]:
        noisy = images + noise * jax.vmap(lambda key: jax.random.normal(key, images.shape[1:]))(keys)
        return total + input_gradient(model, params, noisy, label), None

    keys = jax.vmap(lambda key: jax.random.split(key, samples), out_axes=1)(image_keys(_key(key), images))
    return jax.lax.scan(step, jnp.zeros(images.shape[:3]), keys)[0] / samples


def integrated_gradients(
    model: Model, params: Params, images: Images, label: Labels, *, baseline: Array | float = 0.0, steps: int = 32
) -> Maps:
    """`baseline` x' is a grey level or an image [H, W, C]; the line's integral is by Gauss and Legendre's rule."""
    start = jnp.broadcast_to(_in_front(baseline, images), images.shape)
    nodes, weights = np.polynomial.legendre.leggauss(steps)
    rule = jnp.asarray(np.stack([(nodes + 1.0) / 2.0, weights / 2.0], axis=1), jnp.float32)

    def step(total: Array, at: Array) -> tuple[Array, None]:
        share, weight = at
        return total + weight * _gradient(model, params, start + share * (images - start), label), None

    mean = jax.lax.scan(step, jnp.zeros_like(images), rule)[0]
    return jnp.sum((images - start) * mean, axis=-1)


def occlusion(
    model: Model,
    params: Params,
    images: Images,
    label: Labels,
    *,
    side: int = 8,
    stride: int = 4,
    baseline: Array | float | None = None,
) -> Maps:
    """Squares of `side` pixels every `stride` are set to `baseline`, by default the image's own mean.

    Raises:
      ValueError: where the squares leave pixels uncovered.
    """
    height, width = images.shape[1:3]
    if not 0 < stride <= side <= min(height, width):
        raise ValueError(f"occlusion needs 0 < stride <= side <= {min(height, width)} pixels, not {stride} and {side}")
    rows, columns = ([*range(0, extent - side, stride), extent - side] for extent in (height, width))
    squares = np.zeros((len(rows) * len(columns), height, width), bool)
    for square, (row, column) in zip(squares, ((r, c) for r in rows for c in columns), strict=True):
        square[row : row + side, column : column + side] = True
    fill = jnp.mean(images, axis=(1, 2), keepdims=True) if baseline is None else _in_front(baseline, images)
    whole = own_logit(model, params, images, label)

    def step(total: Array, square: Array) -> tuple[Array, None]:
        hidden = jnp.where(square[None, ..., None], fill, images)
        fall = whole - own_logit(model, params, hidden, label)
        return total + fall[:, None, None] * square[None], None

    total = jax.lax.scan(step, jnp.zeros(images.shape[:3]), jnp.asarray(squares))[0]
    return total / jnp.asarray(squares.sum(axis=0), jnp.float32)[None]


def grad_cam(model: Model, params: Params, images: Images, label: Labels) -> Maps:
    """Enlarged bilinearly. What reaches the logit beside the convolutions (`model.linear_path`) it does not see."""
    grid = model.grid(params, images)
    slope = jax.grad(lambda grid: own_logit(model, params, images, label, grid).sum())(grid)
    weights = jnp.mean(slope, axis=(1, 2), keepdims=True)
    small = jax.nn.relu(jnp.sum(weights * grid, axis=-1)).astype(jnp.float32)
    return jax.image.resize(small, images.shape[:3], "bilinear")


def latent_shift(model: Model, params: Params, images: Images, label: Labels, *, drop: float = 4.0) -> Maps:
    """One gradient in the latent's coordinates, lambda doubled until the logit has fallen by `drop` (4: from .88 to .12).

    From a logit above drop/2 it has to fall to -drop/2, since an image on which the finding is beyond doubt would hardly
    change. Where it does not fall so far within the search, the largest fall decides. Cohen et al. differentiate through a decoder
    and a second classifier; here the head reads the latent, and the step is retracted, so that it stays a legal one.
    """
    latent = model.latent
    start = latent.point(model.encode(params, images))
    still = jax.tree.map(jnp.zeros_like, start)

    def moved(tangent: PyTree) -> PyTree:
        return latent.retract(start, tangent)

    def logit(tangent: PyTree) -> Array:
        return _own(model.classify_channels(params, latent.to_head(moved(tangent))), label)

    slope = jax.grad(lambda tangent: logit(tangent).sum())(still)
    power = sum(jnp.sum(jnp.square(leaf.reshape(len(leaf), -1)), axis=1) for leaf in jax.tree.leaves(slope))
    needed = jnp.maximum(drop, logit(still) + drop / 2.0)
    unit = needed / 64.0 / jnp.maximum(power, 1e-12)

    def along(amount: Array) -> PyTree:
        return jax.tree.map(lambda leaf: -_in_front_of(amount, leaf) * leaf, slope)

    tried = jnp.exp2(jnp.arange(DOUBLINGS, dtype=jnp.float32))[:, None] * unit[None]
    fall = logit(still)[None] - jax.lax.map(lambda amount: logit(along(amount)), tried)
    enough = fall >= needed[None] * (1.0 - 1e-4)
    chosen = jnp.where(enough.any(axis=0), jnp.argmax(enough, axis=0), jnp.argmax(fall, axis=0))
    amount = jnp.take_along_axis(tried, chosen[None], axis=0)[0]
    shown = [model.decode(params, c).location for c in (start, moved(along(amount)))]
    return jnp.sum(shown[0] - shown[1], axis=-1)


def edges(model: Model, params: Params, images: Images, label: Labels) -> Maps:
    """Sobel's gradient magnitude of the mean channel, borders repeated: what a map of outlines would score."""
    x = jnp.pad(jnp.mean(images, axis=-1), ((0, 0), (1, 1), (1, 1)), mode="edge")
    down, right = x[:, 2:] - x[:, :-2], x[:, :, 2:] - x[:, :, :-2]
    rows = (down[:, :, :-2] + 2.0 * down[:, :, 1:-1] + down[:, :, 2:]) / 8.0
    columns = (right[:, :-2] + 2.0 * right[:, 1:-1] + right[:, 2:]) / 8.0
    return jnp.sqrt(rows**2 + columns**2)


def random(model: Model, params: Params, images: Images, label: Labels, *, key: Key | None = None) -> Maps:
    """Independent uniform pixels: chance."""
    return jax.vmap(lambda key: jax.random.uniform(key, images.shape[1:3]))(image_keys(_key(key), images))


def image_keys(key: Key, images: Images) -> Key:
    """A random key for each image [B], folded from its grey levels: it depends on neither the batch nor the place in it.

    Levels count in steps of 1/255, so that an image has the same key however its bytes were divided.
    """
    levels = jnp.round(images.reshape(len(images), -1) * 255.0).astype(jnp.int32).astype(jnp.uint32)
    odd = jnp.arange(levels.shape[1], dtype=jnp.uint32) * jnp.uint32(2 * 2654435769 % 2**32) + jnp.uint32(1)
    digest = jnp.sum(levels * odd[None], axis=1, dtype=jnp.uint32)  # modulo 2^32
    return jax.vmap(lambda number: jax.random.fold_in(key, number))(digest)


def _own(logits: Float[Array, "B L"], label: Labels) -> Float[Array, " B"]:
    return jnp.take_along_axis(logits, label[:, None], axis=1)[:, 0]


def _gradient(model: Model, params: Params, images: Images, label: Labels) -> Images:
    """The gradient [B, H, W, C] of each image's own logit, taken of their sum, since no image reads another."""
    return jax.grad(lambda x: own_logit(model, params, x, label).sum())(images)


def _in_front(baseline: Array | float, images: Array) -> Array:
    """A grey level, or an image [H, W, C], as [1, ...]."""
    level = jnp.asarray(baseline, images.dtype)
    if level.ndim and level.shape != images.shape[1:]:
        raise ValueError(f"a baseline is a grey level or an image {images.shape[1:]}, not {level.shape}")
    return jnp.broadcast_to(level.reshape((1, *level.shape) if level.ndim else (1, 1, 1, 1)), (1, *images.shape[1:]))


def _in_front_of(amount: Float[Array, " B"], leaf: Array) -> Array:
    return amount.reshape(-1, *(1 for _ in leaf.shape[1:]))


def _key(key: Key | None) -> Key:
    return jax.random.key(0) if key is None else key
