"""Every field of a configuration with its default, meaning, unit and choices. `Config()` is the preset `default`."""

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from typing import Any

from dirvae.latents.families import FAMILIES, Family, family


def setting(default: Any, meaning: str, unit: str = "", choices: Iterable[str] = (), free: bool = False) -> Any:
    """A field with its default, its meaning, its unit and, where it has any, its choices: names or a registry of them.

    A `free` one changes nothing that is learned or scored, so that a run may go on with another value.
    """
    return field(default=default, metadata={"meaning": meaning, "unit": unit, "choices": choices, "free": free})


@dataclass(frozen=True)
class DataConfig:
    """These fields say which data a run learns from."""

    dataset: str = setting(
        "phantom", "the data source, a name of data_prep/sources.py, or several of them to merge, separated by commas"
    )
    phantom: str = setting("clean", "which configuration of the phantom is drawn", choices=("clean", "shortcut"))
    phantom_train: int = setting(4000, "size of the phantom's training split", "images")
    phantom_validation: int = setting(500, "size of the phantom's validation split", "images")
    phantom_test: int = setting(1000, "size of each of the phantom's test splits", "images")
    phantom_seed: int = setting(0, "seed of the phantom's population; runs of other seeds share its images")
    confounder: str = setting("token", "the confounder that follows the finding where phantom is shortcut")
    rho: float = setting(0.9, "how strongly that confounder follows the finding", "correlation, -1 to 1")
    image_size: int = setting(64, "height and width of an image", "pixels")
    views: str = setting("frontal", "which views are used; all takes laterals too", choices=("frontal", "all"))
    intensity: str = setting(
        "declared",
        "which grey levels are black and white: those that a file declares, or its own range, or its own percentiles",
        choices=("declared", "range", "percentile"),
    )
    allowed_roots: tuple[str, ...] = setting((), "folders outside raw_dir that links in it may lead to", free=True)
    max_unknown_percent: float = setting(
        5.0, "more cells of a kind that cannot be read than this fail the build", "percent", free=True
    )
    labels: tuple[str, ...] = setting(
        (), "findings to learn; none: all that have both values among the training labels"
    )
    uncertain: str = setting("ignore", "what a label marked uncertain counts as", choices=("ignore", "zeros", "ones"))
    blank: str = setting("zeros", "what a label not mentioned counts as", choices=("zeros", "ignore"))
    shuffle_labels: bool = setting(False, "a control: images of training and validation get each other's labels")
    division: str = setting(
        "official", "what decides an image's split: its owners, or a hash of its patient", choices=("official", "hash")
    )
    split_table: str = setting("", "a table that says the split of each image or patient, instead of the owners")
    train_table: str = setting("", "stem of the training table, such as train_cheXbert; none: the reader's own")
    validation_table: str = setting(
        "", "stem of a table whose images select checkpoints; none: a share of the training patients"
    )
    test_table: str = setting("", "stem of the test table; none: the reader's own")
    image_column: str = setting("", "column of image names in a table of --dataset=csv; none: one of the usual names")
    patient_column: str = setting("", "column of patients in such a table; none: one of the usual names")
    finding_column: str = setting("", "column of lists of findings in such a table; none: one of the usual names")
    finding_separator: str = setting("", "what stands between the findings of such a list; none: the first of | ; ,")
    validation_percent: int = setting(
        10, "share of the training patients, by hash, that selects checkpoints", "percent"
    )
    test_percent: int = setting(
        0, "share of the patients, by hash, that become test where the owners name no split", "percent"
    )
    folds: int = setting(0, "number of patient-wise folds for cross-validation, without a test split; 0: none")
    fold: int = setting(0, "which of the folds is held out as validation, from 0")
    cache_megabytes: int = setting(
        2000, "splits up to this size are kept in memory as decoded images", "megabytes", free=True
    )
    max_skipped_percent: float = setting(1.0, "more unreadable images than this fail the build", "percent", free=True)
    check_files: bool = setting(
        True,
        "whether a set that is built is used only where its raw files are still those that were read; false: files of the same "
        "names, sizes and modification times are trusted",
        free=True,
    )
    build_workers: int = setting(0, "processes that read raw images; 0: one a core", free=True)


