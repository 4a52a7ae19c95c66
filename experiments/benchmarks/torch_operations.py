"""Single operations of PyTorch that are compared with JAX's."""

from collections.abc import Callable

import numpy as np
import torch
from torch.distributions import Dirichlet


def product(a: np.ndarray, b: np.ndarray) -> Callable[[], torch.Tensor]:
    """A matrix product, ready to run."""
    left, right = torch.from_numpy(a), torch.from_numpy(b)
    return lambda: torch.mm(left, right)


def dirichlet_gradient(weights: np.ndarray) -> Callable[[np.ndarray, int], np.ndarray]:
    """(concentration [..., K], seed) -> gradient of sum w log z, z by `Dirichlet.rsample`."""
    factors = torch.from_numpy(weights)

    def gradient(concentration: np.ndarray, seed: int) -> np.ndarray:
        torch.manual_seed(seed)
        leaf = torch.from_numpy(concentration).requires_grad_()
        (factors * Dirichlet(leaf, validate_args=False).rsample().log()).sum().backward()
        return leaf.grad.numpy()

    return gradient
