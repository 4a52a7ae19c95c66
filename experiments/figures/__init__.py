"""Pictures of the pages, and the commands that draw them: `paths` draws the front page's picture.

`phantom.png` is one test image of the phantom, for trying an explainer.
"""
