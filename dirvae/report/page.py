"""One run's report: a page that opens from disk, with everything inside it.

`write` reads the files of a workdir and leaves report.html, and the figures and animations it shows under figures/.
"""

import base64
import html
import io
from pathlib import Path

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from PIL import Image

from dirvae import cases, evaluate
from dirvae.config import Config
from dirvae.report import figures, tables
from dirvae.workdir import read_config, read_json, write_text
from dirvae.writers import read_metrics

STYLESHEET = Path(__file__).with_name("page.css")
SHOWN_CASES = 2  # traversals drawn a finding; the others are in cases/


def write(workdir: Path) -> Path:
    """Raises WorkdirError where the run has not been evaluated."""
    workdir = Path(workdir)
    config, facts = read_config(workdir), read_json(workdir / "data.json")
    metrics = read_json(workdir / "metrics.json")
    split = "test" if "test" in metrics else "validation"
    saved = evaluate.load(workdir, split)
    sections = [
        headline(config, metrics[split], split),
        section("Data", data_text(config) + tables.data(facts["manifest"], facts["labels"])),
        section(
            "Training",
            figure(workdir, "curves", figures.curves(read_metrics(workdir)), "Terms and scores over training"),
        ),
        *classification_sections(workdir, metrics, split, saved),
        section("Reconstruction and generation", pictures(workdir, saved.labels)),
        section("Latent usage", latent_usage(workdir, config, metrics["latent"])),
        section("Traversals", traversals(workdir, config, saved.labels)),
        section(
            "How this was made", tables.provenance(config, read_json(workdir / "versions.json"), metrics["timing"])
        ),
    ]
    title = f"{FAMILY[config.model.prior]} on {tables.source_name(config, facts['manifest'])}"
    return save_page(workdir / "report.html", title, "".join(sections))


FAMILY = {"dirichlet": "Dirichlet VAE", "gaussian": "Gaussian VAE", "logistic_normal": "Logistic-normal VAE"}


def save_page(path: Path, title: str, body: str) -> Path:
    """A complete page with the stylesheet inside."""
    write_text(
        path,
        "<!doctype html>\n<html lang='en'><head><meta charset='utf-8'>"
        "<meta name='viewport' content='width=device-width, initial-scale=1'>"
        f"<title>{html.escape(title)}</title><style>{STYLESHEET.read_text()}</style></head>"
        f"<body><main><h1>{html.escape(title)}</h1>{body}</main></body></html>\n",
    )
    return path


def section(title: str, body: str) -> str:
    return f"<section><h2>{html.escape(title)}</h2>{body}</section>"


def figure(workdir: Path, name: str, drawn: Figure, alternative: str) -> str:
    """Saves the figure as figures/<name>.png and embeds it."""
    buffer = io.BytesIO()
    drawn.savefig(buffer, format="png", dpi=110)
    plt.close(drawn)
    path = workdir / "figures" / f"{name}.png"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(buffer.getvalue())
    return embedded(buffer.getvalue(), "png", alternative)


def embedded(content: bytes, kind: str, alternative: str, style: str = "") -> str:
    data = base64.b64encode(content).decode()
    return f"<img alt='{html.escape(alternative, quote=True)}' style='{style}' src='data:image/{kind};base64,{data}'>"


def headline(config: Config, scores: dict, split: str) -> str:
    """The run in one sentence and six numbers."""
    model = config.model
    shape = {
        "global": f"one latent of {model.latents} components",
        "product": f"{model.groups} latents of {model.latents} components",
        "field": f"a {model.grid} × {model.grid} field of {model.groups} × {model.latents} components",
    }[model.structure]
    sentence = (
        f"A variational autoencoder with {shape} and a classifier that reads nothing else, "
        f"evaluated on {scores['images']} {split} images of {scores['patients']} patients."
    )
    tiles = [
        tables.tile("macro AUROC", scores["auroc"]["macro"], scores.get("auroc_interval", {}).get("macro")),
        tables.tile("macro AUPRC", scores["auprc"]["macro"], scores.get("auprc_interval", {}).get("macro")),
        tables.tile("linear baseline, AUROC", scores["baseline"]["auroc"]["macro"], None),
        tables.tile("L1, grey levels of 1", scores["l1"], scores.get("l1_interval")),
        tables.tile("SSIM", scores["ssim"], scores.get("ssim_interval")),
        tables.tile("KL, nats an image", scores["kl"], scores.get("kl_interval"), digits=1),
    ]
    return f"<p class='lead'>{sentence}</p><div class='tiles'>{''.join(tiles)}</div>"


