"""How tests ask XLA to compile: quickly, since they compile far more than they compute, and for so many simulated devices."""

import os

QUICK = (
    "--xla_backend_optimization_level=0",
    "--xla_llvm_disable_expensive_passes=true",
    "--xla_cpu_use_fusion_emitters=false",  # takes half the time to compile
)


def flags(devices):
    """XLA_FLAGS of a process with this many simulated devices."""
    return " ".join((f"--xla_force_host_platform_device_count={devices}", *QUICK))


def environment(devices=1, **more):
    """The environment of a command that a test starts: this one's, so that compiled programs are shared, with other devices."""
    return os.environ | {"JAX_PLATFORMS": "cpu", "XLA_FLAGS": flags(devices)} | more
