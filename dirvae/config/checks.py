"""This module checks what a configuration must fulfil to run; every refusal is one sentence that names the field and what would do."""

from collections.abc import Iterable, Iterator

from dirvae.config.fields import Config, ConfigError, DataConfig, ModelConfig, paths
from dirvae.latents.families import FAMILIES

Condition = tuple[bool, str, str]
"""(whether it holds, the field's path, what to say if not)."""

POSITIVE = (
    "data.phantom_train",
    "data.phantom_validation",
    "data.phantom_test",
    "model.latents",
    "model.groups",
    "model.grid",
    "model.local_latents",
    "model.local_groups",
    "model.latents_per_finding",
    "model.concentration",
    "model.min_concentration",
    "model.scale",
    "optimizer.learning_rate",
    "optimizer.clip_norm",
    "train.steps",
    "train.batch_size",
    "train.log_every",
    "train.checkpoint_every",
    "evaluate.evaluation_batch",
    "evaluate.min_cases",
    "explain.path_steps",
    "explain.step_size",
)
SHARES = (
    "loss.kl_warmup",
    "optimizer.warmup",
    "loss.translate",
    "loss.zoom",
    "loss.contrast",
    "loss.brightness",
    "model.dropout",
    "optimizer.average_decay",
)
AMOUNTS = (
    "seed",
    "loss.beta",
    "loss.target_kl",
    "loss.kl_gain",
    "loss.classification_weight",
    "optimizer.weight_decay",
    "model.hidden",
    "loss.rotate_degrees",
    "evaluate.replicates",
    "evaluate.bound_images",
    "evaluate.bound_samples",
    "explain.cases",
    "train.devices",
    "data.folds",
    "data.fold",
    "data.phantom_seed",
)


def validate(config: Config) -> Config:
    """The config itself, if it can run.

    Raises:
      ConfigError: naming the first field that cannot hold its value, and a value that could.
    """
    validate_data(config.data)
    leaves = paths(config)
    _require_all((leaves[path] > 0, path, "must be above 0") for path in POSITIVE)
    _require_all((0 <= leaves[path] < 1, path, "must be at least 0 and below 1") for path in SHARES)
    _require_all((leaves[path] >= 0, path, "must not be negative") for path in AMOUNTS)
    check_seed(config.seed)
    _require_all(_resolutions(config.model, config.data.image_size))
    _require_all(_without_kl(config))
    _require_all(_latent(config.model))
    target = config.explain.target_probability
    _require_all([(0 < target < 1, "explain.target_probability", "must lie between 0 and 1")])
    return config


def check_seed(seed: int) -> int:
    """The seed, if it is one of JAX, NumPy and scikit-learn alike: seeds 2^32 apart would start the same run.

    Raises:
      ConfigError: for a seed below 0, or from 2^32 on.
    """
    if not 0 <= seed < 2**32:
        raise ConfigError(f"seed={seed} must be a whole number from 0 to 2^32 - 1; choose another one")
    return seed


def validate_data(data: DataConfig) -> DataConfig:
    """The data section's own rules; raises as `validate`."""
    _require_all(
        [
            (8 <= data.image_size <= 2048, "data.image_size", "must lie between 8 and 2048 pixels"),
            (
                data.folds == 0 or 0 <= data.fold < data.folds,
                "data.fold",
                f"must be below data.folds ({data.folds}), and at least 0",
            ),
            (data.folds != 1, "data.folds", "must be 0 (off) or at least 2"),
            (0 < data.validation_percent < 100, "data.validation_percent", "must lie between 0 and 100"),
            (0 <= data.test_percent < 100, "data.test_percent", "must be 0 (none) or below 100"),
            (0 <= data.max_unknown_percent <= 100, "data.max_unknown_percent", "must lie between 0 and 100"),
            (0 <= data.max_skipped_percent <= 100, "data.max_skipped_percent", "must lie between 0 and 100"),
            (data.build_workers >= 0, "data.build_workers", "must not be negative"),
        ]
    )
    return data


def _resolutions(model: ModelConfig, side: int) -> Iterator[Condition]:
    """The first stride and the widths shrink the image evenly, and a spatial grid is one of the resolutions on the way."""
    yield len(model.widths) > 0, "model.widths", "needs at least one width, such as 16,32"
    yield model.first_stride in (2, 4, 8), "model.first_stride", "must be 2, 4 or 8"
    yield all(width > 0 for width in model.widths), "model.widths", "must hold positive channel counts"
    reduction = model.first_stride * 2 ** (len(model.widths) - 1)
    by = f"by which the first stride and {len(model.widths)} widths shrink the image"
    yield side % reduction == 0, "data.image_size", f"must be a multiple of {reduction}, {by}"
    cells = side // model.grid
    on_the_way = side % model.grid == 0 and cells & (cells - 1) == 0 and model.first_stride <= cells <= reduction
    powers = f"must be the image size {side} divided by a power of two from {model.first_stride} to {reduction}"
    yield not model.has_cells or on_the_way, "model.grid", powers


def _without_kl(config: Config) -> Iterator[Condition]:
    """Names the settings that ask for the KL of a latent that has none."""
    has_kl, where = config.model.family.density, f"where model.prior is {config.model.prior}, which has"
    yield has_kl or not config.loss.target_kl, "loss.target_kl", f"must be 0 {where} no KL"
    yield has_kl or config.evaluate.select_by != "elbo", "evaluate.select_by", f"cannot be elbo {where} none"


def _latent(model: ModelConfig) -> Iterator[Condition]:
    """The latent's size and structure, and heads that fit them."""
    is_spatial, simplex = model.structure == "spatial", model.family.simplex
    yield not simplex or model.latents > 1, "model.latents", "must be at least 2 on a simplex"
    local = not simplex or model.structure != "hierarchical" or model.local_latents > 1
    yield local, "model.local_latents", "must be at least 2 on a simplex"
    fixed, learnable = model.prior_learning == "fixed", [name for name, family in FAMILIES.items() if family.learnable]
    only = f"must be fixed unless model.prior is {' or '.join(learnable)}, which alone can be learned"
    yield fixed or model.family.learnable, "model.prior_learning", only
    room = "must be above model.min_concentration where the prior is learned"
    yield fixed or model.concentration > model.min_concentration, "model.concentration", room
    single = model.structure != "global" or model.groups == 1
    yield single, "model.groups", "must be 1 unless model.structure is product, spatial or hierarchical"
    yield (
        model.head != "pooled" or model.has_cells,
        "model.head",
        "can be pooled only where model.structure is spatial or hierarchical",
    )
    places = "cannot be assigned where model.structure is spatial, whose latents are places"
    yield model.head != "assigned" or not is_spatial, "model.head", places
    yield not model.linear_path or not is_spatial, "model.linear_path", "must be false where model.structure is spatial"


def _require_all(conditions: Iterable[Condition]) -> None:
    for holds, path, message in conditions:
        if not holds:
            raise ConfigError(f"{path} {message}")
