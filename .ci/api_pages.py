"""Writes the API pages of `dirvae` and `data_prep` as HTML with pdoc: `python .ci/api_pages.py [FOLDER]`, build/api by default.

A warning of pdoc, say of a module that cannot be imported or an annotation that cannot be read, ends the command with an error.
"""

import pkgutil
import re
import sys
import warnings
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pdoc

ROOT = Path(__file__).parents[1]
PACKAGES = ("dirvae", "data_prep")


def show_submodules(package: ModuleType) -> None:
    """pdoc documents what `__all__` names, where there is one; the pages are to have every module beneath as well."""
    children = [child for child in pkgutil.iter_modules(package.__path__) if not child.name.startswith("_")]
    if hasattr(package, "__all__"):
        package.__all__ = [*package.__all__, *(child.name for child in children)]
    for child in children:
        if child.ispkg:
            show_submodules(import_module(f"{package.__name__}.{child.name}"))


def columns_kept(docstring: str) -> str:
    """Paragraphs that are aligned in columns (lists of fields, formulas) become blocks of code, which Markdown leaves as they are."""
    paragraphs = docstring.split("\n\n")
    return "\n\n".join(
        re.sub(r"^(?=.)", "    ", paragraph, flags=re.MULTILINE)
        if re.search(r"^\S.*[^\s.] {3,}\S", paragraph, re.MULTILINE)
        else paragraph
        for paragraph in paragraphs
    )


def main(folder: Path) -> None:
    convert = pdoc.docstrings.convert
    pdoc.docstrings.convert = lambda docstring, *options: convert(columns_kept(docstring), *options)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of packages that are imported
        packages = [import_module(name) for name in PACKAGES]
        for package in packages:
            show_submodules(package)
        warnings.filterwarnings("error", category=UserWarning)
        pdoc.render.configure(docformat="google", footer_text="dirvae")
        pdoc.pdoc(*PACKAGES, output_directory=folder)
    print(f"{folder / 'dirvae.html'}: {len(list(folder.rglob('*.html')))} pages")


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "build" / "api")