def data_text(config: Config) -> str:
    policies = f"Uncertain labels: <b>{config.data.uncertain}</b>; not mentioned: <b>{config.data.blank}</b>."
    if config.data.dataset == "phantom":
        return (
            "<p>The phantom: procedural radiographs with known anatomy, pathologies and confounders. Training labels are noisy, "
            f"uncertain or missing at rates like CheXpert's; test labels are the truth. {policies}</p>"
        )
    return f"<p>Split by patient. {policies}</p>"


def classification_sections(workdir: Path, metrics: dict, split: str, saved: evaluate.Saved) -> list[str]:
    scores = metrics[split]
    rows = [
        (name, scores["auroc"][name], scores["auroc_interval"][name], scores["baseline"]["auroc"][name])
        for name in ("macro", *saved.labels)
        if scores["auroc"][name] is not None and "auroc_interval" in scores
    ]
    gap = scores["baseline"].get("difference", {}).get("macro")
    text = (
        "<p>95 % intervals resample patients. The linear baseline is a logistic regression on principal components of "
        "the same images.</p>"
    )
    if gap:
        text += f"<p>Model − baseline, macro AUROC: <b>{tables.signed(gap['difference'], gap['interval'])}</b> on the same resamples.</p>"
    predictions = saved.predictions
    curves = figures.roc_and_reliability(predictions.target, predictions.weight, predictions.probability, saved.labels)
    forest = figure(workdir, "auroc", figures.intervals(rows), "AUROC of each finding") if rows else ""
    return [
        section(f"Classification ({split})", text + forest + tables.scores(scores, saved.labels)),
        section("Operating curves and calibration", figure(workdir, "roc", curves, "ROC and reliability curves")),
    ]


def pictures(workdir: Path, labels: tuple[str, ...]) -> str:
    """Reconstructions of the first cases, and decoded draws from the prior."""
    made = [c for label in labels if (c := cases.load(workdir / "cases", label)) is not None]
    parts = ["<p>Decoded from the one point of the posterior that traversals start from.</p>"]
    if made:
        images, shown = (np.concatenate([getattr(c, f)[:1] for c in made]) for f in ("image", "reconstruction"))
        drawn = figures.reconstructions(images[:10], shown[:10])
        parts.append(figure(workdir, "reconstructions", drawn, "Images, reconstructions and their differences"))
    prior = workdir / "cases" / "prior.npz"
    if prior.exists():
        with np.load(prior) as arrays:
            drawn = figures.gallery(arrays["image"])
        parts.append("<h3>Draws from the prior</h3>" + figure(workdir, "prior", drawn, "Decoded draws from the prior"))
    return "".join(parts)


def latent_usage(workdir: Path, config: Config, latent: dict) -> str:
    share = np.asarray(latent["mean_share"]) if "mean_share" in latent else None
    drawn = figures.latent_usage(
        np.asarray(latent["activity"]), share, 1 / config.model.latents if share is not None else None
    )
    return tables.latent(latent, config) + figure(workdir, "latent", drawn, "Activity and mean share of the latents")


def traversals(workdir: Path, config: Config, labels: tuple[str, ...]) -> str:
    """For each finding the first cases, drawn and animated."""
    verb = "lowered" if config.explain.direction == "remove" else "raised"
    parts = [
        f"<p>True positives drawn at random (seed {config.seed}). The finding's logit is {verb} by following its gradient on the "
        "manifold; below each strip the published procedure. Red: what the finding adds; blue: what it takes away; both maps of "
        "a row show the whole path's change over the image. Yellow boxes: radiologists'.</p>"
    ]
    for column, label in enumerate(labels):
        made = cases.load(workdir / "cases", label)
        if made is None:
            parts.append(f"<h3>{html.escape(label)}</h3><p>No true positive in this split.</p>")
            continue
        parts.append(f"<h3>{html.escape(label)}</h3>")
        for row in range(min(SHOWN_CASES, len(made.index))):
            name = f"traversal_{cases.slug(label)}_{row}"
            drawn = figures.traversal(made, row, column, config.explain.direction)
            parts.append(figure(workdir, name, drawn, f"Traversal of {label}, case {row + 1}"))
        animation = animate(made.path[0])
        (workdir / "figures" / f"traversal_{cases.slug(label)}.gif").write_bytes(animation)
        parts.append(
            embedded(animation, "gif", f"{label} traversed, animated", "width:160px;image-rendering:pixelated")
        )
    return "".join(parts)


def animate(path: np.ndarray, side: int = 160) -> bytes:
    """A GIF of a path [T, H, W, C], there and back."""
    frames = [Image.fromarray(np.rint(np.clip(f[..., 0], 0, 1) * 255).astype(np.uint8)) for f in path]
    frames = [frame.resize((side, side), Image.Resampling.BICUBIC) for frame in frames]
    buffer = io.BytesIO()
    frames[0].save(buffer, "GIF", save_all=True, append_images=frames[1:] + frames[-2:0:-1], duration=90, loop=0)
    return buffer.getvalue()
