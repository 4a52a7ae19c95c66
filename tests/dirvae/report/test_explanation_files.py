"""The last line of an explanation: how far the path came, and whether that is short of what was asked for."""

from types import SimpleNamespace

import numpy as np
import pytest

from dirvae.explain.explainer import Explanation
from dirvae.explain.traversals import Path
from dirvae.report import explanation_files

EXPLAINER = SimpleNamespace(
    options=SimpleNamespace(target_probability=0.95, stop="picture"),
    run=SimpleNamespace(labels=("Edema", "Fracture")),
    thresholds=np.array([0.5, 0.3]),
)


def lowered(end, code=0.01):
    """An explanation whose path lowers Fracture from .9 to `end` in the picture, and to `code` in the latent."""
    reread, probability = (np.array([[0.1, 0.9], [0.1, last]]) for last in (end, code))
    frames = np.zeros((2, 1, 1, 1))
    path = Path(frames, reread, frames, probability, np.array([0.0, 1.5]), np.zeros((2, 1)))
    fields = dict.fromkeys(Explanation._fields)
    return Explanation(**(fields | {"label": np.int32(1), "sign": np.float32(-1.0), "path": path}))


@pytest.mark.parametrize(("end", "short"), [(0.0502, False), (0.03, False), (0.0512, True), (0.4, True)])
def test_what_prints_as_the_goal_is_not_called_short_of_it(end, short):
    line = explanation_files.sentence(EXPLAINER, lowered(end))
    assert f"0.900 -> {end:.3f}" in line
    assert ("short of the 0.050 asked for" in line) == short
    assert "of the code 0.900 -> 0.010; 1 steps, length 1.50" in line


@pytest.mark.parametrize(
    ("end", "said"), [(0.29, "Fracture removed:"), (0.31, "Fracture not removed: the picture is still")]
)
def test_a_finding_is_removed_only_where_the_picture_says_so(end, said):
    assert said in explanation_files.sentence(EXPLAINER, lowered(end, code=0.0))
