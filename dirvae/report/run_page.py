"""One run's report: `write` reads the files of a workdir and leaves report.html, and its figures under figures/."""

import html
from collections.abc import Mapping
from pathlib import Path

from dirvae.config import Config, differences
from dirvae.latents import compositions
from dirvae.metrics.classification import curves
from dirvae.metrics.titles import scope
from dirvae.report import run_facts, run_pictures, usage
from dirvae.report.html import classification_figures, document, figures, tables
from dirvae.report.html.document import Section, note
from dirvae.training import evaluate
from dirvae.training.workdir import WorkdirError, finished, read_config, read_json
from dirvae.training.writers import read_metrics

FURTHER = (
    (
        "every explanation against the truth",
        ("comparison_of_explanations/*.html", "contest/*.html"),  # the latter as folders were once named
        "compare_explanations --workdir=W",
    ),
    ("atlas of hits and errors", ("explanations/*.html",), "explain --workdir=W"),
)
"""(what it shows, files in a workdir, the command that makes it)."""
LEAD = "<p class='lead'>A variational autoencoder with a classifier that reads nothing but the latent.</p>"
COUNTS = "For each finding: positives (uncertain, not mentioned)."
MODEL = (
    "<p>The objective is −log p(x|z) + weight · KL(q(z|x) ‖ p(z)) + weight · cross-entropy, the mean over images.</p>"
)
TERMS = "<p>Terms are means over a batch of sums over pixels, latents and labels.</p>"
SCORES = (
    "<p>Macro is the mean over the findings that have both values. The share of positives is the AUPRC of chance. "
    "Intervals in brackets are 95 % and count patients. Those of AUROC are score intervals, the others percentiles of resamples of "
    "patients. Resampling inflates ECE, so its interval may lie above the value. "
    "The linear baseline is fitted to principal components of the same images and scored on the same images. "
    "A finding without both values has no AUROC.</p>"
)
RECONSTRUCTION = (
    "<p>Means over images. L1, PSNR and SSIM are of the reconstruction at the posterior's expectation. "
    "−log p(x|z) is of one draw from the posterior. ELBO = log p(x|z) − KL.</p>"
)


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
        Section("Model", MODEL + tables.facts(run_facts.model(config))),
        training(workdir, config, metrics.get("timing", {})),
        classification(workdir, scored[split], split, saved),
        every_split(scored),
        run_pictures.generation(workdir, saved.labels),
        *([usage.section(workdir, config, metrics["latent"])] if "latent" in metrics else []),
        run_pictures.traversals(workdir, config, saved.labels),
        further(workdir),
        provenance(workdir, config, facts),
    ]
    title = f"{compositions.title(config.model)} on {run_facts.source(facts)}"
    return document.save(workdir / "report.html", title, headline(scored[split], split), sections)


def headline(scores: Mapping, split: str) -> str:
    """The run's main numbers."""
    tiles = [
        tables.tile(
            f"macro AUROC, {scope(scores['auroc'])}",
            scores["auroc"]["macro"],
            scores.get("auroc_interval", {}).get("macro"),
        ),
        tables.tile(
            f"macro AUPRC, {scope(scores['auprc'])}",
            scores["auprc"]["macro"],
            scores.get("auprc_interval", {}).get("macro"),
        ),
    ]
    tiles += [tables.tile(f"{name} of {split}", scores[name], None, 0) for name in ("images", "patients")]
    if "baseline" in scores:
        tiles.append(
            tables.tile("linear baseline, macro AUROC of the same", scores["baseline"]["auroc"]["macro"], None)
        )
    for name in ("l1", "ssim", "kl"):
        title, digits = tables.PER_IMAGE[name]
        tiles.append(tables.tile(title, scores[name], scores.get(f"{name}_interval"), digits))
    return f"{LEAD}<div class='tiles'>{''.join(tiles)}</div>"


def data(config: Config, facts: Mapping, scored: Mapping) -> Section:
    """The data, and the counts of the splits that the run was trained or scored on."""
    splits, labels = facts["manifest"]["splits"], facts["labels"]
    used = {name: held for name, held in splits.items() if name in ("train", "validation", *scored)}
    unused = tuple(name for name in splits if name not in used)
    return Section(
        "Data", tables.facts(run_facts.data(config, facts, unused)) + tables.data(used, labels) + note(COUNTS)
    )


def training(workdir: Path, config: Config, timing: Mapping) -> Section:
    """Curves, with the step that was kept."""
    drawn = figures.curves(read_metrics(workdir), timing.get("best_step"))
    caption = "Terms of the objective and validation scores over the steps; the first steps may lie above the panels."
    kept = tables.facts(run_facts.checkpoint(config, timing))
    return Section("Training", TERMS + kept + document.figure(workdir, "curves", drawn, caption))


def classification(workdir: Path, scores: Mapping, split: str, saved: evaluate.Saved) -> Section:
    """Tables and curves of the split that the run is judged on."""
    linear, bounds = scores.get("baseline", {}).get("auroc", {}), scores.get("auroc_interval", {})
    rows = [(n, scores["auroc"][n], bounds.get(n), linear.get(n)) for n in ("macro", *saved.labels)]
    lines = curves(saved.predictions.target, saved.predictions.weight, saved.predictions.probability)
    drawn = {
        "auroc": (figures.intervals(rows), f"AUROC of each finding on {split}."),
        "roc": (
            classification_figures.roc(lines, saved.labels, scores["auroc"]),
            "ROC curves.",
        ),
        "reliability": (
            classification_figures.reliability(lines, saved.labels),
            "Reliability: ten equally filled bins of probability; open circles: mean prediction and prevalence.",
        ),
    }
    shown = [document.figure(workdir, name, figure, caption) for name, (figure, caption) in drawn.items()]
    text = SCORES + tables.facts(run_facts.intervals(scores)) + tables.scores(scores, saved.labels)
    return Section(f"Classification ({split})", text + "".join(shown))


def every_split(scored: Mapping[str, Mapping]) -> Section:
    """Reconstruction and bound of all splits, beside their macro scores."""
    return Section("Reconstruction and all splits", RECONSTRUCTION + tables.splits(scored))


def further(workdir: Path) -> Section:
    """Links to the pages that other commands left in the workdir, and of what is not there the command."""
    rows = []
    for what, patterns, command in FURTHER:
        found = sorted(page for pattern in patterns for page in workdir.glob(pattern))
        links = ", ".join(
            f"<a href='{html.escape(str(p.relative_to(workdir)))}'>{html.escape(p.stem)}</a>" for p in found
        )
        rows.append(
            (what, links or f"<code>python -m experiments.{command}</code>, then <code>experiments.report</code>")
        )
    return Section("Explanations on pages of their own", tables.facts(rows))


def provenance(workdir: Path, config: Config, facts: Mapping) -> Section:
    """Says how the run was made: its departures from its preset, sizes, times and versions."""
    overview = workdir / "parameters.txt"
    parameters = overview.read_text().strip().splitlines()[-1] if overview.exists() else "–"
    versions = read_json(workdir / "versions.json")
    return Section(
        "How this was made", tables.provenance(_preset(config, facts), versions, finished(workdir), parameters)
    )


def _preset(config: Config, facts: Mapping) -> Mapping:
    """The run's preset and its departures; a run that names no preset is compared with the default one."""
    departures = {path: ours for path, (ours, _) in differences(config, Config()).items()}
    return facts.get("preset") or {"name": "default", "departures": departures}
