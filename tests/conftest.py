"""Eight simulated devices, and strict numerics: sloppy broadcasting, NaNs and wrong shapes are errors."""

import atexit
import gc
import os
import shutil
import tempfile

from support import compiler

os.environ["JAX_PLATFORMS"] = "cpu"
os.environ["XLA_FLAGS"] = compiler.flags(devices=8)

# Many tests train the same small model: it is compiled once, for both workers and for the commands that tests start.
if "JAX_COMPILATION_CACHE_DIR" not in os.environ:
    os.environ["JAX_COMPILATION_CACHE_DIR"] = tempfile.mkdtemp()
    atexit.register(shutil.rmtree, os.environ["JAX_COMPILATION_CACHE_DIR"], ignore_errors=True)
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.3")

import jax
from jaxtyping import install_import_hook
from support.skips import pytest_addoption, pytest_configure  # noqa: F401

jax.config.update("jax_numpy_rank_promotion", "raise")
jax.config.update("jax_debug_nans", True)

# Annotated shapes are checked at every call, by beartype.
CHECKED = ("labels", "latents", "metrics", "explain.traversals", "explain.maps", "explain.attributions")
install_import_hook([f"dirvae.{module}" for module in CHECKED], "beartype.beartype")

# Tracing makes many small objects that live long; looking through all of them again and again takes a tenth of the time.
gc.collect()
gc.freeze()
gc.set_threshold(100_000, 20, 100)


def pytest_collection_modifyitems(items):
    """Files with slow tests come first, so that no worker is left with a long one at the end."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)
