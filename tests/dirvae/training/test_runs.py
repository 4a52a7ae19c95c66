"""A finished run opened again, and parameters taken over from it."""

import jax
import numpy as np
import pytest
from support import trainings

from dirvae.training import runs, train, workdir
from dirvae.training.checkpoints import Checkpoints


@pytest.fixture(scope="module")
def donor(tmp_path_factory):
    """A run of two labels with two checkpoints, as far as `runs.open_run` reads it."""
    folder, config = tmp_path_factory.mktemp("donor"), trainings.tiny()
    workdir.claim(folder / "run", config)
    facts = {"labels": trainings.LABELS, "directory": "nowhere", "positive_weight": None, "manifest": {}}
    workdir.write_json(folder / "run" / "data.json", facts)
    state = train.initial_state(runs.build_model(config, trainings.LABELS), config)
    checkpoints = Checkpoints(folder / "run" / "checkpoints", config.evaluate.select_by)
    for step, score in ((3, 0.6), (6, 0.5)):
        kept = jax.tree.map(lambda leaf, step=step: leaf + step, state.average)
        checkpoints.save(step, state._replace(step=np.int32(step), average=kept), {config.evaluate.select_by: score})
    checkpoints.wait()
    checkpoints.close()
    return folder / "run"


def fresh(config, labels=trainings.LABELS):
    return train.initial_state(runs.build_model(config, labels), config).params


def by_path(tree):
    return {jax.tree_util.keystr(path): np.asarray(leaf) for path, leaf in jax.tree_util.tree_leaves_with_path(tree)}


def test_a_run_is_opened_at_a_checkpoint_with_its_own_labels(donor):
    run = runs.open_run(donor)
    assert run.labels == trainings.LABELS
    assert run.step == 3  # the better of the two
    with pytest.raises(workdir.WorkdirError, match="holds no run"):
        runs.open_run(donor / "nowhere")


def test_the_same_model_takes_every_array_over(donor):
    merged = runs.transfer(fresh(trainings.tiny(seed=1)), donor)
    jax.tree.map(np.testing.assert_array_equal, merged, runs.open_run(donor).params)


def test_arrays_of_another_shape_stay_fresh(donor):
    config = trainings.tiny(seed=1)
    start = fresh(config, ("Edema", "Fracture", "Pneumonia"))
    merged, own, given = (by_path(tree) for tree in (runs.transfer(start, donor), start, runs.open_run(donor).params))
    agreeing = {path for path, leaf in own.items() if path in given and given[path].shape == leaf.shape}
    assert agreeing
    assert set(own) - agreeing  # the head of another number of labels
    for path, leaf in merged.items():
        np.testing.assert_array_equal(leaf, given[path] if path in agreeing else own[path])


def test_a_model_with_nothing_in_common_is_refused(donor):
    with pytest.raises(workdir.WorkdirError, match="has a counterpart of the same name and shape"):
        runs.transfer({"other": np.zeros(3, np.float32)}, donor)
