"""The result of a comparison of explanations as tables, for a terminal and for the page (`dirvae.report.explanations_page`)."""

from collections.abc import Iterable, Mapping

import numpy as np

from dirvae.explain import sanity
from dirvae.explain.contract import Map
from dirvae.studies import tables
from dirvae.studies.explanations import scoring
from dirvae.studies.explanations.controls import known_maps
from dirvae.studies.explanations.results import Comparison, Estimate, Estimates
from dirvae.studies.explanations.scores import MAP_SCORES, PATH_SCORES, Score
from dirvae.studies.tables import Table

LED = "traversal_gated"  # the map of ours whose scores are shown finding by finding


def every(comparison: Comparison) -> list[Table]:
    """All tables, in the order of the page."""
    excluded = (left_out(comparison),) if comparison.left_out else ()
    return [
        means(comparison),
        differences(comparison),
        by_finding(comparison),
        counterfactuals(comparison),
        picked(comparison),
        randomisation(comparison),
        maps(comparison),
        *excluded,
    ]


def text(comparison: Comparison) -> str:
    """The tables for a terminal."""
    return "\n\n".join(tables.text(table) for table in every(comparison))


def means(comparison: Comparison) -> Table:
    """A row a map, a column a score; the best are among the explanations of the model, controls aside."""
    by_score = {
        score: scoring.over_findings([finding.maps for finding in comparison.findings.values()], score)
        for score in MAP_SCORES
    }
    scores = [score for score, row in by_score.items() if row]
    known = _known(next(iter(comparison.findings.values())).maps)
    rows = [
        (drawn.title, drawn.role, *(tables.number(by_score[score].get(drawn.name, np.nan)) for score in scores))
        for drawn in known
    ]
    best = {
        (row, column)
        for column, score in enumerate(scores, start=2)
        for row in tables.best_rows(
            [by_score[score].get(drawn.name, np.nan) if drawn.role != "control" else np.nan for drawn in known],
            MAP_SCORES[score].better,
        )
    }
    roles = (
        "Ours and rival maps explain the model; controls are maps that no explanation should be worse than, or ours taken apart. "
        "As published means the procedure of Harkness et al. 2023."
    )
    legend = f"Means over {len(comparison.findings)} findings. {roles} {_legend(MAP_SCORES, scores)}"
    heads = ("map", "role", *(MAP_SCORES[score].title for score in scores))
    return Table("Means over findings", heads, rows, legend, frozenset(best))


def differences(comparison: Comparison) -> Table:
    """A row a map, a column a map of ours."""
    title, ours = MAP_SCORES[comparison.headline].title, _known(comparison.differences)
    rows = [
        (drawn.title, drawn.role, *(_signed(comparison.differences[led.name][drawn.name]) for led in ours))
        for drawn in _known(next(iter(comparison.differences.values())))
    ]
    legend = (
        f"Mean over findings of the column's {title} less the row's, on the same images, with 95 % intervals over patients. "
        f"Findings with fewer than {scoring.FEWEST} patients are left out where others have more. "
        "The intervals hold the trained model fixed: another seed may move a difference by more."
    )
    return Table(f"Paired differences in {title}", ("map", "role", *(led.title for led in ours)), rows, legend)


def by_finding(comparison: Comparison) -> Table:
    """A row a finding, of the map LED; and whether its interval leaves the location prior behind."""
    findings = {name: finding.maps[LED] for name, finding in comparison.findings.items()}
    scores = [score for score in MAP_SCORES if all(score in row for row in findings.values())]
    rows = [
        (
            name,
            f"{comparison.findings[name].images}",
            tables.number(comparison.findings[name].auroc),
            *(tables.estimate(*row[score]) for score in scores),
            _above_zero(row["rra_skill"]) if "rra_skill" in row else "–",
        )
        for name, row in findings.items()
    ]
    title = known_maps()[LED].title
    heads = ("finding", "images", "AUROC", *(MAP_SCORES[score].title for score in scores), "above location prior")
    legend = (
        f"Scores of the map “{title}” with 95 % intervals over patients. Images are the true positives that were explained. AUROC is "
        "the classifier's. Above location prior: whether the interval of the RRA skill is above 0."
    )
    return Table(f"Finding by finding: {title}", heads, rows, legend)


