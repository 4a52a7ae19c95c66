"""Flaws of the published code of Harkness et al. 2023 (arXiv 2302.02979), each a wrapper around the sound library.

They exist to measure what each does to a comparison of priors (experiments/configs/studies/audit.py) and are no options to
train with. A configuration names them in its field `flaws`, and `variant` builds what they replace. That code did this:

  reversed_kl           DirVAE's regulariser is KL(p || q), expectations under the prior, instead of KL(q || p); GVAE's is right
  effusion_overwritten  Pleural Effusion := not (Pleural Other or Pneumothorax), in all splits
  leaky_split           as many images drawn for each of four findings, so that an image with several of them is there several
                        times; rows then shuffled and cut, so that 19.7 % of test rows are training images too
  log_or_nought_head    the head takes log z of a Gaussian too, NaN replaced by 0
  uncertain_by_split    uncertain labels are 0 in training and 1 elsewhere
  draw_at_test          scores are those of one draw of q(z|x), not of its expectations

Two more need no wrapper. Horizontal flips are `loss.flip`. GVAE's objective was mean |x - m| + .05 mean_k KL_k, DirVAE's 100 mean
|x - m| + .00005 sum_k KL_k. With 256^2 pixels and 1,024 latents these are KL weights of 3.2 and .033 on a sum over pixels. Their
ratio is 98, hence `loss.beta=98`. The selection of a traversal's coordinates is `traversals.harkness2023`.
"""

import copy
import dataclasses
import difflib
from collections.abc import Callable
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int8

from dirvae.config import Config, ConfigError, DataConfig
from dirvae.labels import FINDINGS, POSITIVE, UNLABELLED, translate
from dirvae.latents.family import Latent
from dirvae.model import Model
from dirvae.training import data, runs, workdir
from dirvae.training.data import Examples, Split
from dirvae.training.variant import Read, Reading, Variant
from dirvae.types import Key, Params, PyTree

EFFUSION, EXCLUDING = FINDINGS.index("Pleural Effusion"), ("Pleural Other", "Pneumothorax")
BALANCED = ("No Finding", "Lung Opacity", "Pleural Effusion", "Support Devices")  # the findings of the published code
LEAKED = 0.197  # share of test rows that are in train


def variant(config: Config) -> Variant:
    """Returns the parts of a run that carry the flaws its configuration names; without flaws nothing is replaced.

    Raises:
      ConfigError: for an unknown flaw, with the nearest one, or for a flaw that means nothing in this configuration.
    """
    changed = Variant()
    for name in config.flaws:
        if name not in FLAWS:
            near = difflib.get_close_matches(name, FLAWS, n=1, cutoff=0.0)[0]
            raise ConfigError(f"flaws={name!r} is not one of {', '.join(FLAWS)}; did you mean {near!r}?")
        changed = FLAWS[name](changed)
    _check_sense(config)
    return changed


def open_run(directory: Path, data_dir: Path | None = None) -> runs.Run:
    """A run of a study at its best checkpoint, with the flaws that it was trained with; raises as `runs.open_run`."""
    return runs.open_run(directory, variant=variant(workdir.read_config(directory)), data_dir=data_dir)


def _check_sense(config: Config) -> None:
    family = config.model.family
    senseless = {
        "log_or_nought_head": (family.logarithmic or not family.density, "needs a prior whose head reads z itself"),
        "reversed_kl": (not family.density, f"means nothing where model.prior is {family.name}, which has no KL"),
        "leaky_split": (config.data.folds > 0, "means nothing with data.folds, where there is no test split to leak"),
    }
    for name, (holds, reason) in senseless.items():
        if name in config.flaws and holds:
            raise ConfigError(f"flaws={name} {reason}; leave it out")
    if "reversed_kl" in config.flaws and config.loss.target_kl:
        raise ConfigError("loss.target_kl must be 0 with flaws=reversed_kl, which steering would undo")


def reversed_kl(sound: Variant) -> Variant:
    """The training objective takes KL(p || q). Evaluation keeps KL(q || p), hence the ELBO."""
    return sound._replace(objective=with_reversed_kl)


def with_reversed_kl(latent: Latent) -> Latent:
    """The latent with KL(p || q) for its `kl`."""

    def kl(posterior: PyTree, prior: PyTree) -> Float[Array, "..."]:
        wide = jax.tree.map(lambda ours, theirs: jnp.broadcast_to(ours, theirs.shape), prior, posterior)
        return latent.kl(wide, posterior)

    return latent._replace(kl=kl)


def effusion_overwritten(sound: Variant) -> Variant:
    """Every split has the labels of `overwrite_effusion`."""

    def examples(split: Split, labels: tuple[str, ...], config: DataConfig, seed: int = 0) -> Examples:
        relabelled = copy.copy(split)
        stored = overwrite_effusion(translate(split.table.labels, split.findings, FINDINGS))
        relabelled.table, relabelled.findings = split.table._replace(labels=stored), FINDINGS
        return sound.examples(relabelled, labels, config, seed)._replace(split=split)

    return sound._replace(examples=examples)


