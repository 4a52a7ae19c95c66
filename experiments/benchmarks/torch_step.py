"""A training step in PyTorch, the counterpart of `dirvae.training.train.make_step` without augmentation, as PyTorch's users write it."""

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.distributions import Dirichlet, kl_divergence
from torch.nn import functional
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils.flop_counter import FlopCounterMode

from dirvae.config import Config, ConfigError, ModelConfig
from dirvae.latents.dirichlet import MAX_CONCENTRATION
from dirvae.types import Batch, Params
from experiments.benchmarks.torch_models import Networks, twin
from experiments.benchmarks.torch_published import published

TWIN, PUBLISHED = "PyTorch, same layers", "PyTorch, published 5x5 strided form"
LAYOUTS = {"eager": {}, "eager, channels_last": {"channels_last": True}}
COMPILED = {"torch.compile, channels_last": {"channels_last": True, "compiled": True}}


class Terms(NamedTuple):
    """Terms of the loss in PyTorch, as in `dirvae.types.LossTerms`: each [B], in nats."""

    reconstruction: Tensor
    kl: Tensor
    classification: Tensor


class Objective(nn.Module):
    """Images [B, C, H, W] in [0, 1], target and weight [B, L] -> the objective's mean over the batch."""

    def __init__(self, networks: Networks, config: Config):
        super().__init__()
        self.networks, self.config = networks, config

    def forward(self, images: Tensor, target: Tensor, weight: Tensor) -> Tensor:
        posterior = self.posterior(images)
        terms = self.terms(images, posterior, posterior.rsample(), target, weight)
        loss = self.config.loss
        return (terms.reconstruction + loss.beta * terms.kl + loss.classification_weight * terms.classification).mean()

    def posterior(self, images: Tensor) -> Dirichlet:
        """`dirvae.latents.dirichlet.posterior`, parametrisation exp."""
        model = self.config.model
        limit = math.log(MAX_CONCENTRATION / model.concentration)
        free = model.concentration * self.networks.encoder(images).clamp(max=limit).exp()
        return Dirichlet((model.min_concentration + free).clamp(max=MAX_CONCENTRATION), validate_args=False)

    def terms(self, images: Tensor, posterior: Dirichlet, z: Tensor, target: Tensor, weight: Tensor) -> Terms:
        """`dirvae.losses.terms` at a draw z [B, K]: Laplace, KL(q||p), masked cross-entropy at E[clr z]."""
        model, concentration = self.config.model, posterior.concentration
        location = self.networks.decoder(z.shape[-1] * z).sigmoid()
        nats = (images - location).abs() / model.scale + math.log(2.0 * model.scale)
        prior = Dirichlet(torch.full_like(concentration, model.concentration), validate_args=False)
        log_z = torch.digamma(concentration)
        logits = self.networks.classifier(log_z - log_z.mean(-1, keepdim=True))
        each = functional.binary_cross_entropy_with_logits(logits, target, weight, reduction="none")
        return Terms(nats.sum((1, 2, 3)), kl_divergence(posterior, prior), each.sum(-1))


class TorchStep:
    """Forward, loss, backward, clipping, AdamW (fused) and the parameters' average, on host batches."""

    def __init__(self, networks: Networks, config: Config, channels_last: bool = False, compiled: bool = False):
        self.layout = torch.channels_last if channels_last else torch.contiguous_format
        self.networks = networks.to(memory_format=self.layout)
        objective = Objective(self.networks, config)
        self.objective = torch.compile(objective) if compiled else objective
        kernels = [p for p in networks.parameters() if p.ndim > 1]
        others = [p for p in networks.parameters() if p.ndim <= 1]
        settings = config.optimizer
        groups = [{"params": kernels, "weight_decay": settings.weight_decay}, {"params": others, "weight_decay": 0.0}]
        self.optimizer = torch.optim.AdamW(groups, lr=settings.learning_rate, fused=True)
        self.average = AveragedModel(networks, multi_avg_fn=get_ema_multi_avg_fn(settings.average_decay))
        self.clip_norm = settings.clip_norm

    def __call__(self, batch: Batch) -> float:
        images = torch.from_numpy(batch.image).permute(0, 3, 1, 2).float().div(255.0)
        images = images.contiguous(memory_format=self.layout)
        self.optimizer.zero_grad(set_to_none=True)
        loss = self.objective(images, torch.from_numpy(batch.target), torch.from_numpy(batch.weight))
        loss.backward()
        nn.utils.clip_grad_norm_(self.networks.parameters(), self.clip_norm)
        self.optimizer.step()
        self.average.update_parameters(self.networks)
        return loss.item()

    def operations(self, batch: Batch) -> float:
        """Floating-point operations of the convolutions and matrix products of a step."""
        with FlopCounterMode(display=False) as counter:
            self(batch)
        return float(counter.get_total_flops())


def check_supported(config: ModelConfig) -> None:
    """Raises ConfigError for a model that has no peer here."""
    wanted = {
        "prior": "dirichlet",
        "structure": "global",
        "parametrisation": "exp",
        "head": "linear",
        "head_input": "mean",
        "dropout": 0.0,
        "likelihood": "laplace",
        "learn_scale": False,
        "compute": "float32",
    }
    for name, value in wanted.items():
        if getattr(config, name) != value:
            raise ConfigError(f"the benchmark's peer in PyTorch covers model.{name}={value} only; leave it at that")
    if not config.hidden:
        raise ConfigError("the benchmark's peer in PyTorch needs model.hidden above 0")


def candidates(config: Config, params: Params, labels: int, compiled: bool) -> dict[str, TorchStep]:
    """Every peer in every variant, as "peer: variant"; the same layers start from `params`."""
    check_supported(config.model)
    model, side = config.model, config.data.image_size
    options = LAYOUTS | (COMPILED if compiled else {})
    steps = {
        f"{TWIN}: {form}, {name}": TorchStep(twin(params, side, form), config, **chosen)
        for form in ("strided", "subpixel")
        for name, chosen in (options if form == "strided" else LAYOUTS).items()
    }
    return steps | {
        f"{PUBLISHED}: {name}": TorchStep(published(model, labels, side), config, **chosen)
        for name, chosen in options.items()
    }


def operations(config: Config, params: Params, labels: int, batch: Batch) -> dict[str, float]:
    """Floating-point operations of a step of every peer."""
    model, side = config.model, config.data.image_size
    networks = {TWIN: twin(params, side), PUBLISHED: published(model, labels, side)}
    return {peer: TorchStep(made, config).operations(batch) for peer, made in networks.items()}
