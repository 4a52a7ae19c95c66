"""The registry of data sources: every member keeps the contract, and a wrong name is answered with the nearest."""

from pathlib import Path

import pytest

from data_prep import sources
from dirvae.config import ConfigError, DataConfig

MANIFEST = {"splits": {"train": {}, "test": {}}, "options": {"folder": "hospital"}}


@pytest.mark.parametrize("name", sources.SOURCES)
def test_every_source_tells_its_title_and_origin(name):
    source, data = sources.named(name), DataConfig(dataset=name)
    assert source.title(data, MANIFEST)
    assert source.origin(data, MANIFEST).endswith(".")


def test_a_source_that_reads_a_folder_needs_it():
    real = next(name for name in sources.SOURCES if sources.named(name).needs_raw_dir)
    with pytest.raises(ConfigError, match=f"--dataset={real} needs --raw_dir, the folder that holds"):
        sources.open_source(DataConfig(dataset=real), None)


def test_a_source_that_draws_its_images_refuses_a_folder():
    with pytest.raises(
        ConfigError, match=r"--dataset=phantom draws its images and reads no --raw_dir; .*data_prep\.check"
    ):
        sources.open_source(DataConfig(dataset="phantom"), Path("raw"))


def test_an_unknown_source_is_answered_with_the_nearest():
    with pytest.raises(ConfigError, match="did you mean 'phantom'"):
        sources.named("fantom")


def test_tables_are_read_by_the_preferred_source_or_the_first_that_can():
    first = next(name for name in sources.SOURCES if sources.named(name).open_split is not None)
    assert sources.of_tables() == sources.of_tables("phantom") == sources.of_tables(first) == first


def test_only_the_phantom_has_a_simulator():
    simulators = {name: sources.named(name).simulator(DataConfig(dataset=name)) for name in sources.SOURCES}
    assert [name for name, simulator in simulators.items() if simulator is not None] == ["phantom"]
    assert simulators["phantom"].size == DataConfig().image_size
