"""The gated map, `traversal_gated`: this project's own explanation of an image, made of two parts that are computed here.

One is what paths from several draws of the posterior agree on. The other is where in the image the classifier's evidence is.
`dirvae.explain.maps.gated` multiplies the first by the second, and `dirvae.explain.paths` registers the product.
"""

import jax
from jaxtyping import Array, Float, Int

from dirvae.explain import attributions, maps, traversals
from dirvae.model import Model
from dirvae.types import Params

DRAWS = 8  # start points of an image's paths, unless told otherwise


def change_and_evidence(
    model: Model,
    params: Params,
    images: Float[Array, "B H W C"],
    label: Int[Array, " B"],
    sign: Float[Array, " B"],
    keys: Array,
    draws: int,
    options: traversals.Options,
) -> tuple[Float[Array, "B H W"], Float[Array, "B H W"]]:
    """The denoised map of the paths from `draws` start points an image, in grey levels, and the image's integrated gradients.

    `sign` is +1 where the finding is added and -1 where it is taken away; the map shows what the finding adds either way. `keys` [B]
    are the images' random keys. These paths stop by the code: a map says where the evidence is, and draws that went on until the
    picture convinces would differ in what only the longest of them change.
    """
    options = options._replace(stop="code")
    several = traversals.from_draws(model, params, images, label, sign, keys, draws, options).images
    each = jax.vmap(maps.signed, in_axes=(1, None))(several, sign)
    return maps.denoised(each), attributions.integrated_gradients(model, params, images, label)
