"""Eight simulated devices, and strict numerics: sloppy broadcasting, NaNs and wrong shapes are errors."""

import os
import tempfile

os.environ["JAX_PLATFORMS"] = "cpu"
os.environ["XLA_FLAGS"] = (
    "--xla_force_host_platform_device_count=8"
    # Tests compile far more than they compute, so the compiler is asked for little.
    " --xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true"
)

import jax
from jaxtyping import install_import_hook

jax.config.update("jax_numpy_rank_promotion", "raise")
jax.config.update("jax_debug_nans", True)

# Many tests train the same small model; each worker compiles it once.
_compiled = tempfile.TemporaryDirectory()
jax.config.update("jax_compilation_cache_dir", _compiled.name)
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.5)

# Annotated shapes are checked at every call, by beartype.
CHECKED = ("labels", "geometry", "latents", "metrics", "traversals", "maps", "attributions")
install_import_hook([f"dirvae.{module}" for module in CHECKED], "beartype.beartype")
