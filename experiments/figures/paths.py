"""Draws the front page's picture: findings removed from images along a path, read again from each picture, beside the exact effect.

    python -m experiments.figures.paths --workdir=RUN --out=FILE.png [--labels=Edema,...] [--split=test]

Each row is the split's first true positive of a finding. Two pictures show the end of its path: the image with the path's change,
and the decoded frame. Under a picture stand the classifier's answer to that very picture, and its answer to the latents. They are red
where only one of the two reaches the validation threshold. The split has to be one that a simulator can render, such as a phantom's,
since exact effects are known for no other.
"""

import argparse
import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from experiments import cli
from experiments.cli import Parser

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from dirvae.explain.explainer import Explainer
    from dirvae.training.data import Examples
    from dirvae.training.evaluate import Predictions
    from dirvae.types import Simulator

FINDINGS = ("Edema", "Pleural Effusion", "Lung Lesion")
TITLES = (
    "image",
    "image with the\npath's change",
    "end of the path,\ndecoded",
    "what the finding\nadds",
    "gated map",
    "exact effect",
)
ALARM, DPI, SHADES = "#b3001b", 100, 192


class Row(NamedTuple):
    """One image of the picture, with a finding that is removed; maps are [H, W] in grey levels of [0, 1]."""

    finding: str
    threshold: float  # of the finding, from validation images
    probability: float  # the classifier's, of the image
    image: np.ndarray  # float32 [H, W, 1]
    frames: np.ndarray  # float32 [2, H, W, 1], the path's end: on the image, and decoded
    from_code: np.ndarray  # [2], the head's probability of the latents behind each
    from_frame: np.ndarray  # [2], the classifier's probability of each frame
    signed: np.ndarray
    gated: np.ndarray
    effect: np.ndarray

    @property
    def disagrees(self) -> np.ndarray:
        """bool [2]: whether only one of a frame's two probabilities reaches the threshold."""
        return (self.from_code >= self.threshold) != (self.from_frame >= self.threshold)


def parser() -> Parser:
    flags = cli.parser("figures.paths", __doc__)
    flags.shared("--workdir", required=True)
    flags.shared("--out", required=True, help="the picture, a PNG file")
    flags.shared("--labels", default=FINDINGS, help=f"comma-separated findings; default: {','.join(FINDINGS)}")
    flags.shared("--split", help="split of the run's data set, already evaluated")
    flags.shared("--data_dir")
    return flags


def explain_first(
    explainer: "Explainer", examples: "Examples", predictions: "Predictions", simulator: "Simulator", finding: str
) -> Row:
    """The row of the split's first true positive of a finding.

    Raises:
      ValueError: for an unknown finding, one without a true positive, or one whose exact effect is not defined.
    """
    from dirvae.explain import selection, truth
    from dirvae.labels import finding_index

    run, column = explainer.run, finding_index(finding, explainer.run.labels)
    threshold = float(explainer.thresholds[column])
    positions = selection.true_positives(predictions, column, threshold, len(predictions.target), seed=0)[:1]
    if not len(positions):
        raise ValueError(f"the split has no true positive of {finding}; leave it out of --labels")
    known = truth.of_images(examples, positions, column, simulator)
    if not len(known.effect):
        raise ValueError(f"{finding} has no exact effect; leave it out of --labels")
    explanation = explainer(known.image[0], finding, "remove")
    frames = np.stack([explanation.path.on_image[-1], explanation.path.images[-1]])
    return Row(
        finding=finding,
        threshold=threshold,
        probability=float(explanation.probability[column]),
        image=known.image[0],
        frames=frames,
        from_code=explanation.path.probability[[-1, -1], column],
        from_frame=np.asarray(explainer.predict(run.params, frames))[:, column],
        signed=explanation.signed,
        gated=explanation.map,
        effect=known.effect[0],
    )


