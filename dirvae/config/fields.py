"""Every field of a configuration with its meaning and unit."""

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from typing import Any, Literal

from dirvae.latents.families import FAMILIES, Family, family


def setting(default: Any, meaning: str, unit: str = "", choices: Iterable[str] = ()) -> Any:
    """A field with its default, its meaning, its unit and, where it has any, its choices: names or a registry of them."""
    return field(default=default, metadata={"meaning": meaning, "unit": unit, "choices": choices})


@dataclass(frozen=True)
class DataConfig:
    """What is learned from."""

    dataset: str = "phantom"  # data source, by its name in data_prep/sources.py
    phantom: Literal["clean", "shortcut"] = "clean"  # the phantom's configuration (data_prep/phantom)
    phantom_train: int = 4000  # images of the phantom's training split
    phantom_validation: int = 500  # images
    phantom_test: int = 1000  # images of each of the phantom's test splits
    phantom_seed: int = 0  # of the phantom's population; training has its own, so that seeds share their images
    confounder: str = (
        "token"  # of phantom=shortcut: which confounder follows the finding (data_prep/phantom/factors.py)
    )
    rho: float = 0.9  # of phantom=shortcut: how strongly, in [-1, 1]
    image_size: int = 64  # pixels, height and width
    views: Literal["frontal", "all"] = "frontal"  # laterals are left out unless "all"
    labels: tuple[str, ...] = ()  # findings to learn; empty: all with both values among the training labels
    uncertain: Literal["ignore", "zeros", "ones"] = "ignore"  # policy for labels marked uncertain
    blank: Literal["zeros", "ignore"] = "zeros"  # policy for labels not mentioned
    shuffle_labels: bool = (
        False  # a control: training and validation images get each other's labels, test keeps its own
    )
    validation_percent: int = 10  # share of train.csv's patients, by hash, that selects checkpoints
    folds: int = 0  # above 0: patient-wise cross-validation on the training patients, no test split is read
    fold: int = 0  # which of the folds is held out as "validation"
    cache_megabytes: int = 2000  # decoded images are kept in memory as uint8 up to this size a split
    max_skipped_percent: float = 1.0  # unreadable images above this share of a source fail the build
    build_workers: int = 0  # processes that read raw images; 0: one a core


@dataclass(frozen=True)
class ModelConfig:
    """Encoder, latent, decoder and head; identical for every prior but for the latent family."""

    prior: str = setting("dirichlet", "latent family", choices=FAMILIES)
    structure: Literal["global", "product", "field", "levels"] = (
        "global"  # one vector, n of them, one in each cell of a grid, or levels: n of them beside a grid
    )
    latents: int = 64  # K, components of one vector
    groups: int = 1  # n, vectors (a cell, for a field); above 1 needs a structure other than global
    grid: int = 8  # cells a side, for a field and for levels
    local_latents: int = 4  # components of one vector in a cell, for levels
    local_groups: int = 1  # vectors in a cell, for levels
    concentration: float = 0.5  # the Dirichlet prior's concentration, each component; also of its logistic-normal twin
    prior_learning: Literal["fixed", "moments", "gradient"] = (
        "fixed"  # of a Dirichlet prior, dirvae/latents/learning.py
    )
    parametrisation: Literal["exp", "softplus", "mean_total"] = "exp"  # from features to concentrations
    min_concentration: float = 0.01  # floor of a posterior concentration, see dirvae/latents/dirichlet.py
    widths: tuple[int, ...] = (64, 96, 128)  # channels at each resolution, first to last
    stem: int = 4  # how much the first of them shrinks the image; the others halve it
    hidden: int = 128  # units between the convolutions and a global latent; 0: none
    linear_path: bool = (
        False  # a linear map beside the convolutions of encoder and decoder, for latents that are no field
    )
    head: Literal["linear", "assigned", "mlp", "pooled"] = (
        "linear"  # dirvae/networks/classifier.py; pooled: over a field's cells
    )
    own: int = 1  # latents that belong to one finding, for an assigned head
    head_hidden: int = 64  # units of an mlp head
    head_input: Literal["mean", "sample"] = "mean"  # what the head reads in training: E of its coordinates, or a draw
    dropout: float = 0.0  # of what the head reads, in training
    likelihood: Literal["laplace", "gaussian", "bernoulli"] = "laplace"  # p(x|z) a pixel
    scale: float = 0.05  # scale of the likelihood, in grey levels of [0, 1]; the start value where it is learned
    learn_scale: bool = False  # one scale for all pixels, learned with the decoder
    convolution: Literal["auto", "native", "product"] = (
        "auto"  # how it is computed (dirvae/networks/layers.py), not what
    )
    compute: Literal["float32", "bfloat16"] = "float32"  # of the networks; distributions and losses stay float32

    @property
    def family(self) -> Family:
        """What is known of the prior's family without its mathematics."""
        return family(self.prior)


