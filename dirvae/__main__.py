"""Says where the commands are: python -m dirvae."""

from dirvae.config import command_line

if __name__ == "__main__":
    parser = command_line.Parser(
        "dirvae", "dirvae is a library. Its commands: python -m experiments, python -m data_prep."
    )
    command_line.main(parser, lambda flags: print(parser.description))
