"""The registry of data sources: where images and labels come from.

To add a source, write one module and add its line here. For a published data set it is a module of `data_prep.readers` that holds
`READER`, a `data_prep.reader.Reader`; for images that are made it holds `SOURCE`, a `data_prep.source.DataSource`.
"""

import difflib
import importlib
from pathlib import Path
from typing import TYPE_CHECKING

from dirvae.config import ConfigError, DataConfig

if TYPE_CHECKING:
    from data_prep.reader import Reader
    from data_prep.source import DataSource, Source

SOURCES = {
    "phantom": "data_prep.phantom",
    "chexpert": "data_prep.readers.chexpert",
    "nih": "data_prep.readers.nih",
    "mimic": "data_prep.readers.mimic",
    "padchest": "data_prep.readers.padchest",
    "vindr": "data_prep.readers.vindr",
    "rsna": "data_prep.readers.rsna",
    "siim": "data_prep.readers.siim",
    "openi": "data_prep.readers.openi",
    "chestmnist": "data_prep.readers.chestmnist",
    "dicom": "data_prep.readers.dicom",
    "chexpert_plus": "data_prep.readers.chexpert_plus",
    "csv": "data_prep.readers.any_table",
    "folder": "data_prep.readers.image_folder",
}
"""Name of a source, as --dataset takes it, and the module that holds it; modules are imported at their first use."""


def named(name: str) -> "DataSource":
    """The data source of a name, or of several names separated by commas, whose data are merged.

    Raises:
      ConfigError: for a name that is not registered, with the nearest one, or sources that cannot be merged.
    """
    if "," in name:
        from data_prep import merged  # which few runs need

        return merged.data_source([part.strip() for part in name.split(",")], named)
    if name not in SOURCES:
        near = difflib.get_close_matches(name, SOURCES, n=1, cutoff=0.0)[0]
        raise ConfigError(f"data.dataset={name!r} is not one of {', '.join(SOURCES)}; did you mean {near!r}?")
    module = importlib.import_module(SOURCES[name])
    if hasattr(module, "READER"):
        from data_prep.table_source import data_source  # a reader's module cannot import it, and a phantom needs none

        return data_source(module.READER)
    return module.SOURCE


def readers() -> "list[Reader]":
    """The readers of published data sets, in the order of the registry."""
    modules = (importlib.import_module(module) for module in SOURCES.values())
    return [module.READER for module in modules if hasattr(module, "READER")]


def open_source(data: DataConfig, raw_dir: Path | None) -> "Source":
    """Returns the source that a configuration's data set is built from.

    Raises:
      ConfigError: for an unknown source, a field that the source cannot have, or a source that lacks its --raw_dir or reads none.
      SourceError: for a set that cannot be fetched.
    """
    source = named(data.dataset)
    if raw_dir is None and source.download:
        raw_dir = source.download(data)
    if source.needs_raw_dir and raw_dir is None:
        raise ConfigError(f"--dataset={data.dataset} needs --raw_dir, {source.raw_dir_holds}")
    if raw_dir is not None and not source.needs_raw_dir:
        raise ConfigError(
            f"--dataset={data.dataset} draws its images and reads no --raw_dir; name the data set of that folder by --dataset "
            f"(python -m data_prep.check --raw_dir={raw_dir} tells it), or leave --raw_dir out"
        )
    return source.open(data, raw_dir)


def of_tables(preferred: str | None = None) -> str:
    """The name of a source that reads raw images from a folder: `preferred` if it does, else the first registered one."""
    candidates = [preferred, *SOURCES] if preferred else list(SOURCES)
    return next(name for name in candidates if named(name).open_split is not None)
