"""A finished run opened again, and parameters taken over from it."""

import jax
import numpy as np
import pytest
from support import trainings

from dirvae.config import ConfigError
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


def stored(folder, name="phantom_x", content="ab"):
    """A data set's folder, as far as it is looked for."""
    place = folder / name / "1.0.0"
    place.mkdir(parents=True)
    workdir.write_json(place / "manifest.json", {"content_hash": content})
    return place


def described(folder, directory):
    manifest = {"name": "phantom_x", "reader_version": "1.0.0", "content_hash": "ab"}
    workdir.write_json(folder / "data.json", {"directory": str(directory), "manifest": manifest})
    return folder


def test_a_data_set_is_where_it_was_or_below_data_dir(tmp_path):
    run, near = described(tmp_path / "runs" / "a", "../../data/phantom_x/1.0.0"), stored(tmp_path / "data")
    assert runs.dataset_of(run) == near.resolve()
    copy = stored(tmp_path / "elsewhere")
    assert runs.dataset_of(run, tmp_path / "elsewhere") == copy  # --data_dir wins
    assert runs.dataset_of(run, tmp_path / "nowhere") == near.resolve()
    tmp_path.joinpath("runs").rename(tmp_path / "moved_runs")  # both move together, or the data alone
    assert runs.dataset_of(tmp_path / "moved_runs" / "a") == near.resolve()
    tmp_path.joinpath("data").rename(tmp_path / "moved_data")
    moved = tmp_path / "moved_data" / "phantom_x" / "1.0.0"
    assert runs.dataset_of(tmp_path / "moved_runs" / "a", tmp_path / "moved_data") == moved
    old = described(tmp_path / "old", moved)  # runs of before hold an absolute path
    assert runs.dataset_of(old) == moved


def test_other_content_is_no_data_set_of_the_run_and_what_is_missing_is_said(tmp_path):
    run = described(tmp_path / "a", "../data/phantom_x/1.0.0")
    stored(tmp_path / "data", content="cd")
    with pytest.raises(workdir.WorkdirError) as refused:
        runs.dataset_of(run, tmp_path / "new")
    sentence = str(refused.value)
    assert "new/phantom_x/1.0.0 (no data set)" in sentence
    assert "data/phantom_x/1.0.0 (other content)" in sentence
    assert "give the folder that holds it as --data_dir" in sentence


def test_seeds_2_to_the_32_apart_are_refused():
    config = trainings.tiny(seed=5)
    net = runs.build_model(config, trainings.LABELS)
    for seed in (2**32 + 5, 2**63, -1):
        with pytest.raises(ConfigError, match=f"seed={seed} must be a whole number from 0 to 2"):
            train.initial_state(net, trainings.tiny(seed=seed))
