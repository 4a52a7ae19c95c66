"""The report's pictures: reconstructions, draws from the prior, traversals."""

from pathlib import Path

import numpy as np

from dirvae.config import Config
from dirvae.explain import gallery
from dirvae.explain.gallery import Cases
from dirvae.explain.setting import has_constant_direction
from dirvae.report.html import document, pictures
from dirvae.report.html.document import Section

SHOWN_CASES = 2  # traversals drawn a finding; the others are in cases/
SHOWN_IMAGES = 10
SAME = "Above, the head is linear, so the direction is the same for every image of a finding. "
MISSING = "<p>The run has not been explained; its explain phase makes these pictures.</p>"


def generation(workdir: Path, labels: tuple[str, ...]) -> Section:
    """Reconstructions of the first case of each finding, and decoded draws from the prior."""
    if not _explained(workdir):
        return Section("Reconstructions and samples", MISSING)
    cases = {label: case for label in labels if (case := gallery.load(workdir / "cases", label)) is not None}
    body = "<p>No finding has a true positive to show.</p>"
    if cases:
        chosen = list(cases.items())[:SHOWN_IMAGES]
        images, shown = (np.concatenate([getattr(c, f)[:1] for _, c in chosen]) for f in ("image", "reconstruction"))
        drawn = pictures.reconstructions(images, shown, [_broken(label) for label, _ in chosen])
        caption = (
            "A true positive of each finding, decoded from the one point of its posterior that traversals start from."
        )
        body = document.figure(workdir, "reconstructions", drawn, caption)
    with np.load(workdir / "cases" / "prior.npz") as arrays:
        drawn = pictures.gallery(arrays["image"])
    body += document.figure(workdir, "prior", drawn, "Draws from the prior, decoded.")
    return Section("Reconstructions and samples", body)


def _explained(workdir: Path) -> bool:
    return (workdir / "cases" / "prior.npz").exists()


def _broken(label: str) -> str:
    """A long name on two lines."""
    return label.replace(" ", "\n", 1)


def traversals(workdir: Path, config: Config, labels: tuple[str, ...]) -> Section:
    """The section of traversals: each finding's first cases, drawn and animated."""
    if not _explained(workdir):
        return Section("Traversals", MISSING)
    loaded = [gallery.load(workdir / "cases", label) for label in labels]
    exact = any(cases is not None and len(cases.effect) > 0 for cases in loaded)
    parts = [_introduction(config, exact), _walks(workdir)]
    for column, (label, cases) in enumerate(zip(labels, loaded, strict=True)):
        parts.append(document.part(label))
        parts.append(
            "<p>No true positive in this split.</p>"
            if cases is None
            else _finding(workdir, config, cases, column, label)
        )
    return Section("Traversals", "".join(parts), labels)


def _walks(workdir: Path) -> str:
    """A sentence on the pages that show more paths, step by step."""
    if (workdir / "explorer.html").exists():
        return "<p><a href='explorer.html'>Walk along such paths</a>, step by step, beside other attributions.</p>"
    return (
        "<p>To walk along such paths, step by step, and beside other runs: "
        "<code>python -m experiments.explorer --workdir=WORKDIR</code>.</p>"
    )


def _introduction(config: Config, exact: bool) -> str:
    """Says what the figures show; `exact` tells whether the exact effects are among it."""
    remove = config.explain.direction == "remove"
    truth = (
        "The exact effect is the rendering with the finding less the one without it, everything else equal. "
        if exact
        else "Yellow boxes, where there are any, are radiologists'. "
    )
    return (
        f"<p>True positives drawn at random (seed {config.seed}). Their finding's logit is {'lowered' if remove else 'raised'} "
        "by following its gradient: above on the manifold, in steps that keep the latent legal; below as "
        "published (Harkness et al. 2023), along one gradient in three coordinates, without staying on the manifold. "
        f"{SAME if has_constant_direction(config) else ''}"
        "Pictures are the image with the path's change: image + decoded frame &minus; decoded start. The p above one is re-read, the "
        "classifier's answer to that very picture; the dotted line is its answer to the latent code. "
        "Maps show the whole path's change over the image as what the finding adds: red is brighter "
        "with it, blue darker. "
        f"{truth}All maps of a figure share its colour scale; a faint one is multiplied by the factor above it.</p>"
    )


def _finding(workdir: Path, config: Config, cases: Cases, column: int, label: str) -> str:
    parts, direction, slug = [], config.explain.direction, gallery.slug(label)
    for row in range(min(SHOWN_CASES, len(cases.index))):
        drawn = pictures.traversal(cases, row, column, label, direction)
        caption = f"{label}, image {cases.index[row]} of the split."
        parts.append(document.figure(workdir, f"traversal_{slug}_{row}", drawn, caption, "webp"))
    moving = pictures.animate(cases.on_image[0], cases.image[0], direction)
    caption = (
        f"Image {cases.index[0]} on the manifold, there and back; right, what the finding adds so far, "
        "on a scale that ends at the path's largest change."
    )
    parts.append(document.animation(workdir, f"traversal_{slug}", moving, caption))
    return "".join(parts)