@dataclass(frozen=True)
class ModelConfig:
    """Encoder, latent, decoder and head; identical for every prior but for the latent family."""

    prior: str = setting("dirichlet", "latent family", choices=FAMILIES)
    structure: str = setting(
        "product",
        "one vector (global), several (product), several in each cell of a grid (spatial), or product and spatial together",
        choices=("global", "product", "spatial", "hierarchical"),
    )
    latents: int = setting(2, "components of one vector")
    groups: int = setting(96, "vectors; where the structure is spatial, in each cell")
    grid: int = setting(8, "cells on a side where the structure is spatial or hierarchical")
    local_latents: int = setting(4, "components of one vector in a cell where the structure is hierarchical")
    local_groups: int = setting(1, "vectors in a cell where the structure is hierarchical")
    concentration: float = setting(0.2, "the Dirichlet prior's concentration of a component; other priors match it")
    prior_learning: str = setting(
        "fixed", "how a Dirichlet prior is learned with the model", choices=("fixed", "moments", "gradient")
    )
    parametrisation: str = setting(
        "exp", "how features become concentrations", choices=("exp", "softplus", "mean_total")
    )
    min_concentration: float = setting(0.01, "lowest concentration of a posterior")
    widths: tuple[int, ...] = setting((64, 96, 128), "channels at each resolution, from the highest to the lowest")
    first_stride: int = setting(4, "how much the first convolution shrinks the image; the others halve it", "factor")
    hidden: int = setting(128, "units between the convolutions and a latent without places; 0: none")
    linear_path: bool = setting(True, "whether a linear map runs beside the convolutions of encoder and decoder")
    head: str = setting(
        "assigned",
        "the classifier: linear in all latents, latents assigned to findings, one hidden layer, or pooled over cells",
        choices=("linear", "assigned", "mlp", "pooled"),
    )
    latents_per_finding: int = setting(1, "latents that belong to each finding where the head is assigned")
    head_hidden: int = setting(64, "hidden units where the head is mlp")
    head_input: str = setting(
        "mean", "what the head reads in training: the posterior's expectation or one draw", choices=("mean", "sample")
    )
    dropout: float = setting(0.0, "share of the head's inputs that training drops")
    likelihood: str = setting("laplace", "p(x|z) of a pixel", choices=("laplace", "gaussian", "bernoulli"))
    scale: float = setting(0.05, "scale of the likelihood, or its start where it is learned", "grey levels of [0, 1]")
    learn_scale: bool = setting(False, "whether one scale for all pixels is learned with the decoder")
    convolution: str = setting(
        "auto", "how convolutions are computed, with equal results", choices=("auto", "native", "product")
    )
    compute: str = setting(
        "float32",
        "number format of the networks; distributions and losses stay float32",
        choices=("float32", "bfloat16"),
    )

    @property
    def family(self) -> Family:
        """Returns what is known of the prior's family without its mathematics."""
        return family(self.prior)

    @property
    def has_cells(self) -> bool:
        """Tells whether the latent has vectors in the cells of a grid over the image."""
        return self.structure in ("spatial", "hierarchical")


@dataclass(frozen=True)
class LossConfig:
    """Weights of the terms of the objective, and augmentation."""

    beta: float = setting(1.0, "weight of the KL; with target_kl its value at the start")
    kl_warmup: float = setting(0.2, "share of the steps over which beta rises from 0; without effect with target_kl")
    target_kl: float = setting(300.0, "above 0, beta is steered so that the mean KL comes to this", "nats")
    kl_gain: float = setting(0.01, "strength of that control's integral part; 20 divided by the steps lets it settle")
    classification_weight: float = setting(2000.0, "weight of the cross-entropy beside a sum over pixels")
    class_weighted: bool = setting(False, "weigh positives by negatives/positives of the training labels, at most 10")
    augment: bool = setting(True, "whether training images are moved, turned, scaled and changed in grey at random")
    rotate_degrees: float = setting(3.0, "largest rotation either way", "degrees")
    translate: float = setting(0.02, "largest shift either way", "share of the image")
    zoom: float = setting(0.03, "largest change of size either way", "share")
    brightness: float = setting(0.04, "largest change of brightness either way", "grey levels of [0, 1]")
    contrast: float = setting(0.1, "largest change of contrast either way", "share")
    flip: bool = setting(False, "whether half of the images are mirrored, which removes laterality")


@dataclass(frozen=True)
class OptimizerConfig:
    """AdamW with warm-up and cosine decay, clipping and an average of the parameters."""

    learning_rate: float = setting(3e-3, "highest learning rate")
    warmup: float = setting(0.05, "share of the steps over which the learning rate rises")
    schedule: str = setting("cosine", "the learning rate after that", choices=("cosine", "constant"))
    weight_decay: float = setting(1e-2, "decoupled weight decay, of kernels only")
    clip_norm: float = setting(1000.0, "largest global norm of a gradient; the objective is a sum over pixels")
    average_decay: float = setting(0.99, "decay of the average of the parameters that is evaluated; 0: no average")


