"""Fields of config.json files that earlier versions wrote, in today's names and values."""

from typing import Any

from dirvae.config.fields import ConfigError

RENAMED = {
    "model.own": "model.latents_per_finding",
    "model.stem": "model.first_stride",
    "evaluate.enough": "evaluate.min_cases",
    "explain.reach": "explain.adaptive_step",
    "explain.hold_others": "explain.constrain_others",
}
VALUES = {"model.structure": {"field": "spatial", "levels": "hierarchical"}}
REMOVED = {
    "loss.head_exclusivity": 0.0,
    "loss.label_smoothing": 0.0,
    "loss.kl_sharpness": 10.0,
    "evaluate.augmented_views": 0,
    "explain.max_distance": 0.0,
    "explain.top_latents": 0,
    "explain.own_latents": False,
}
"""Removed fields, with the value at which they changed nothing."""
FLAWS = (
    "reversed_kl",
    "effusion_overwritten",
    "leaky_split",
    "log_or_nought_head",
    "uncertain_by_split",
    "draw_at_test",
)
"""Switches of the former section `audit` that are names in `flaws` now."""
HEAVY, HEAVIER = "audit.heavy_gaussian_kl", 98.0  # the former switch, and what it multiplied loss.beta by
DEFAULTS = {
    "model.structure": "global",
    "model.groups": 1,
    "model.latents": 64,
    "model.concentration": 0.5,
    "model.head": "linear",
    "model.linear_path": False,
    "loss.target_kl": 0.0,
    "loss.classification_weight": 1000.0,
}
"""Defaults of the time in which those files were written, where today's differ."""


def translated(leaves: dict[str, Any]) -> dict[str, Any]:
    """The leaves {"section.field": value} of a file, in today's names; those of a file of today are returned as they are.

    Raises:
      ConfigError: for a removed field at a value that had an effect, which this version cannot reproduce.
    """
    if not any(path in RENAMED or path in REMOVED or path.startswith("audit.") for path in leaves):
        return leaves
    for path, neutral in REMOVED.items():
        if leaves.get(path, neutral) != neutral:
            raise ConfigError(
                f"{path}={leaves[path]!r} was set when this run was made, and this version has no such field; "
                "open the run with the version that wrote it"
            )
    names = tuple(name for name in sorted(FLAWS) if leaves.get(f"audit.{name}"))
    kept = {path: value for path, value in leaves.items() if path not in REMOVED and path not in _switches()}
    today = {RENAMED.get(path, path): VALUES.get(path, {}).get(value, value) for path, value in _hashable(kept)}
    today = DEFAULTS | today | {"flaws": names}
    if leaves.get(HEAVY):
        today["loss.beta"] = HEAVIER * today.get("loss.beta", 1.0)
    return today


def _switches() -> set[str]:
    return {HEAVY, *(f"audit.{name}" for name in FLAWS)}


def _hashable(leaves: dict[str, Any]) -> list[tuple[str, Any]]:
    """The leaves, lists as tuples."""
    return [(path, tuple(value) if isinstance(value, list) else value) for path, value in leaves.items()]
