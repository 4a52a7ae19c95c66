"""Sets finished runs side by side, the first against each of the others.

    python -m experiments.report WORKDIR WORKDIR ... [--output=DIR]

Writes comparison.html and comparison.json: scores with intervals, and differences with intervals of the same patient
resamples, of every split on which the runs were scored on the same images; what cannot be compared is said. One WORKDIR
alone gets its own report anew.
"""

import argparse
import sys
from pathlib import Path


def parser() -> argparse.ArgumentParser:
    flags = argparse.ArgumentParser(
        prog="python -m experiments.report", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    flags.add_argument("workdirs", type=Path, nargs="+")
    flags.add_argument("--output", type=Path, default=Path("."), help="folder of comparison.html and comparison.json")
    flags.add_argument("--replicates", type=int, default=2000, help="bootstrap replicates")
    return flags


def main(arguments: list[str] | None = None) -> None:
    flags = parser().parse_args(arguments)
    from dirvae.report import comparison_page, run_page

    try:
        if len(flags.workdirs) == 1:
            print(run_page.write(flags.workdirs[0]))
            return
        made = comparison_page.compare(flags.workdirs, flags.replicates)
        print(comparison_page.as_text(made))
        print(comparison_page.write(flags.output, made))
    except (ValueError, OSError) as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
