"""Sentences about a run's configuration and data, as HTML."""

import html
from collections.abc import Iterator, Mapping

from dirvae.config import Config, LossConfig, ModelConfig

POLICY = {"ignore": "left out of losses and scores", "zeros": "read as absent", "ones": "read as present"}


def source(facts: Mapping) -> str:
    """The data's name, for a title; runs of older versions do not store it."""
    return facts.get("title") or f"the data set {facts['manifest'].get('name', '')}".strip()


def data(config: Config, facts: Mapping) -> str:
    """Where the images are from, how they are divided, and what is made of unclear labels."""
    settings = config.data
    return (
        f"<p>{html.escape(facts.get('origin') or '')} Images are {settings.image_size} × {settings.image_size} pixels, "
        f"{'frontal views only' if settings.views == 'frontal' else 'frontal and lateral views'}. Labels marked uncertain "
        f"are <b>{POLICY[settings.uncertain]}</b>, labels not mentioned <b>{POLICY[settings.blank]}</b>.</p>"
    )


def shape(model: ModelConfig) -> str:
    """Of the latent."""
    return {
        "global": f"one latent of {model.latents} components",
        "product": f"{model.groups} latents of {model.latents} components",
        "spatial": f"a {model.grid} × {model.grid} field of {model.groups} × {model.latents} components",
        "hierarchical": f"{model.groups} × {model.latents} components of the whole image, and a {model.grid} × {model.grid} field of "
        f"{model.local_groups} × {model.local_latents} components",
    }[model.structure]


def likelihood(model: ModelConfig) -> str:
    if model.likelihood == "bernoulli":
        return "Bernoulli likelihood"
    learned = "learned from" if model.learn_scale else "fixed at"
    return f"{model.likelihood.title()} likelihood, scale {learned} {model.scale:g} of the grey range"


def kl_control(loss: LossConfig) -> str:
    """How the KL's weight goes."""
    if loss.target_kl:
        return f"β is steered so that the KL comes to {loss.target_kl:g} nats"
    return f"the KL's weight rises over the first {loss.kl_warmup:.0%} of the steps"


def model(config: Config) -> Iterator[tuple[str, str]]:
    """(name, value) of what a reader must know to judge the model."""
    net, loss, rates = config.model, config.loss, config.optimizer
    yield "prior", net.family.prior.format(concentration=net.concentration)
    if net.prior_learning != "fixed":
        yield "prior's concentrations", f"learned from there ({net.prior_learning})"
    yield "latent", shape(net)
    hidden = f", then {net.hidden} units" if net.hidden and net.structure != "spatial" else ""
    yield "encoder, decoder", f"channels {', '.join(map(str, net.widths))}{hidden}"
    reads = net.family.reads
    read = f"expected {reads}" if net.head_input == "mean" else f"{reads} of a draw"
    part = {"pooled": "field"}.get(net.head, "global part") if net.structure == "hierarchical" else "latent"
    yield "classifier", f"{net.head}, on {read} of the {part}"
    yield "p(x|z)", likelihood(net)
    yield (
        "objective",
        (
            f"−log p(x|z) + {'β' if loss.target_kl else f'{loss.beta:g}'} KL(q‖p) + {loss.classification_weight:g} "
            f"cross-entropy; {kl_control(loss)}"
        ),
    )
    yield (
        "optimisation",
        (
            f"AdamW, rate {rates.learning_rate:g} ({rates.schedule}), {config.train.steps:,} steps of "
            f"{config.train.batch_size} images, {'with' if loss.augment else 'without'} augmentation, seed {config.seed}"
        ),
    )


def intervals(scores: Mapping) -> str:
    """How to read the classification scores."""
    text = "Macro: mean over the findings that have both values. Positives with their share, which is what AUPRC of chance is."
    if "auroc_interval" in scores:
        text += (
            " Intervals are 95 % and resample patients; resampling inflates ECE, so that its interval may lie above it."
        )
    gap = scores.get("baseline", {}).get("difference")
    if "baseline" in scores:
        text += " The linear baseline is fitted to principal components of the same images"
        text += "; the difference is scored on the same resamples." if gap else "."
    if scores["undefined"]:
        text += f" Without both values, hence without AUROC: {html.escape(', '.join(scores['undefined']))}."
    return f"<p>{text}</p>"
