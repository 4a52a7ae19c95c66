"""Lists the commands: python -m data_prep."""

from dirvae.config import command_line

COMMANDS = ("check", "build", "beam", "verify", "resplit", "phantom.difficulty")

if __name__ == "__main__":
    command_line.index("data_prep", COMMANDS)
