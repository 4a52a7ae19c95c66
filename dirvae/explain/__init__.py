"""Explanations of a trained run: traversals, attributions, maps, and what they are checked against."""
