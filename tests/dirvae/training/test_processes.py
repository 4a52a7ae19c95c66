"""Two real processes with two devices each train to the same parameters as one process with four."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from support import compiler

ROOT = Path(__file__).parents[3]

WORKER = """
import sys
from pathlib import Path
import jax
sys.path.insert(0, "tests")
from dirvae.training import parallel
coordinator, processes, process, folder = sys.argv[1:]
if int(processes) > 1:
    parallel.initialise(coordinator, int(processes), int(process))
import numpy as np
from support.trainings import fit, tiny
_, state = fit(tiny(learning_rate=1e-3), Path(folder))
assert jax.device_count() == 4 and jax.process_count() == int(processes)
if jax.process_index() == 0:
    leaves = [np.ravel(x) for x in jax.tree.leaves(state.params)]
    np.save(Path(folder) / "params.npy", np.concatenate(leaves))
"""


def start(folder, processes, process, port):
    environment = os.environ | {
        "JAX_PLATFORMS": "cpu",
        "XLA_FLAGS": compiler.flags(devices=4 // processes),
    }
    command = [sys.executable, "-c", WORKER, f"127.0.0.1:{port}", str(processes), str(process), str(folder)]
    return subprocess.Popen(
        command, cwd=ROOT, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.mark.slow
def test_two_processes_equal_one(tmp_path):
    results = []
    for processes in (1, 2):
        folder = tmp_path / str(processes)
        folder.mkdir()
        port = free_port()
        running = [start(folder, processes, process, port) for process in range(processes)]
        outputs = [one.communicate(timeout=240)[0] for one in running]
        assert [one.returncode for one in running] == [0] * processes, "\n".join(outputs)
        results.append(np.load(folder / "params.npy"))
    # Adam divides by the root of tiny second moments, which magnifies rounding; test_train bounds it under plain SGD.
    assert np.linalg.norm(results[1] - results[0]) / np.linalg.norm(results[0]) < 1e-3
