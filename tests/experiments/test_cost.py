"""What a configuration costs: operations are counted by the compiler, hours follow from them."""

import jax
import numpy as np

from dirvae import model
from dirvae.config import override
from dirvae.training.cost import of_step
from experiments import configs, cost

FLAGS = ["--preset=smoke", "--findings=4"]


def test_hours_are_steps_times_operations_over_what_the_device_reaches(monkeypatch, capsys):
    step = of_step(configs.preset("smoke"), 4)
    monkeypatch.setattr(cost, "PEAKS", {"toy": step.operations / 3.6})  # at one half, a step takes 7.2 seconds
    cost.main([*FLAGS, "--images=3200", "--epochs=10", "--utilisation=0.5"])
    assert capsys.readouterr().out.splitlines()[-1] == "1,000 steps on toy at 50%: 2.0 hours (computed)"


def test_parameters_are_those_of_the_model(capsys):
    config = override(configs.preset("smoke"), {"widths": (64, 64)})
    cost.main([*FLAGS, "--config.widths=64,64"])
    net = model.build(config.model, 4, config.data.image_size)
    leaves = jax.tree.leaves(jax.eval_shape(net.init, jax.random.key(0)))
    count = sum(int(np.prod(leaf.shape)) for leaf in leaves)
    printed = capsys.readouterr().out
    assert printed.startswith(f"{count / 1e6:.1f} million parameters")
    assert f"{config.train.steps:,} steps on" in printed
