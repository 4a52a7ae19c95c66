"""Explanations of a trained run: the methods, the images that are explained, and what is known of them.

| module | what it holds |
|---|---|
| methods | THE registry of explanation methods: one line here adds one |
| contract | what a method is built from, what it is asked, and what its maps are called |
| paths, attributions | the registered methods: those that follow a path, and those of the pixels |
| traversals | the paths themselves, and the published one |
| maps, gated | how the frames of a path become a map, and the gated map |
| setting | what a run offers to methods, gathered from its config |
| explainer | `dirvae.load`: one image in, predictions, path and maps out |
| selection | which images are explained |
| truth | what is known of them: exact effects or boxes |
| gallery, walks | cases for a report and an atlas; paths for the explorer |
| sanity | randomised weights, which a map should not survive |
"""
