"""What a configuration costs: operations are counted by the compiler, hours follow from them."""

import re

import jax
import numpy as np
import pytest

from dirvae import model
from dirvae.config import override
from experiments import configs, cost

FLAGS = ["--preset=smoke", "--findings=4"]


def numbers(text):
    return [float(number.replace(",", "")) for number in re.findall(r"[\d,]+\.?\d*", text)]


def test_hours_are_steps_times_operations_over_what_the_device_reaches(monkeypatch, capsys):
    monkeypatch.setattr(cost, "PEAKS", {"toy": 1e9})
    cost.main([*FLAGS, "--images=3200", "--epochs=10", "--utilisation=0.5"])
    first, second = capsys.readouterr().out.splitlines()
    operations = numbers(first)[1] * 1e9
    steps, *_, hours = numbers(second.replace("toy at 50%", "toy"))
    assert steps == 3200 * 10 / 32
    assert hours == pytest.approx(steps * operations / 0.5e9 / 3600, rel=0.5, abs=0.06)


def test_parameters_are_those_of_the_model(capsys):
    config = override(configs.preset("smoke"), {"widths": (64, 64)})
    cost.main([*FLAGS, "--config.widths=64,64"])
    net = model.build(config.model, 4, config.data.image_size)
    leaves = jax.tree.leaves(jax.eval_shape(net.init, jax.random.key(0)))
    count = sum(int(np.prod(leaf.shape)) for leaf in leaves)
    printed = capsys.readouterr().out
    assert printed.startswith(f"{count / 1e6:.1f} million parameters")
    assert f"{config.train.steps:,} steps on" in printed
