"""Dirichlet and Gaussian variational autoencoders for chest X-rays, and the evidence of what their latents learned."""
