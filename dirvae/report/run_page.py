"""One run's report: `write` reads the files of a workdir and leaves report.html, and its figures under figures/."""

import html
from collections.abc import Mapping
from pathlib import Path

from dirvae.config import Config
from dirvae.latents import compositions
from dirvae.report import run_pictures, usage, words
from dirvae.report.html import document, figures, operating, tables
from dirvae.report.html.document import Section, note
from dirvae.training import evaluate
from dirvae.training.workdir import WorkdirError, finished, read_config, read_json
from dirvae.training.writers import read_metrics

FURTHER = (
    ("every explanation against the truth", "contest/*.html", "compare_explanations --workdir=W"),
    ("atlas of hits and errors", "explanations/*.html", "explain --workdir=W"),
)
"""(what it shows, files in a workdir, the command that makes it)."""


def write(workdir: Path) -> Path:
    """Raises WorkdirError where the run has not been evaluated."""
    workdir = Path(workdir)
    config, facts = read_config(workdir), read_json(workdir / "data.json")
    metrics = read_json(workdir / "metrics.json")
    scored = {name: entry for name, entry in metrics.items() if name not in ("latent", "timing")}
    if not scored:
        raise WorkdirError(f"{workdir / 'metrics.json'} holds no scored split; run the evaluate phase")
    split = next((name for name in ("test", "validation") if name in scored), next(iter(scored)))
    saved = evaluate.load(workdir, split)
    sections = [
        data(config, facts, scored),
        Section("Model", tables.facts(words.model(config))),
        training(workdir, config, metrics.get("timing", {})),
        classification(workdir, scored[split], split, saved),
        every_split(config, scored),
        run_pictures.generation(workdir, saved.labels),
        *(
            [usage.section(workdir, config, metrics["latent"], saved.predictions.decoder_mean)]
            if "latent" in metrics
            else []
        ),
        run_pictures.traversals(workdir, config, saved.labels),
        further(workdir),
        provenance(workdir, config),
    ]
    title = f"{compositions.title(config.model)} on {words.source(facts)}"
    return document.save(workdir / "report.html", title, headline(config, scored[split], split), sections)


def headline(config: Config, scores: Mapping, split: str) -> str:
    """The run in one sentence and its main numbers."""
    sentence = (
        f"A variational autoencoder with {words.shape(config.model)} and a classifier that reads nothing else, scored on "
        f"{scores['images']:,} {html.escape(split)} images of {scores['patients']:,} patients."
    )
    tiles = [
        tables.tile("macro AUROC", scores["auroc"]["macro"], scores.get("auroc_interval", {}).get("macro")),
        tables.tile("macro AUPRC", scores["auprc"]["macro"], scores.get("auprc_interval", {}).get("macro")),
    ]
    if "baseline" in scores:
        tiles.append(tables.tile("linear baseline, macro AUROC", scores["baseline"]["auroc"]["macro"], None))
    for name in ("l1", "ssim", "kl"):
        title, digits = tables.PER_IMAGE[name]
        tiles.append(tables.tile(title, scores[name], scores.get(f"{name}_interval"), digits))
    return f"<p class='lead'>{sentence}</p><div class='tiles'>{''.join(tiles)}</div>"


def data(config: Config, facts: Mapping, scored: Mapping) -> Section:
    """Of the splits that the run was trained or scored on."""
    manifest, labels = facts["manifest"], facts["labels"]
    used = {name: held for name, held in manifest["splits"].items() if name in ("train", "validation", *scored)}
    others = ", ".join(name for name in manifest["splits"] if name not in used)
    small = (
        f"Of each finding: positives (uncertain, not mentioned). {len(manifest['skipped'])} unreadable images left out. "
        f"Content {manifest['content_hash'][:16]}.{f' Splits not used: {html.escape(others)}.' if others else ''}"
    )
    return Section("Data", words.data(config, facts) + tables.data(used, labels) + note(small))


def training(workdir: Path, config: Config, timing: Mapping) -> Section:
    """Curves, with the step that was kept."""
    chosen, score = timing.get("best_step"), {"auroc": "macro AUROC", "elbo": "ELBO"}[config.evaluate.select_by]
    kept = f" Kept: step {chosen:,} of {config.train.steps:,}, the best by validation {score}." if chosen else ""
    text = f"<p>Terms are means over a batch of sums over pixels, latents and labels.{kept}</p>"
    drawn = figures.curves(read_metrics(workdir), chosen)
    caption = "Terms of the objective and validation scores over the steps; the first steps may lie above the panels."
    return Section("Training", text + document.figure(workdir, "curves", drawn, caption))


def classification(workdir: Path, scores: Mapping, split: str, saved: evaluate.Saved) -> Section:
    """Tables and curves of the split that the run is judged on."""
    linear, bounds = scores.get("baseline", {}).get("auroc", {}), scores.get("auroc_interval", {})
    rows = [(n, scores["auroc"][n], bounds.get(n), linear.get(n)) for n in ("macro", *saved.labels)]
    drawn = {
        "auroc": (figures.intervals(rows), f"AUROC of each finding on {split}."),
        "roc": (
            operating.roc(*saved.predictions[:2], saved.predictions.probability, saved.labels, scores["auroc"]),
            "ROC curves.",
        ),
        "reliability": (
            operating.reliability(*saved.predictions[:2], saved.predictions.probability, saved.labels),
            "Reliability: ten equally filled bins of probability; open circles: mean prediction and prevalence.",
        ),
    }
    shown = [document.figure(workdir, name, figure, caption) for name, (figure, caption) in drawn.items()]
    text = words.intervals(scores) + tables.scores(scores, saved.labels)
    return Section(f"Classification ({split})", text + "".join(shown))


def every_split(config: Config, scored: Mapping[str, Mapping]) -> Section:
    """Reconstruction and bound of all splits, beside their macro scores."""
    text = (
        "<p>Means over images. L1, PSNR and SSIM are of the reconstruction at the posterior's expectation; "
        "−log p(x|z) is of one draw from the posterior, under a "
        f"{words.likelihood(config.model)}; ELBO = log p(x|z) − KL.</p>"
    )
    return Section("Reconstruction and all splits", text + tables.splits(scored))


def further(workdir: Path) -> Section:
    """Links to the pages that other commands left in the workdir, and of what is not there the command."""
    rows = []
    for what, pattern, command in FURTHER:
        found = sorted(workdir.glob(pattern))
        links = ", ".join(
            f"<a href='{html.escape(str(p.relative_to(workdir)))}'>{html.escape(p.stem)}</a>" for p in found
        )
        rows.append(
            (what, links or f"<code>python -m experiments.{command}</code>, then <code>experiments.report</code>")
        )
    return Section("Explanations on pages of their own", tables.facts(rows))


def provenance(workdir: Path, config: Config) -> Section:
    overview = workdir / "parameters.txt"
    parameters = overview.read_text().strip().splitlines()[-1] if overview.exists() else "–"
    versions = read_json(workdir / "versions.json")
    return Section("How this was made", tables.provenance(config, versions, finished(workdir), parameters))
