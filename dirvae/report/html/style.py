"""One look for every figure.

Images are grey, 0 black to 1 white. Differences are signed: red is what a finding adds (brighter with it), blue what it
takes away, white nothing. The colours keep apart under the common colour-vision deficiencies.
"""

import matplotlib

matplotlib.use("Agg")

WIDTH = 11.3  # inches of a figure that fills a page's column, where 9 points are then read as about 12 pixels
INK, ACCENT, SECOND, FAINT, QUIET, BOX = "#1d2a35", "#0b6e8f", "#d1690e", "#c3ced5", "#566672", "#ffd21f"
SIGNED = "RdBu_r"
UNSIGNED = "#ffb218"  # of maps without a sign
RULES = {
    "font.family": "sans-serif",
    "font.size": 9,
    "axes.edgecolor": QUIET,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 9,
    "axes.titleweight": "bold",
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "figure.facecolor": "white",
    "legend.frameon": False,
    "legend.fontsize": 8,
    "lines.linewidth": 1.6,
}
