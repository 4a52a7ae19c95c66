"""Gamma variates in log space, their implicit derivative without loops, underflow or lost digits, and their divergence.

A pathwise gradient of g ~ Gamma(a, 1) needs, at a fixed quantile (Figurnov et al. 2018, arXiv 1805.08498),

    d log g/d a = -F_a(g; a)/(g f(g; a)),

F and f the distribution and density functions. Dividing an evaluated F_a by an evaluated g f loses everything where both
underflow. Here the factor g^a e^-g/Gamma(a) that they share is cancelled on paper, in each of three expansions:

    g <= a + 3/2   F   = g f S,   S = sum_n t_n,   t_n = g^n/(a (a + 1) ... (a + n))     (Abramowitz & Stegun 6.5.29)
    g >  a + 3/2   1-F = g f C,   C = 1/(g + 1 - a - 1(1 - a)/(g + 3 - a - 2(2 - a)/(g + 5 - a - ...)))    (6.5.31)
    a >= 12        uniform in g/a: Temme 1979, SIAM J. Math. Anal. 10, 757, differentiated and expanded in log(g/a)

A fixed number of terms suffices for float32: relative error below 1e-5 for a from 1e-3 to 1e4, within five standard
deviations (of a normal with the same quantile). One fused elementwise
kernel on any backend, itself differentiable, and unlike an iteration to convergence it costs the same for every draw.
"""

import math

import jax
import jax.numpy as jnp
from jax.scipy.special import digamma, gammaln
from jaxtyping import Array, Float
from tensorflow_probability.substrates.jax.distributions import gamma as tfp_gamma

from dirvae.types import Key

SERIES_TERMS, FRACTION_LEVELS = 26, 12
SPLIT = (
    1.5  # the fraction takes over at g = a + SPLIT; nearer to a it converges slowly, farther the series loses digits
)
UNIFORM_FROM = 12.0  # concentration from which the uniform expansion is used

# Of a/Gamma*(a) d log g/d a, Gamma* = Gamma(a) e^a a^-a sqrt(a/2 pi), in powers of l = log(g/a):
# l/expm1(l) + (1/a) sum_k FIRST_k l^k + (1/a^2) sum_k SECOND_k l^k.
FIRST = (1 / 12, -1 / 24, 1 / 720, 1 / 360, -23 / 60480, -1 / 10080, 37 / 1814400, 1 / 302400, -139 / 159667200)
SECOND = (0.00625, 0.005208333333333333, -0.005166997354497355, 0.000958994708994709)
STIRLING = (1.0, 1 / 12, 1 / 288, -139 / 51840)  # of Gamma*, in powers of 1/a


def implicit_derivative(concentration: Float[Array, "*B"], log_g: Float[Array, "*B"]) -> Float[Array, "*B"]:
    """d log g/d a at a fixed quantile of Gamma(a, 1); float32, elementwise, finite for any finite log g."""
    a = jnp.minimum(concentration, UNIFORM_FROM)
    split = jnp.log(a + SPLIT)
    psi = digamma(a + 1.0)
    below = _by_series(a, jnp.minimum(log_g, split), psi)
    above = _by_fraction(a, jnp.maximum(log_g, split), psi)
    uniform = _uniformly(jnp.maximum(concentration, UNIFORM_FROM), log_g)
    return jnp.where(concentration < UNIFORM_FROM, jnp.where(log_g < split, below, above), uniform)


def _by_series(a: Array, log_g: Array, psi: Array) -> Array:
    """S (psi(a + 1) - log g) + sum_n t_n h_n, h_n = 1/(a + 1) + ... + 1/(a + n): 1/a^2 has cancelled; psi is psi(a + 1)."""
    g = jnp.exp(log_g)
    term, harmonic = 1.0 / a, jnp.zeros_like(a)
    total, slope = term, jnp.zeros_like(a)
    for n in range(1, SERIES_TERMS + 1):
        inverse = 1.0 / (a + n)
        term, harmonic = term * g * inverse, harmonic + inverse
        total, slope = total + term, slope + term * harmonic
    return total * (psi - log_g) + slope


def _by_fraction(a: Array, log_g: Array, psi: Array) -> Array:
    """C (log g - psi(a)) + C_a, the fraction evaluated from its deepest level outwards together with its derivative."""
    base = jnp.exp(log_g) - a
    level, slope = base + (2 * FRACTION_LEVELS + 1), -jnp.ones_like(a)
    for k in range(FRACTION_LEVELS, 0, -1):
        inverse = 1.0 / level
        part = k * (k - a) * inverse
        level, slope = base + (2 * k - 1) - part, (k + part * slope) * inverse - 1.0
    value = 1.0 / level
    return value * (log_g - psi + 1.0 / a) - slope * value * value


def _uniformly(a: Array, log_g: Array) -> Array:
    """The leading term is exact to O(1/a): along a quantile g/a moves with log(g/a)/(a (g/a - 1))."""
    ratio = jnp.clip(log_g - jnp.log(a), -2.0, 2.0)  # six standard deviations where a is smallest
    near = jnp.abs(ratio) < 1e-3
    leading = jnp.where(near, 1.0 - ratio / 2.0, ratio / jnp.expm1(jnp.where(near, 1.0, ratio)))
    inverse = 1.0 / a
    corrections = inverse * (_polynomial(FIRST, ratio) + inverse * _polynomial(SECOND, ratio))
    return inverse * _polynomial(STIRLING, inverse) * (leading + corrections)


