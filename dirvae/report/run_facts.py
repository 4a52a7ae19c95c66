"""Facts of a run's configuration and data as names and values, both HTML, for the lists of its report."""

import html
from collections.abc import Iterator, Mapping

from dirvae.config import Config, LossConfig, ModelConfig
from dirvae.latents import compositions
from dirvae.metrics.titles import PER_LABEL

Fact = tuple[str, str]
POLICY = {"ignore": "left out of losses and scores", "zeros": "read as absent", "ones": "read as present"}
VIEWS = {"frontal": "frontal", "all": "frontal and lateral"}
SCORES = {"auroc": "macro AUROC", "elbo": "ELBO"}
HEADS = {
    "linear": "linear, reads every latent",
    "assigned": "assigned, each finding reads its own latents alone",
    "mlp": "one hidden layer, reads every latent",
    "pooled": "linear in each cell, pooled over cells",
}


def source(facts: Mapping) -> str:
    """The data's name, for a title; runs of older versions do not store it."""
    return facts.get("title") or f"the data set {facts['manifest'].get('name', '')}".strip()


def data(config: Config, facts: Mapping, unused: tuple[str, ...]) -> Iterator[Fact]:
    """Facts of the data: where images are from, and what is made of unclear labels; `unused` splits were neither trained nor scored on."""
    settings, manifest = config.data, facts["manifest"]
    if facts.get("origin"):
        yield "source", html.escape(facts["origin"])
    yield "size of an image", f"{settings.image_size} × {settings.image_size} pixels"
    yield "views", VIEWS[settings.views]
    yield "labels marked uncertain", POLICY[settings.uncertain]
    yield "labels not mentioned", POLICY[settings.blank]
    if facts.get("left_out"):
        listed = ", ".join(f"{finding} ({reason})" for finding, reason in facts["left_out"].items())
        yield "findings not learned, by what their known training labels lack", html.escape(listed)
    yield "unreadable images left out", f"{len(manifest['skipped']):,}"
    yield "splits not used", html.escape(", ".join(unused)) or "none"
    yield "hash of the content", manifest["content_hash"][:16]


def model(config: Config) -> Iterator[Fact]:
    """Returns what a reader must know to judge the model and its training."""
    net, loss, rates = config.model, config.loss, config.optimizer
    yield "prior p(z)", net.family.prior.format(concentration=net.concentration)
    if net.prior_learning != "fixed":
        yield "learning of the prior", net.prior_learning
    yield from _shape(net)
    yield "channels of encoder and decoder", ", ".join(map(str, net.widths))
    if net.structure != "spatial":
        yield "units before the latent", str(net.hidden or "none")
    yield "classifier", HEADS[net.head]
    yield "the classifier reads", net.family.reads
    yield (
        "it reads them in training from",
        {"mean": "the posterior's expectation", "sample": "one draw"}[net.head_input],
    )
    yield from _likelihood(net)
    yield from _objective(loss)
    yield "learning rate of AdamW", f"{rates.learning_rate:g}, {rates.schedule}"
    yield "steps", f"{config.train.steps:,}"
    yield "images of a batch", f"{config.train.batch_size:,}"
    yield "augmentation", "on" if loss.augment else "off"
    yield "seed", str(config.seed)


def _shape(net: ModelConfig) -> Iterator[Fact]:
    yield "structure of the latent", net.structure
    yield "vectors", f"{net.groups}{' in each cell' if net.structure == 'spatial' else ''}"
    yield "components of a vector", str(net.latents)
    if net.has_cells:
        yield "cells", f"{net.grid} × {net.grid}"
    if net.structure == "hierarchical":
        yield "vectors in a cell", str(net.local_groups)
        yield "components of a vector in a cell", str(net.local_latents)
    yield "free numbers of an image's code", f"{compositions.free_numbers(net):,}"


def _likelihood(net: ModelConfig) -> Iterator[Fact]:
    yield "likelihood p(x|z) of a pixel", net.likelihood
    if net.likelihood != "bernoulli":
        yield (
            "scale of the likelihood, grey levels of [0, 1]",
            f"{net.scale:g}, {'learned from there' if net.learn_scale else 'fixed'}",
        )


def _objective(loss: LossConfig) -> Iterator[Fact]:
    if loss.target_kl:
        yield "weight of the KL", f"steered to a KL of {loss.target_kl:g} nats"
    else:
        yield "weight of the KL", f"{loss.beta:g}, rising from 0 over {loss.kl_warmup:.0%} of the steps"
    yield "weight of the cross-entropy", f"{loss.classification_weight:g}"


def intervals(scores: Mapping) -> Iterator[Fact]:
    """Returns what stands behind a split's scores and their intervals, which runs of earlier versions do not say."""
    yield "findings without an AUROC", html.escape(", ".join(scores["undefined"])) or "none"
    basis = scores.get("intervals")
    if basis is None:
        return
    yield "findings in the macro", str(basis["labels_of_macro"])
    yield "resamples behind intervals of AUPRC, Brier and ECE", f"{basis['replicates']:,}"
    for name, title in PER_LABEL.items():
        if basis["missing"].get(name):
            reasons = (f"{one} ({reason})" for one, reason in basis["missing"][name].items())
            yield f"no interval of {title}", html.escape("; ".join(reasons))


def checkpoint(config: Config, timing: Mapping) -> Iterator[Fact]:
    """Says which step was kept."""
    if timing.get("best_step"):
        yield "step that was kept", f"{timing['best_step']:,} of {config.train.steps:,}"
        yield "chosen by", f"validation {SCORES[config.evaluate.select_by]}"
