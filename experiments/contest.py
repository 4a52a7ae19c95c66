"""The former name of `experiments.compare_explanations`: says the new name and runs it."""

import sys

from experiments import compare_explanations


def main(arguments: list[str] | None = None) -> None:
    print("experiments.contest is now experiments.compare_explanations", file=sys.stderr)
    compare_explanations.main(arguments)


if __name__ == "__main__":
    main()