def _polynomial(coefficients: tuple[float, ...], x: Array) -> Array:
    """sum_k c_k x^k, by Horner's rule."""
    value = jnp.full_like(x, coefficients[-1])
    for coefficient in reversed(coefficients[:-1]):
        value = value * x + coefficient
    return value


@jax.custom_jvp
@jax.jit
def log_gamma_variate(key: Key, concentration: Float[Array, "*B"]) -> Float[Array, "*B"]:
    """log g for g ~ Gamma(a, 1), elementwise, by TFP's rejection sampler in log space; pathwise differentiable.

    Compiled, since every call outside of a compiled function would trace and compile the rejection loop anew.
    """
    seed = jax.random.key_data(key)
    return tfp_gamma.random_gamma(shape=(), concentration=concentration, seed=seed, log_space=True)


@log_gamma_variate.defjvp
def _log_gamma_variate_jvp(primals: tuple, tangents: tuple) -> tuple:
    (key, concentration), (_, tangent) = primals, tangents
    log_g = log_gamma_variate(key, concentration)
    return log_g, implicit_derivative(concentration, log_g) * tangent


def divergence(a: Float[Array, "*B"], b: Float[Array, "*B"]) -> Float[Array, "*B"]:
    """KL(Gamma(a, 1) || Gamma(b, 1)) - a = lgamma(b) - lgamma(a) + (a - b) psi(a) - a, for b below some ten.

    For a >= 8 Stirling's series of lgamma and psi are inserted and the terms in a log a and a cancel on paper. Those in b do not:
    for large b see `remainder`.
    """
    large_a = a >= 8.0
    big, small = jnp.where(large_a, a, 8.0), jnp.where(large_a, 8.0, a)  # unlike maximum, the whole gradient at a tie
    inverse = 1.0 / big
    square = inverse * inverse
    stirling = inverse * (1 / 12 - square * (1 / 360 - square / 1260))
    remainder = inverse / 2 + square * (1 / 12 - square * (1 / 120 - square / 252))  # log a - psi(a)
    large = (0.5 - b) * jnp.log(big) - 0.5 * math.log(2 * math.pi) - stirling - (big - b) * remainder
    exact = -gammaln(small) + (small - b) * digamma(small) - small
    return gammaln(b) + jnp.where(large_a, large, exact)


STIRLING_FROM = 8.0  # shapes from which three terms of Stirling's series are exact in float32


def excess(ratio: Float[Array, "*B"], change: Float[Array, "*B"]) -> Float[Array, "*B"]:
    """u - log(1 + u) >= 0 of the change u > -1, given 1 + u too, to float32's relative precision for every u.

    Near 0 both terms agree in their leading digits. There, with s = u/(2 + u), the difference is written as
    s u - 2 s^3 (1/3 + s^2/5 + s^4/7 + ...).
    """
    near = jnp.abs(change) < 0.5
    small = jnp.where(near, change, 0.0)
    s = small / (2.0 + small)
    tail = _polynomial((1 / 3, 1 / 5, 1 / 7, 1 / 9, 1 / 11, 1 / 13), s * s)
    return jnp.where(near, s * small - 2.0 * s * s * s * tail, change - jnp.log(jnp.where(near, 1.0, ratio)))


def remainder(a: Float[Array, "*B"], b: Float[Array, "*B"], gap: Float[Array, "*B"]) -> Float[Array, "*B"]:
    """KL(Gamma(a, 1) || Gamma(b, 1)) - b (u - log(1 + u)) with u = gap/b, given the gap a - b too; it grows as log(a)/2.

    Where a and b are at least 8, Stirling's series of both are subtracted on paper. With x = 1/a, y = 1/b what is left is

        (v - log(1 + v))/2 + gap^2 x^2 y (1/12 - (y^2 + 2 x y + 3 x^2)/360 + (y^4 + 2 x y^3 + 3 x^2 y^2 + 4 x^3 y + 5 x^4)/1260)

    with v = -gap/a. Every term is of second order in the gap, so that nothing cancels where a is close to b.
    """
    large = (a >= STIRLING_FROM) & (b >= STIRLING_FROM)
    big_a, big_b = jnp.where(large, a, STIRLING_FROM), jnp.where(large, b, STIRLING_FROM)
    x, y, between = 1.0 / big_a, 1.0 / big_b, jnp.where(large, gap, 0.0)
    third = y**4 + 2.0 * x * y**3 + 3.0 * (x * y) ** 2 + 4.0 * x**3 * y + 5.0 * x**4
    series = 1 / 12 - (y * y + 2.0 * x * y + 3.0 * x * x) / 360 + third / 1260
    shift = between * x
    stirling = 0.5 * excess(big_b * x, -shift) + shift * shift * y * series
    small_a, small_b = jnp.where(large, 1.0, a), jnp.where(large, 1.0, b)
    direct = divergence(small_a, small_b) + small_b * (1.0 + jnp.log(small_a / small_b))
    return jnp.where(large, stirling, direct)
