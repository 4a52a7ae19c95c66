"""Networks: what is learned between images, latents and labels.

| module | what it holds |
|---|---|
| layers | blocks that halve and double an image |
| encoder | images to the features of a posterior |
| decoder | latents to a distribution over pixels |
| classifier | latents to logits |
"""
