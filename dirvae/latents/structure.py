"""Builds the latent of a family: one vector, a product of vectors, vectors on a grid of cells, or two of these as levels.

All families work on the last axis and carry any leading axes, so a combinator only moves axes and sums the KL.
"""

import importlib
import math
from collections.abc import Iterable, Iterator
from types import ModuleType

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from dirvae.config import ModelConfig
from dirvae.latents import geometry
from dirvae.latents.families import family
from dirvae.latents.family import Latent, LatentSpec, Levels, apart, together
from dirvae.types import Key, LatentSample, PyTree


def build(config: ModelConfig) -> Latent:
    """The latent of a configuration: `groups` vectors of `latents` components, alone or in each cell of a grid.

    On two levels they are alone, beside `local_groups` vectors of `local_latents` components in each cell.
    """
    latent, grid = _vectors(config, config.latents, config.groups), (config.grid, config.grid)
    if config.structure == "hierarchical":
        return levels(latent, field(_vectors(config, config.local_latents, config.local_groups), grid))
    return field(latent, grid) if config.structure == "spatial" else latent


def _vectors(config: ModelConfig, components: int, groups: int) -> Latent:
    """One vector, or the product of several."""
    module = importlib.import_module(f"dirvae.latents.{family(config.prior).name}")
    latent = vector(module, components, config.concentration, config.parametrisation, config.min_concentration)
    return product(latent, groups) if groups > 1 or config.structure == "product" else latent


def vector(module: ModuleType, components: int, concentration: float, parametrisation: str, floor: float) -> Latent:
    """One simplex (or Gaussian vector) of K components an example."""
    prior = module.prior(components, concentration)
    features = module.feature_count(components, parametrisation)
    name = module.__name__.rpartition(".")[2]
    simplex = components if family(name).simplex else 0
    return Latent(
        name=name,
        spec=LatentSpec(grid=None, event=(components,), features=features, channels=components, simplex=simplex),
        prior=prior,
        posterior=lambda values: module.posterior(values, prior, parametrisation, floor),
        sample=module.sample,
        kl=module.kl,
        log_prob=module.log_prob,
        point=module.point,
        decoder_mean=module.decoder_mean,
        head_mean=module.head_mean,
        to_decoder=module.to_decoder,
        to_head=module.to_head,
        retract=module.retract,
        raise_index=module.raise_index,
    )


def product(latent: Latent, count: int) -> Latent:
    """`count` independent copies, each with the prior: event (n, K), features and channels concatenated."""

    def flatten(values: Float[Array, "*B n D"]) -> Float[Array, "*B nD"]:
        return values.reshape(*values.shape[:-2], -1)

    def unflatten(values: Float[Array, "*B nF"]) -> Float[Array, "*B n F"]:
        return values.reshape(*values.shape[:-1], count, latent.spec.features)

    spec = latent.spec
    return latent._replace(
        spec=LatentSpec(None, (count, *spec.event), count * spec.features, count * spec.channels, spec.simplex),
        prior=jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (count, *leaf.shape)), latent.prior),
        posterior=lambda values: latent.posterior(unflatten(values)),
        kl=lambda q, p: jnp.sum(latent.kl(q, p), axis=-1),
        log_prob=lambda q, coordinates: jnp.sum(latent.log_prob(q, coordinates), axis=-1),
        decoder_mean=lambda q: flatten(latent.decoder_mean(q)),
        head_mean=lambda q: flatten(latent.head_mean(q)),
        to_decoder=lambda coordinates: flatten(latent.to_decoder(coordinates)),
        to_head=lambda coordinates: flatten(latent.to_head(coordinates)),
    )


def field(latent: Latent, grid: tuple[int, int]) -> Latent:
    """One independent copy in each cell of a grid: event (h, w, ...), features and channels a cell."""
    spec = latent.spec
    return latent._replace(
        spec=LatentSpec(grid, (*grid, *spec.event), spec.features, spec.channels, spec.simplex),
        kl=lambda q, p: jnp.sum(latent.kl(q, p), axis=(-2, -1)),
        log_prob=lambda q, coordinates: jnp.sum(latent.log_prob(q, coordinates), axis=(-2, -1)),
    )


def levels(whole: Latent, local: Latent) -> Latent:
    """A global latent and a field, independent under prior and posterior: z = (z_whole, z_local), KL = KL_whole + KL_local.

    Posteriors are `Levels` of the parts'; coordinates, tangents, features and channels are flat, [..., D_whole + h w D_local].
    """
    first, cells = whole.spec, local.spec
    places, size = math.prod(cells.grid), math.prod(first.event)
    spec = LatentSpec(
        grid=None,
        event=(size + math.prod(cells.event),),
        features=first.features + places * cells.features,
        channels=first.channels + places * cells.channels,
        parts=(first, cells),
    )

    def points(flat: Float[Array, "*B D"]) -> Levels:
        """Coordinates or tangents of each part."""
        lead = flat.shape[:-1]
        return Levels(flat[..., :size].reshape(*lead, *first.event), flat[..., size:].reshape(*lead, *cells.event))

    def joined(parts: Iterable[Array]) -> Float[Array, "*B D"]:
        shapes = (first.event, cells.event)
        flat = [part.reshape(*part.shape[: part.ndim - len(s)], -1) for part, s in zip(parts, shapes, strict=True)]
        return jnp.concatenate(flat, axis=-1)

    def each(name: str, *pairs: Iterable[PyTree]) -> Iterator[PyTree]:
        for latent, *parts in zip((whole, local), *pairs, strict=True):
            yield getattr(latent, name)(*parts)

    def sample(key: Key, q: Levels) -> LatentSample:
        return LatentSample(joined(drawn.coordinates for drawn in each("sample", jax.random.split(key), q)))

    def raise_index(coordinates: Array, cotangent: Array, metric: geometry.Metric) -> Array:
        """A covariance is that of both parts together, so that a head that reads one moves what varies with it in the other."""
        if not isinstance(metric, str):
            cotangent, metric = geometry.raise_euclidean(coordinates, cotangent, metric), "identity"
        return joined(each("raise_index", points(coordinates), points(cotangent), (metric, metric)))

    return Latent(
        name=whole.name,
        spec=spec,
        prior=Levels(whole.prior, local.prior),
        posterior=lambda f: Levels(*each("posterior", apart(f, first.features, (*cells.grid, cells.features)))),
        sample=sample,
        kl=lambda q, p: sum(each("kl", q, p)),
        log_prob=lambda q, coordinates: sum(each("log_prob", q, points(coordinates))),
        point=lambda q: joined(each("point", q)),
        decoder_mean=lambda q: together(Levels(*each("decoder_mean", q))),
        head_mean=lambda q: together(Levels(*each("head_mean", q))),
        to_decoder=lambda coordinates: together(Levels(*each("to_decoder", points(coordinates)))),
        to_head=lambda coordinates: together(Levels(*each("to_head", points(coordinates)))),
        retract=lambda coordinates, tangent: joined(each("retract", points(coordinates), points(tangent))),
        raise_index=raise_index,
    )