def counterfactuals(comparison: Comparison) -> Table:
    """A row a finding, and the mean over findings."""
    findings = comparison.findings
    scores = [name for name in PATH_SCORES if all(name in finding.counterfactuals for finding in findings.values())]
    seen = "seen" in next(iter(findings.values())).counterfactuals
    heads = ["finding", *(PATH_SCORES[score].title for score in scores), *(["n of validity"] if seen else [])]
    rows = [
        (
            name,
            *(tables.estimate(*finding.counterfactuals[score]) for score in scores),
            *([f"{_count_seen(finding.images, finding.counterfactuals)}"] if seen else []),
        )
        for name, finding in findings.items()
    ]
    mean = [
        scoring.mean_of_finite([finding.counterfactuals[score].value for finding in findings.values()])
        for score in scores
    ]
    total = sum(_count_seen(finding.images, finding.counterfactuals) for finding in findings.values()) if seen else 0
    rows.append(("mean", *(tables.number(value, 2) for value in mean), *([f"{total}"] if seen else [])))
    legend = (
        f"Ends of paths that take the finding away, until the run's own probability, read from the code, is below "
        f"{1 - comparison.tuning.target:.2g}. {_legend(PATH_SCORES, scores)}"
        + (
            " N of validity is the number of those images; the mean is over findings and its n over all."
            if seen
            else ""
        )
    )
    return Table("Ends of paths as counterfactuals", tuple(heads), rows, legend)


def picked(comparison: Comparison) -> Table:
    """A row a candidate of geometry or target, and whether it was picked."""
    tuning = comparison.tuning
    rows = [
        ("geometry", name, tables.number(score), "yes" if name == tuning.geometry else "no")
        for name, score in tuning.geometries.items()
    ] or [("geometry", tuning.geometry, "–", "yes")]
    rows += [
        ("target", name, tables.number(score), "yes" if float(name) == tuning.target else "no")
        for name, score in tuning.targets.items()
    ]
    legend = (
        f"Settings of our own paths that were tried on validation images. A geometry's score is the mean "
        f"{MAP_SCORES[comparison.headline].title} of its signed map, a target's the mean validity. No other explanation was tuned."
    )
    return Table("Picked on validation", ("setting", "candidate", "score", "picked"), rows, legend)


def randomisation(comparison: Comparison) -> Table:
    """A row a map, a column a layer, and the run on shuffled labels where there is one."""
    weights, labels = comparison.randomisation
    layers = list(next(iter(weights.values())))
    heads = ("map", *(sanity.title(layer) for layer in layers), *(["shuffled labels"] if labels else []))
    rows = [
        (
            drawn.title,
            *(tables.number(weights[drawn.name][layer], 2) for layer in layers),
            *([tables.number(labels[drawn.name], 2)] if labels else []),
        )
        for drawn in _known(weights)
    ]
    legend = (
        "Rank correlation of the map's size with the trained classifier's, from −1 to 1. In each column the layers from the head down "
        "to the one named are random. A map that depends on the classifier falls towards 0; edges and random ask no model and stay at "
        "1. A head that gives every finding latents of its own only scales them, so that its column stays at 1."
    ) + (" The last column compares with a model that was trained on shuffled labels." if labels else "")
    return Table("Random weights, from the head down", heads, rows, legend)


def maps(comparison: Comparison) -> Table:
    """A row a map: what it is."""
    rows = [
        (drawn.title, "yes" if drawn.signed else "no", drawn.legend)
        for drawn in _known(next(iter(comparison.findings.values())).maps)
    ]
    return Table("What the maps show", ("map", "signed", "what it shows"), rows, "")


def left_out(comparison: Comparison) -> Table:
    """A row a finding that was not scored, and why."""
    return Table("Left out", ("finding", "why"), list(comparison.left_out.items()), "")


def _known(names: Iterable[str]) -> list[Map]:
    """The maps of these names, ours first."""
    present = set(names)
    return [drawn for name, drawn in known_maps().items() if name in present]


def _legend(registry: Mapping[str, Score], scores: Iterable[str]) -> str:
    return " ".join(registry[score].legend for score in scores if registry[score].legend)


def _signed(difference: Estimate) -> str:
    value, low, high = difference
    bounds = f" [{low:+.3f}, {high:+.3f}]" if np.isfinite(low) else ""
    return (f"{value:+.3f}" if np.isfinite(value) else "–") + bounds


def _above_zero(skill: Estimate) -> str:
    return "–" if not np.isfinite(skill.low) else "yes" if skill.low > 0 else "no"


def _count_seen(images: int, scores: Estimates) -> int:
    return round(scores["seen"].value * images)
