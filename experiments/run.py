"""Runs every phase of one run in one folder: data, training, evaluation, explanation, report.

    python -m experiments.run --prior=dirichlet
    python -m experiments.run --prior=gaussian --dataset=chexpert --raw_dir=DIR --config.uncertain=ones

The same command on the same folder goes on where it was. Finished phases are not repeated. A --prior keeps the preset's number of
free numbers in the latent, so that two priors can be compared.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from data_prep import sources
from dirvae.config import Config, override
from dirvae.latents.families import FAMILIES
from experiments import cli, configs
from experiments.cli import Parser

PHASES = ("data", "train", "evaluate", "explain", "report")


def parser(command: str = "run", doc: str = __doc__, preset: str = "default") -> Parser:
    """The parser of a command that takes this one's flags; its help shows the fields' values in `preset`."""
    flags = cli.parser(command, doc, config=True)
    flags.add_argument("--prior", help="latent family; default: the preset's", **cli.one_of(FAMILIES))
    flags.add_argument(
        "--dataset", help="data source, or several to merge; default: the preset's", **cli.one_of(sources.SOURCES, True)
    )
    flags.shared("--raw_dir")
    flags.shared("--data_dir")
    flags.shared("--workdir", help="folder of the run; default: runs/DATASET-PRIOR-PRESET-SEED")
    flags.shared("--preset", default="default", **cli.one_of(configs.PRESETS))
    flags.shared("--seed")
    flags.add_argument("--phases", default=",".join(PHASES), help=f"comma-separated, of {','.join(PHASES)}")
    flags.add_argument("--distributed", action="store_true", help="one of several hosts, found in the environment")
    flags.add_argument("--coordinator", default="", help="HOST:PORT of process 0, with --processes and --process")
    flags.add_argument("--processes", type=cli.whole(0), default=0, help="processes of all hosts together")
    flags.add_argument("--process", type=cli.whole(0), default=0, help="number of this process, from 0 on")
    flags.epilog = f"--config.FIELD=VALUE sets any field (values of --preset={preset}):\n{configs.describe(preset)}"
    return flags


def preset_of(arguments: Sequence[str] | None) -> str:
    """The preset that a command line names, or the default one, as the help needs it before anything is checked."""
    only = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    only.add_argument("--preset", nargs="?")
    name = only.parse_known_args(arguments)[0].preset
    return name if name in configs.PRESETS else "default"


def resolve(flags: argparse.Namespace) -> Config:
    """The preset, then the flags, then every --config.FIELD=VALUE.

    Raises:
      ConfigError: for a value that cannot be, or a data source that is not registered.
    """
    chosen = {"dataset": flags.dataset, "seed": flags.seed}
    fields = {name: value for name, value in chosen.items() if value is not None} | flags.fields
    config = configs.resolve(flags.preset, flags.prior, fields)
    for name in configs.dropped(override(configs.preset(flags.preset), {"prior": config.model.prior})):
        cli.CONSOLE.say(f"{name} of the preset {flags.preset} is dropped: prior {config.model.prior} has no KL")
    sources.named(config.data.dataset)
    return config


def run(flags: argparse.Namespace) -> None:
    """Runs the phases that --phases names.

    Raises:
      ConfigError: for flags that do not fit together.
    """
    config = resolve(flags)
    phases = configs.phases(flags.phases, PHASES)
    if "data" in phases:
        sources.open_source(config.data, flags.raw_dir)
    name = f"{config.data.dataset}-{config.model.prior}-{flags.preset}-{config.seed}"
    from experiments import pipeline  # imports jax, hence not before the flags are known to be good

    pipeline.start(flags)
    pipeline.run(
        config, flags.workdir or Path("runs") / name, flags.raw_dir, flags.data_dir, phases, preset=flags.preset
    )


def main(arguments: list[str] | None = None) -> None:
    cli.main(parser(preset=preset_of(arguments)), run, arguments, cli.RESUMES)


if __name__ == "__main__":
    main()