@dataclass(frozen=True)
class TrainConfig:
    """The loop."""

    steps: int = setting(2000, "length of the training", "optimizer steps")
    batch_size: int = setting(32, "images of a batch, over all devices and hosts")
    log_every: int = setting(50, "interval between logged values", "steps")
    checkpoint_every: int = setting(500, "interval between checkpoints, each with validation scores", "steps")
    devices: int = setting(0, "local devices to use; 0: all")
    parallel: str = setting(
        "pmap", "how a step is spread over devices, with equal results", choices=("pmap", "shard_map")
    )
    init_from: str = setting("", "folder of a run whose best parameters are the start, where names and shapes agree")


@dataclass(frozen=True)
class EvaluateConfig:
    """Scores."""

    evaluation_batch: int = setting(128, "images of a batch, over all devices")
    replicates: int = setting(2000, "bootstrap replicates of the patients; 0: no intervals")
    min_cases: int = setting(20, "positives, and negatives, that a study asks of a finding to score it")
    select_by: str = setting("auroc", "validation score that chooses the best checkpoint", choices=("auroc", "elbo"))
    baseline: str = setting(
        "logistic", "linear classifier on principal components, beside the model", choices=("logistic", "ridge")
    )
    bound_images: int = setting(64, "first test images whose importance-weighted bound is computed; 0: none")
    bound_samples: int = setting(64, "draws of z for each of them; 0: none")


@dataclass(frozen=True)
class ExplainConfig:
    """Latent traversals."""

    cases: int = setting(4, "true positives of each finding that are explained")
    path_steps: int = setting(24, "steps of a path")
    step_size: float = setting(0.6, "length of a step, in the latent's coordinates")
    adaptive_step: bool = setting(True, "take longer steps where the path would end short of target_probability")
    metric: str = setting(
        "covariance",
        "what turns a gradient into a direction",
        choices=("covariance", "identity", "fisher", "pull_back"),
    )
    target_probability: float = setting(0.95, "a path stops once the class has this probability")
    stop: str = setting(
        "picture",
        "whose probability that is: re-read from the image with the path's change, or the latent code's",
        choices=("picture", "code"),
    )
    constrain_others: bool = setting(False, "keep the other findings' logits as they are, to first order")
    direction: str = setting(
        "remove", "whether the finding of a true positive is lowered or raised", choices=("remove", "add")
    )


@dataclass(frozen=True)
class Config:
    """The complete configuration of one run, frozen; every field has a default, and the comment beside each gives its unit.

    Fields lie in sections. No two sections share a field name, so `batch_size` means `train.batch_size`, here as in the flag
    `--config.batch_size`. `dirvae.config.override` gives a changed copy and `dirvae.config.validate` refuses what cannot run.

    Raises:
      ConfigError: by `override` and `validate`, with the field, the reason and what would do; the class itself checks nothing.

    Example:
        >>> from dirvae import Config
        >>> from dirvae.config import differences, override, validate
        >>> config = validate(override(Config(), {"latents": 32, "train.steps": 500}))
        >>> config.model.latents, config.train.steps
        (32, 500)
        >>> sorted(differences(config, Config()))
        ['model.latents', 'train.steps']
    """

    data: DataConfig = field(default_factory=DataConfig)
    model: ModelConfig = field(default_factory=ModelConfig)
    loss: LossConfig = field(default_factory=LossConfig)
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    train: TrainConfig = field(default_factory=TrainConfig)
    evaluate: EvaluateConfig = field(default_factory=EvaluateConfig)
    explain: ExplainConfig = field(default_factory=ExplainConfig)
    flaws: tuple[str, ...] = setting((), "flaws of a published study's code that a study measures; never set otherwise")
    seed: int = setting(0, "seed of data order, initialisation and every random draw")


class ConfigError(ValueError):
    """A configuration that cannot run; the message says which field, why, and what would do."""


def paths(config: Any) -> dict[str, Any]:
    """Every leaf as "section.field" -> value, in the order of declaration."""
    leaves: dict[str, Any] = {}
    for entry in fields(config):
        value = getattr(config, entry.name)
        if dataclasses.is_dataclass(value):
            leaves |= {f"{entry.name}.{leaf.name}": getattr(value, leaf.name) for leaf in fields(value)}
        else:
            leaves[entry.name] = value
    return leaves


def differences(ours: Config, theirs: Config) -> dict[str, tuple[Any, Any]]:
    """Fields that differ, as path -> (ours, theirs)."""
    left, right = paths(ours), paths(theirs)
    return {path: (left[path], right[path]) for path in left if left[path] != right[path]}


def decisive_differences(ours: Config, theirs: Config) -> dict[str, tuple[Any, Any]]:
    """The `differences` that change what is learned or scored: all but the free fields."""
    return {path: both for path, both in differences(ours, theirs).items() if not _is_free(path)}


def _is_free(path: str) -> bool:
    section, _, leaf = path.rpartition(".")
    owner = getattr(Config(), section) if section else Config()
    return any(entry.name == leaf and entry.metadata.get("free", False) for entry in fields(owner))
