"""Grey levels of both kinds of arrays."""

import jax.numpy as jnp
import numpy as np

from dirvae.types import grey_levels


def test_grey_levels_of_every_byte_are_float32_and_end_at_0_and_1():
    bytes_ = np.arange(256, dtype=np.uint8)
    levels = grey_levels(bytes_)
    assert levels.dtype == np.float32
    assert (levels[0], levels[-1]) == (0.0, 1.0)
    np.testing.assert_array_equal(levels, np.float32(bytes_) / np.float32(255.0))
    on_device = grey_levels(jnp.asarray(bytes_))
    assert on_device.dtype == jnp.float32
    np.testing.assert_allclose(on_device, levels, rtol=1e-7)