def draw(rows: Sequence[Row]) -> "Figure":
    """One line of six panels a row; each map has a scale of its own, whose end is printed below it."""
    import matplotlib.pyplot as plt

    from dirvae.report.html import pictures
    from dirvae.report.html.style import RULES

    with plt.rc_context(RULES):
        figure, axes = plt.subplots(len(rows), len(TITLES), figsize=(11.4, 0.3 + 2.2 * len(rows)), squeeze=False)
        for panels, row in zip(axes, rows, strict=True):
            pictures.draw(panels[0], row.image)
            beside(panels[0], row.finding)
            below(panels[0], f"p of the classifier: {short(row.probability)}\nthreshold: {short(row.threshold)}")
            for panel, frame, code, read, alarm in zip(
                panels[1:3], row.frames, row.from_code, row.from_frame, row.disagrees, strict=True
            ):
                pictures.draw(panel, frame)
                text = f"p read from picture: {short(read)}\np from the code: {short(code)}"
                below(panel, text, ALARM if alarm else None)
            for panel, change in zip(panels[3:], (row.signed, row.gated, row.effect), strict=True):
                draw_map(panel, change, row.effect)
        for panel, title in zip(axes[0], TITLES, strict=True):
            panel.set_title(title, fontsize=10, fontweight="normal")
        figure.subplots_adjust(left=0.03, right=0.995, top=0.92, bottom=0.06, wspace=0.06, hspace=0.3)
    return figure


def draw_map(axes: "Axes", change: np.ndarray, effect: np.ndarray) -> None:
    """One map [H, W] on its own scale, its NCC with the exact effect, and its strongest value."""
    from dirvae.metrics import counterfactual
    from dirvae.report.html.style import SIGNED

    strongest = float(np.abs(change).max())
    axes.imshow(change, cmap=SIGNED, vmin=-(strongest or 1.0), vmax=strongest or 1.0, interpolation="nearest")
    axes.set_axis_off()
    agreement = float(counterfactual.ncc(change[None], effect[None])[0])
    first = "" if change is effect else f"agreement (NCC): {short(agreement)}"
    below(axes, f"{first}\nstrongest: {strongest:.2f} grey levels")


def below(axes: "Axes", text: str, colour: str | None = None) -> None:
    """Writes two lines under a panel."""
    style = {"color": colour} if colour else {}
    axes.text(0.5, -0.04, text, ha="center", va="top", transform=axes.transAxes, fontsize=9, **style)


def beside(axes: "Axes", text: str) -> None:
    """Writes a row's name on its left side."""
    place = {"rotation": 90, "ha": "right", "va": "center", "transform": axes.transAxes}
    axes.text(-0.04, 0.5, text, fontsize=10, fontweight="bold", **place)


def short(value: float) -> str:
    """A number with two decimals, without its leading zero, such as .05 or -.12."""
    text = f"{value:.2f}"
    return text.replace("0.", ".", 1) if abs(value) < 1 else text


def png(figure: "Figure") -> bytes:
    """The figure as a PNG file of few colours, so that a repository can hold it."""
    import matplotlib.pyplot as plt
    from PIL import Image

    whole, small = io.BytesIO(), io.BytesIO()
    figure.savefig(whole, format="png", dpi=DPI)
    plt.close(figure)
    Image.open(whole).convert("RGB").quantize(SHADES, dither=Image.Dither.NONE).save(small, "PNG", optimize=True)
    return small.getvalue()


def run(flags: argparse.Namespace) -> None:
    """Explains the first true positive of every finding, and writes the picture."""
    from dirvae.explain import explainer as explainers
    from dirvae.training import evaluate, runs
    from experiments import pipeline

    pipeline.keep_compiled(flags.data_dir)
    explainer = explainers.load(flags.workdir)
    simulator = pipeline.simulator(explainer.run.config.data)
    if simulator is None:
        raise ValueError(f"{flags.workdir} was trained on real images, whose exact effects are not known")
    examples = runs.load_examples(explainer.run, flags.split)
    predictions = evaluate.load(flags.workdir, flags.split).predictions
    rows = [explain_first(explainer, examples, predictions, simulator, finding) for finding in flags.labels]
    flags.out.write_bytes(png(draw(rows)))
    for row in rows:
        print(f"{row.finding}: code {row.from_code.round(3)}, frames {row.from_frame.round(3)}")
    print(flags.out)


def main(arguments: list[str] | None = None) -> None:
    cli.main(parser(), run, arguments)


if __name__ == "__main__":
    main()
