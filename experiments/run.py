"""One command, all of it: data, training, evaluation, explanation and report, into one folder.

    python -m experiments.run --prior=dirichlet
    python -m experiments.run --prior=gaussian --dataset=chexpert --raw_dir=DIR --config.uncertain=ones

The same command on the same folder resumes where it was; what is finished is not redone.
"""

import argparse
import sys
from pathlib import Path

from dirvae.config import Config, ConfigError, assignments, override, validate
from dirvae.latents.families import FAMILIES
from experiments import configs

PHASES = ("data", "train", "evaluate", "explain", "report")


def parser() -> argparse.ArgumentParser:
    flags = argparse.ArgumentParser(
        prog="python -m experiments.run", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    flags.add_argument("--prior", choices=FAMILIES, default=None)
    flags.add_argument(
        "--dataset", choices=("phantom", "chexpert"), default=None, help="chexpert: any CSV in its layout"
    )
    flags.add_argument("--raw_dir", type=Path, help="folder of train.csv, valid.csv and the images (chexpert)")
    flags.add_argument("--data_dir", type=Path, default=Path("data"), help="where prepared data sets are kept")
    flags.add_argument("--workdir", type=Path, help="the run's folder; default runs/DATASET-PRIOR-PRESET-SEED")
    flags.add_argument("--preset", choices=configs.PRESETS, default="default")
    flags.add_argument("--seed", type=int, default=None)
    flags.add_argument("--phases", default=",".join(PHASES), help=f"comma-separated, of {','.join(PHASES)}")
    flags.add_argument("--distributed", action="store_true", help="one of several hosts, found in the environment")
    flags.add_argument("--coordinator", default="", help="HOST:PORT of process 0, with --processes and --process")
    flags.add_argument("--processes", type=int, default=0)
    flags.add_argument("--process", type=int, default=0)
    flags.epilog = "--config.FIELD=VALUE sets any field:\n" + configs.describe()
    return flags


def resolve(flags: argparse.Namespace, leftover: list[str]) -> Config:
    """The preset, then the flags, then every --config.FIELD=VALUE."""
    chosen = {"prior": flags.prior, "dataset": flags.dataset, "seed": flags.seed}
    config = override(configs.preset(flags.preset), {k: v for k, v in chosen.items() if v is not None})
    return validate(override(config, assignments(leftover, prefix="--config.")))


def main(arguments: list[str] | None = None) -> None:
    flags, leftover = parser().parse_known_args(arguments)
    try:
        config = resolve(flags, leftover)
        phases = configs.phases(flags.phases, PHASES)
        if config.data.dataset == "chexpert" and flags.raw_dir is None and "data" in phases:
            raise ConfigError("--dataset=chexpert needs --raw_dir, the folder that holds train.csv")
        name = f"{config.data.dataset}-{config.model.prior}-{flags.preset}-{config.seed}"
        from experiments import pipeline as work  # imports jax, hence not before the flags are known to be good

        work.start(flags)
        work.run(config, flags.workdir or Path("runs") / name, flags.raw_dir, flags.data_dir, phases)
    except (ValueError, OSError) as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
