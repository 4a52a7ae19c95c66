"""Dirichlet and Gaussian variational autoencoders for chest X-rays, and the evidence of what their latents learned.

The public names are few, and each of them is imported at its first use, so that `import dirvae` costs nothing:

| name | what it is |
|---|---|
| `load` | opens the folder of a finished run and gives an `Explainer` |
| `Explainer` | answers for an image: probabilities, a latent traversal, and maps of what it changes |
| `traverse` | follows a label's logit through the latent space of any model and decodes the path |
| `Dirichlet` | the Dirichlet distribution of a posterior or a prior |
| `Config` | the typed configuration of a run |

The modules beneath are public too: `dirvae.latents` (families), `dirvae.model`, `dirvae.losses`, `dirvae.metrics`, `dirvae.training`,
`dirvae.explain`, `dirvae.studies` and `dirvae.report`.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dirvae.config import Config
    from dirvae.explain.explainer import Explainer, load
    from dirvae.explain.traversals import on_manifold as traverse
    from dirvae.latents.dirichlet import Dirichlet

__version__ = "0.1.0"
__all__ = ["Config", "Dirichlet", "Explainer", "__version__", "load", "traverse"]

_HOMES = {
    "Config": ("dirvae.config", "Config"),
    "Dirichlet": ("dirvae.latents.dirichlet", "Dirichlet"),
    "Explainer": ("dirvae.explain.explainer", "Explainer"),
    "load": ("dirvae.explain.explainer", "load"),
    "traverse": ("dirvae.explain.traversals", "on_manifold"),
}
"""Module and attribute behind each public name."""


def __getattr__(name: str) -> Any:
    """Imports a public name when it is first asked for (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}", name=name)
    module, attribute = _HOMES[name]
    globals()[name] = value = getattr(import_module(module), attribute)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
