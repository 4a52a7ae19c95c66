"""Lists the commands: python -m experiments."""

from dirvae.config import command_line
from experiments import cli

if __name__ == "__main__":
    command_line.index("experiments", cli.COMMANDS)