def overwrite_effusion(labels: Int8[np.ndarray, "N 14"]) -> Int8[np.ndarray, "N 14"]:
    """Pleural Effusion becomes 1 without, and 0 with, a positive Pleural Other or Pneumothorax; the others are kept.

    Uncertain and unmentioned labels count as absent. An image in which neither of the two is labelled is not labelled for the result.
    The phantom has no Pleural Other, so there "Pleural Effusion" becomes the absence of a pneumothorax and says nothing of effusions.
    A perfect detector of effusions has AUROC .5 on it, and .759 in the published code's own selection of CheXpert.
    """
    excluding = labels[:, [FINDINGS.index(name) for name in EXCLUDING]]
    absent = ~(excluding == POSITIVE).any(axis=1)
    changed = labels.copy()
    changed[:, EFFUSION] = np.where((excluding == UNLABELLED).all(axis=1), UNLABELLED, absent)
    return changed


def uncertain_by_split(sound: Variant) -> Variant:
    """Uncertain labels are 0 in training and 1 in the other splits."""

    def examples(split: Split, labels: tuple[str, ...], config: DataConfig, seed: int = 0) -> Examples:
        policy = "zeros" if split.name == "train" else "ones"
        return sound.examples(split, labels, dataclasses.replace(config, uncertain=policy), seed)

    return sound._replace(examples=examples)


def leaky_split(sound: Variant) -> Variant:
    """Training sees the test rows of `leaked_rows` behind its own."""

    def training(own: Examples, load: Callable[[str], Examples]) -> Examples:
        test = load("test")
        labels = translate(test.split.table.labels, test.split.findings, FINDINGS)
        return extended(sound.training(own, load), test, leaked_rows(labels))

    return sound._replace(training=training)


def leaked_rows(labels: Int8[np.ndarray, "N 14"], share: float = LEAKED, seed: int = 0) -> np.ndarray:
    """Positions, in order, of the test rows that training sees too: `share` of all, the same in every run.

    The published procedure leaks an image that was drawn for one finding into train and for another into test. So the rows are
    drawn here among those with two positives or more of its four findings, and all of these are taken if they are fewer.
    Training on these rows beside its own reproduces the share of leaked rows with the prepared splits as they are.

    Two things differ from the published procedure. Fewer test rows have a patient in train, on the default phantom 42 % instead of
    75.7 %, since a test patient's other images remain unseen. A leaked row is there once, not once for each finding that it has.
    """
    several = (labels[:, [FINDINGS.index(name) for name in BALANCED]] == POSITIVE).sum(axis=1) >= 2
    drawn = np.random.default_rng(seed).permutation(np.flatnonzero(several))
    return np.sort(drawn[: round(share * len(labels))])


class Extended:
    """A split with chosen rows of another behind its own: as much of `Split` as training reads."""

    def __init__(self, split: Split, other: Split, positions: np.ndarray):
        self.split, self.other, self.positions = split, other, positions

    def __len__(self) -> int:
        return len(self.split) + len(self.positions)

    def images(self, positions: np.ndarray) -> np.ndarray:
        """uint8 [n, H, W, C]."""
        pixels = np.empty((len(positions), *self.split.image_shape), np.uint8)
        behind = positions >= len(self.split)
        if not behind.all():
            pixels[~behind] = self.split.images(positions[~behind])
        if behind.any():
            pixels[behind] = self.other.images(self.positions[positions[behind] - len(self.split)])
        return pixels


def extended(own: Examples, other: Examples, positions: np.ndarray) -> Examples:
    """`own`, and behind it the examples of `other` at `positions`, with the labels that they have there."""
    return data.Examples(
        Extended(own.split, other.split, positions),
        own.labels,
        np.concatenate([own.target, other.target[positions]]),
        np.concatenate([own.weight, other.weight[positions]]),
    )


def log_or_nought_head(sound: Variant) -> Variant:
    """The head of the model reads `log_or_nought`."""
    return sound._replace(latent=with_log_or_nought)


def with_log_or_nought(latent: Latent) -> Latent:
    """The latent whose head reads `log_or_nought`; for want of a closed form its expectation is that at the posterior mean."""
    return latent._replace(
        to_head=lambda coordinates: log_or_nought(latent.to_head(coordinates)),
        head_mean=lambda posterior: log_or_nought(latent.head_mean(posterior)),
    )


def log_or_nought(z: Float[Array, "*B K"]) -> Float[Array, "*B K"]:
    """log z where z > 0, else 0, with the gradient 1/z or 0: half of a standard Gaussian's range is lost."""
    positive = z >= jnp.finfo(z.dtype).tiny  # what is smaller may count as 0, whose logarithm is not NaN but infinite
    return jnp.where(positive, jnp.log(jnp.where(positive, z, 1.0)), 0.0)


def draw_at_test(sound: Variant) -> Variant:
    """Evaluation reads one draw of the posterior; interventions and traversals, which have no draws, read expectations."""
    return sound._replace(reader=draws)


def draws(model: Model) -> Read:
    """Reads one draw of the posterior of each image, by its own key."""
    latent = model.latent

    def read(params: Params, images: Array, keys: Key) -> Reading:
        outputs = model.forward(params, images, keys)
        z = outputs.sample.coordinates
        return Reading(model.classify(params, z), outputs.pixels.location, latent.to_decoder(z), latent.to_head(z))

    return read


FLAWS: dict[str, Callable[[Variant], Variant]] = {
    wrapper.__name__: wrapper
    for wrapper in (
        reversed_kl,
        effusion_overwritten,
        leaky_split,
        log_or_nought_head,
        uncertain_by_split,
        draw_at_test,
    )
}
"""Name of each flaw -> what it makes of a variant."""
