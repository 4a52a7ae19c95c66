"""The study of shortcuts: what a classifier relies on by intervention, and whether its explanations detect it.

`reliance` measures one model, `detection` sets many models' explanations against their reliance, and `tables` shows the result.
"""
