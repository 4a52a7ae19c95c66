"""Flaws of the released code of Harkness et al. 2023 (arXiv 2302.02979), each behind a switch of `AuditConfig`.

They exist to measure what each does to a comparison of priors (experiments/configs/studies/audit.py) and are no options to
train with. All are off by default, where every function here returns what it was given. What that code did, as read in it:

  reversed_kl           DirVAE's regulariser is KL(p || q), expectations under the prior, instead of KL(q || p); GVAE's is right
  effusion_overwritten  Pleural Effusion := not (Pleural Other or Pneumothorax), in all splits
  leaky_split           as many images drawn for each of four findings, so that an image with several of them is there several
                        times; rows then shuffled and cut, so that 19.7 % of test rows are training images too
  log_or_nought_head    the head takes log z of a Gaussian too, NaN replaced by 0
  heavy_gaussian_kl     GVAE: mean |x - m| + .05 mean_k KL_k; DirVAE: 100 mean |x - m| + .00005 sum_k KL_k. With 256^2 pixels and
                        1,024 latents these are KL weights of 3.2 and .033 on a sum over pixels, a ratio of 98
  uncertain_by_split    uncertain labels are 0 in training and 1 elsewhere
  draw_at_test          scores are those of one draw of q(z|x), not of its expectations

Horizontal flips are `loss.flip`; the selection of a traversal's coordinates is `traversals.as_released`.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int8

from dirvae.config import AuditConfig
from dirvae.labels import FINDINGS, POSITIVE
from dirvae.latents.family import Latent
from dirvae.model import Model
from dirvae.types import Key, Params, PyTree

EFFUSION, EXCLUDING = FINDINGS.index("Pleural Effusion"), ("Pleural Other", "Pneumothorax")
BALANCED = ("No Finding", "Lung Opacity", "Pleural Effusion", "Support Devices")  # the findings of the released code
LEAKED = 0.197  # share of test rows that are in train
HEAVIER = 98.0  # GVAE's KL weight over DirVAE's


class Reading(NamedTuple):
    """What evaluation makes of images: logits, the reconstruction, and what decoder and head read."""

    logits: Float[Array, "B L"]
    location: Float[Array, "B H W C"]
    decoder: Float[Array, "B ..."]
    head: Float[Array, "B ..."]


def overwrite_effusion(labels: Int8[np.ndarray, "N 14"]) -> Int8[np.ndarray, "N 14"]:
    """Pleural Effusion becomes 1 without, and 0 with, a positive Pleural Other or Pneumothorax; the others are kept.

    Uncertain and unmentioned labels count as absent. The phantom has no Pleural Other, so there "Pleural Effusion" becomes the
    absence of a pneumothorax and says nothing of effusions: a perfect detector of effusions has AUROC .5 on it (in the released
    code's own selection of CheXpert .759).
    """
    excluded = (labels[:, [FINDINGS.index(name) for name in EXCLUDING]] == POSITIVE).any(axis=1)
    changed = labels.copy()
    changed[:, EFFUSION] = ~excluded
    return changed


def stored_labels(labels: Int8[np.ndarray, "N 14"], flaws: AuditConfig) -> Int8[np.ndarray, "N 14"]:
    """The labels of a split as the policies get them."""
    return overwrite_effusion(labels) if flaws.effusion_overwritten else labels


def uncertain_policy(split: str, policy: str, flaws: AuditConfig) -> str:
    """The policy for uncertain labels of a split."""
    if not flaws.uncertain_by_split:
        return policy
    return "zeros" if split == "train" else "ones"


def leaked_rows(labels: Int8[np.ndarray, "N 14"], share: float = LEAKED, seed: int = 0) -> np.ndarray:
    """Positions, in order, of the test rows that training sees too: `share` of all, the same in every run.

    The released procedure leaks images that were drawn for one finding into train and for another into test; so they are drawn
    here among those with two positives or more of its four findings (all of them, if they are fewer). Training on these rows
    beside its own reproduces the share of leaked rows with the prepared splits as they are. Of the test rows with a patient in
    train it reproduces only part, on the default phantom 42 % instead of 75.7 %, since the others of a test patient's images
    remain unseen; and a leaked row is there once, not once a finding that it has.
    """
    several = (labels[:, [FINDINGS.index(name) for name in BALANCED]] == POSITIVE).sum(axis=1) >= 2
    drawn = np.random.default_rng(seed).permutation(np.flatnonzero(several))
    return np.sort(drawn[: round(share * len(labels))])


def log_or_nought(z: Float[Array, "*B K"]) -> Float[Array, "*B K"]:
    """log z where z > 0, else 0, with the gradient 1/z or 0: half of a standard Gaussian's range is lost."""
    positive = z >= jnp.finfo(z.dtype).tiny  # what is smaller may count as 0, whose logarithm is not NaN but infinite
    return jnp.where(positive, jnp.log(jnp.where(positive, z, 1.0)), 0.0)


def flawed_latent(latent: Latent, flaws: AuditConfig) -> Latent:
    """The latent whose head reads `log_or_nought`; for want of a closed form its expectation is that at the posterior mean."""
    if not flaws.log_or_nought_head:
        return latent
    return latent._replace(
        to_head=lambda coordinates: log_or_nought(latent.to_head(coordinates)),
        head_mean=lambda posterior: log_or_nought(latent.head_mean(posterior)),
    )


def regularised(latent: Latent, flaws: AuditConfig) -> Latent:
    """The latent as the training objective sees it: with KL(p || q) for `kl`. Evaluation keeps KL(q || p), hence the ELBO."""
    if not flaws.reversed_kl:
        return latent

    def reversed_kl(posterior: PyTree, prior: PyTree) -> Float[Array, "..."]:
        wide = jax.tree.map(lambda ours, theirs: jnp.broadcast_to(ours, theirs.shape), prior, posterior)
        return latent.kl(wide, posterior)

    return latent._replace(kl=reversed_kl)


def kl_factor(flaws: AuditConfig) -> float:
    """What multiplies the KL's weight."""
    return HEAVIER if flaws.heavy_gaussian_kl else 1.0


def reader(model: Model, flaws: AuditConfig) -> Callable[[Params, Array, Key], Reading]:
    """(params, images [B, H, W, C], keys [B]) -> Reading, of the posterior's expectations or of one draw.

    Interventions and traversals, which have no draws, read expectations always.
    """
    latent = model.latent

    def expected(params: Params, images: Array, keys: Key) -> Reading:
        del keys
        outputs = model.expected(params, images)
        decoder, head = latent.decoder_mean(outputs.posterior), latent.head_mean(outputs.posterior)
        return Reading(outputs.logits, outputs.pixels.location, decoder, head)

    def drawn(params: Params, images: Array, keys: Key) -> Reading:
        outputs = model.forward(params, images, keys)
        z = outputs.sample.coordinates
        return Reading(model.classify(params, z), outputs.pixels.location, latent.to_decoder(z), latent.to_head(z))

    return drawn if flaws.draw_at_test else expected
