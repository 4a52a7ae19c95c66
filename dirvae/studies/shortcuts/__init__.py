"""The study of shortcuts: what a classifier relies on, and whether its explanations tell."""
