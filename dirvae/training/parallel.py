"""Devices: the only file that knows how many there are.

A step is a per-device function of (state, batch) that reduces over the axis `AXIS`; here it is spread with `jax.pmap`, or with
`jax.shard_map`, which runs the very same function. States are replicated; batches are split by rows, first over hosts
(each loads only its own rows), then over the local devices.
"""

import ctypes
import platform
from collections.abc import Callable, Iterator
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding
from jax.sharding import PartitionSpec as P

from dirvae.config import ConfigError
from dirvae.types import PyTree

AXIS = "devices"
_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4  # of glibc's malloc.h


def initialise(coordinator: str = "", processes: int = 0, process: int = 0) -> None:
    """Joins the processes of a multi-host run; with no arguments JAX reads them from the cluster's environment.

    On CPUs the collectives go over gloo.
    """
    if coordinator:
        jax.distributed.initialize(coordinator, processes, process)
    else:
        jax.distributed.initialize()


def keep_freed_memory() -> None:
    """Makes glibc keep what a step frees, where the program runs on CPUs under Linux; elsewhere nothing.

    XLA's CPU backend allocates its buffers anew at every step. By default glibc hands such large blocks back to the system,
    and the next step pays for every page again, about a quarter of a training step of the default preset.
    """
    if jax.default_backend() != "cpu" or platform.libc_ver()[0] != "glibc":
        return
    mallopt = ctypes.CDLL(None).mallopt
    mallopt(_M_MMAP_MAX, 0)
    mallopt(_M_TRIM_THRESHOLD, 2**31 - 1)


def devices(count: int = 0) -> list[jax.Device]:
    """The devices of a run: with one process its first `count` (0: all); with several, all of all processes.

    Raises:
      ConfigError: when there are not so many, or when several processes are to use only some.
    """
    everything = jax.devices()
    if count > len(jax.local_devices()):
        available = len(jax.local_devices())
        raise ConfigError(f"train.devices={count}, but this host has {available}; set it to 0 to use all")
    if count and jax.process_count() > 1:
        raise ConfigError("train.devices must be 0 (all) when several processes train together")
    return everything[: count or len(everything)]


def local(devices: list[jax.Device]) -> list[jax.Device]:
    """The devices that belong to this process."""
    return [device for device in devices if device.process_index == jax.process_index()]


def rows_of_host(batch_size: int, devices: list[jax.Device]) -> slice:
    """Returns the rows of a global batch that this host loads.

    Raises:
      ConfigError: when the rows do not divide evenly over the devices.
    """
    if batch_size % len(devices):
        fitting = max(len(devices), batch_size // len(devices) * len(devices))
        raise ConfigError(f"batch size {batch_size} does not divide over {len(devices)} devices; {fitting} would")
    share = batch_size // jax.process_count()
    return slice(jax.process_index() * share, (jax.process_index() + 1) * share)


def fill(rows: np.ndarray, size: int) -> np.ndarray:
    """Rows [n, ...] repeated from the first on until there are `size` of them, so that every call has one shape and one compilation."""
    return np.resize(rows, (size, *rows.shape[1:]))


class Spread:
    """A per-device function `step(state, batch) -> (state, outputs)` over `devices`, by pmap or shard_map.

    `outputs` must be equal on all devices (reduced over `AXIS`). The state's buffers are donated on accelerators.
    """

    def __init__(self, step: Callable[[PyTree, PyTree], tuple[PyTree, PyTree]], devices: list[jax.Device], kind: str):
        self.kind, self.devices, self.local = kind, devices, local(devices)
        # Donated buffers halve an accelerator's memory for the state; XLA's CPU backend copies them first, each step anew.
        donated = () if devices[0].platform == "cpu" else (0,)
        if kind == "pmap":
            self._step = jax.pmap(step, axis_name=AXIS, devices=devices, donate_argnums=donated)
        else:
            self.mesh = Mesh(np.asarray(devices), (AXIS,))
            # check_vma would already sum the gradients of replicated parameters, and the step's own psum sum them twice.
            mapped = jax.shard_map(step, mesh=self.mesh, in_specs=(P(), P(AXIS)), out_specs=(P(), P()), check_vma=False)
            self._step = jax.jit(mapped, donate_argnums=donated)

    def replicate(self, state: PyTree) -> PyTree:
        """Host arrays -> the same arrays on every device."""
        if self.kind == "pmap":
            stacked = jax.tree.map(lambda x: np.broadcast_to(x, (len(self.local), *np.shape(x))), state)
            # Axis and devices as in the step: any other placement would have it compiled twice, for this and for its own outputs.
            return jax.pmap(lambda x: x, axis_name=AXIS, devices=self.devices)(stacked)
        sharding = NamedSharding(self.mesh, P())

        def place(x: Any) -> jax.Array:
            return jax.make_array_from_callback(np.shape(x), sharding, lambda _: np.asarray(x))

        return jax.tree.map(place, state)

    def fetch(self, replicated: PyTree) -> PyTree:
        """One device's copy, as host arrays."""

        def copy(x: jax.Array) -> np.ndarray:
            first = np.asarray(x.addressable_data(0))
            return first.reshape(x.shape[1:]) if self.kind == "pmap" else first

        return jax.tree.map(copy, replicated)

    def split(self, batch: PyTree) -> PyTree:
        """This host's rows, as the step takes them."""
        if self.kind == "pmap":
            return _rows_by_device(batch, len(self.local))
        sharding = NamedSharding(self.mesh, P(AXIS))
        return jax.tree.map(lambda x: jax.make_array_from_process_local_data(sharding, x), batch)

    def __call__(self, state: PyTree, batch: PyTree) -> tuple[PyTree, Any]:
        return self._step(state, self.split(batch))


def _rows_by_device(batch: PyTree, count: int) -> PyTree:
    return jax.tree.map(lambda x: x.reshape(count, x.shape[0] // count, *x.shape[1:]), batch)


def map_rows(
    function: Callable[[PyTree, PyTree], PyTree], devices: list[jax.Device]
) -> Callable[[PyTree, PyTree], PyTree]:
    """`function(params, batch)` with rows spread over this host's devices by pmap; host arrays in, host arrays out."""
    mine = local(devices)
    spread = jax.pmap(function, devices=mine, in_axes=(None, 0))

    def mapped(params: PyTree, batch: PyTree) -> PyTree:
        outputs = spread(params, _rows_by_device(batch, len(mine)))
        return jax.tree.map(lambda x: np.asarray(x).reshape(-1, *x.shape[2:]), outputs)

    return mapped


def map_batches(
    function: Callable[[PyTree, PyTree], PyTree], devices: list[jax.Device], batch: int
) -> Callable[[PyTree, PyTree], Iterator[PyTree]]:
    """`map_rows` of any number of rows: yields what becomes of `batch` of them at a time, the last time of the rest.

    `batch` is rounded up to a multiple of this host's devices; the last batch is filled up, so that nothing is compiled twice.
    """
    size = -(-batch // len(local(devices))) * len(local(devices))
    run = map_rows(function, devices)

    def mapped(params: PyTree, rows: PyTree) -> Iterator[PyTree]:
        for first in range(0, len(jax.tree.leaves(rows)[0]), size):
            part = jax.tree.map(lambda x: np.asarray(x[first : first + size]), rows)  # noqa: B023
            count = len(jax.tree.leaves(part)[0])
            filled = jax.tree.map(lambda x: fill(x, size), part)
            yield jax.tree.map(lambda x: x[:count], run(params, filled))  # noqa: B023

    return mapped
