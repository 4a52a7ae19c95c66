"""Studies: lab notes that run. Each states its question and endpoints before any run, and is an indexed list of runs."""

import importlib

from dirvae.studies.plan import Study

STUDIES = ("quick", "full", "audit", "xrays")


def load(name: str) -> Study:
    return importlib.import_module(f"experiments.configs.studies.{name}").study()
