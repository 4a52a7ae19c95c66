"""How tests ask XLA to compile: quickly, since they compile far more than they compute, and for so many simulated devices."""

QUICK = (
    "--xla_backend_optimization_level=0",
    "--xla_llvm_disable_expensive_passes=true",
    "--xla_cpu_use_fusion_emitters=false",  # takes half the time to compile
)


def flags(devices):
    """XLA_FLAGS of a process with this many simulated devices."""
    return " ".join((f"--xla_force_host_platform_device_count={devices}", *QUICK))
