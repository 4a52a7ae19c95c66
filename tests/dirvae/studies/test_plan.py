"""Folders of runs, and the list that a study is."""

import pytest

from dirvae.studies import plan

TOY = plan.Study("toy", "?", {"A, flips": {"flip": True}, "B": {}}, (3, 1), {"steps": 7}, ("A, flips", "B"), 0.01, 1.0)


def test_all_arms_of_a_seed_come_before_the_next_seed():
    runs = plan.runs(TOY)
    assert [(run.arm, run.seed) for run in runs] == [("A, flips", 3), ("B", 3), ("A, flips", 1), ("B", 1)]
    assert [run.folder for run in runs] == ["a_flips-3", "b-3", "a_flips-1", "b-1"]
    assert [run.config.loss.flip for run in runs] == [True, False, True, False]
    assert {(run.config.seed, run.config.train.steps) for run in runs} == {(3, 7), (1, 7)}


@pytest.mark.parametrize(
    ("title", "slug"),
    [("DirVAE, shuffled labels", "dirvae_shuffled_labels"), ("PCA + linear", "pca_linear"), ("GVAE", "gvae")],
)
def test_a_slug_has_no_spaces_or_commas(title, slug):
    assert plan.slug(title) == slug


def test_a_folder_of_an_earlier_version_is_found_where_only_it_exists(tmp_path):
    run = plan.runs(TOY)[0]
    assert plan.place(tmp_path, run) == tmp_path / "a_flips-3"
    (tmp_path / "A, flips-3").mkdir()
    assert plan.place(tmp_path, run) == tmp_path / "A, flips-3"
    (tmp_path / "a_flips-3").mkdir()
    assert plan.place(tmp_path, run) == tmp_path / "a_flips-3"