@dataclass(frozen=True)
class LossConfig:
    """Weights of the terms of the objective, and augmentation."""

    beta: float = 1.0  # weight of the KL
    kl_warmup: float = 0.2  # share of the steps over which beta rises linearly from 0; without effect on a target_kl
    target_kl: float = 0.0  # nats; above 0, beta is steered so that the mean KL comes to this, from `beta` on
    kl_sharpness: float = (
        10.0  # of that control: beta is proportional to (KL/target)^this, the KL averaged over some ten steps
    )
    kl_gain: float = 0.01  # of its integral part, a step: some 20/steps lets it settle
    classification_weight: float = 1000.0  # weight of the cross-entropy against a sum over pixels
    head_exclusivity: float = (
        0.0  # nats for a latent's speaking for two findings, of a linear head (losses.exclusivity)
    )
    class_weighted: bool = False  # weigh positives by negatives/positives of the training labels, at most 10
    label_smoothing: float = 0.0  # targets are moved this far towards 1/2
    augment: bool = True  # small affine, brightness and contrast changes, on device
    rotate_degrees: float = 3.0  # half-range
    translate: float = 0.02  # half-range, share of the image
    zoom: float = 0.03  # half-range, share
    brightness: float = 0.04  # half-range, grey levels
    contrast: float = 0.1  # half-range, share
    flip: bool = False  # horizontal flips remove laterality, hence off


@dataclass(frozen=True)
class OptimizerConfig:
    """AdamW with warm-up and cosine decay, clipping and an average of the parameters."""

    learning_rate: float = 3e-3  # peak
    warmup: float = 0.05  # share of the steps
    schedule: Literal["cosine", "constant"] = "cosine"
    weight_decay: float = 1e-2  # decoupled; kernels only
    clip_norm: float = 1000.0  # global norm; the objective is a sum over pixels, so norms are large
    average_decay: float = 0.99  # of the exponential moving average that is evaluated; 0: the parameters themselves


@dataclass(frozen=True)
class TrainConfig:
    """The loop."""

    steps: int = 2000  # optimizer steps
    batch_size: int = 32  # images of a global batch, over all devices and hosts
    log_every: int = 50  # steps
    checkpoint_every: int = 500  # steps between checkpoints; each carries the validation scores that choose the best
    devices: int = 0  # local devices to use; 0: all
    parallel: Literal["pmap", "shard_map"] = "pmap"  # the same per-device step under either
    init_from: str = ""  # workdir whose best parameters are the start, where names and shapes agree


@dataclass(frozen=True)
class EvaluateConfig:
    """Scores."""

    evaluation_batch: int = 128  # images of a global batch
    replicates: int = 2000  # patient-bootstrap replicates
    enough: int = 20  # positives, and negatives, that a study asks of a finding on validation and on test to score it
    select_by: Literal["auroc", "elbo"] = (
        "auroc"  # validation score (higher is better) that chooses the best checkpoint
    )
    baseline: Literal["logistic", "ridge"] = "logistic"  # linear classifier on principal components, beside the model
    bound_images: int = 64  # first images of test whose importance-weighted bound is computed; 0: none
    bound_samples: int = 64  # draws of z for each of them; 0: none
    augmented_views: int = 0  # test-time augmentation: predictions are averaged over this many more views


@dataclass(frozen=True)
class ExplainConfig:
    """Gradient-guided traversals."""

    cases: int = 4  # true positives a label
    path_steps: int = 24  # along the path
    step_size: float = 0.6  # length of a step in the latent's coordinates
    reach: bool = True  # longer steps where these would end short of the target probability
    metric: Literal["covariance", "identity", "fisher", "pull_back"] = (
        "covariance"  # from a gradient to a direction, dirvae/explain/traversals/directions.py
    )
    target_probability: float = 0.95  # a path is stopped once the class reaches it
    max_distance: float = 0.0  # or once it is so long, in the latent's coordinates; 0: without limit
    top_latents: int = 0  # above 0: only so many latents move, those in which the gradient is largest
    own_latents: bool = False  # only the finding's own latents move, for an assigned head
    hold_others: bool = False  # hold the other findings' logits, to first order
    direction: Literal["remove", "add"] = "remove"  # lower or raise the class logit of the true positives


@dataclass(frozen=True)
class AuditConfig:
    """Flaws of a published study's code (dirvae/studies/priors/flaws.py), for measuring what they do; never options to train with."""

    reversed_kl: bool = False  # FLAW: the objective's KL is KL(p || q)
    effusion_overwritten: bool = False  # FLAW: Pleural Effusion becomes "no Pleural Other and no Pneumothorax"
    leaky_split: bool = False  # FLAW: training sees 19.7 % of the test images
    log_or_nought_head: bool = False  # FLAW of GVAE: the head reads log z, and 0 where z is not positive
    heavy_gaussian_kl: bool = False  # FLAW of GVAE: the KL weighs 98 times as much
    uncertain_by_split: bool = False  # FLAW: uncertain labels are 0 in training and 1 elsewhere
    draw_at_test: bool = False  # FLAW: scores are those of one draw of the posterior


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
    audit: AuditConfig = field(default_factory=AuditConfig)
    seed: int = 0  # of data order, initialisation and every draw


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
