"""The scores of a comparison of explanations: their headings, which values are good, and a sentence on what each is."""

from typing import NamedTuple

from dirvae.studies.tables import Better


class Score(NamedTuple):
    """A score's heading, which of its values are good, and a sentence on what it is."""

    title: str
    better: Better
    legend: str


MAP_SCORES: dict[str, Score] = {
    "rma": Score("RMA", "high", "RMA is the share of a map's mass within the true region, from 0 to 1; high is good."),
    "rma_skill": Score(
        "RMA skill", "high", "RMA skill sets it against the location prior: 0 is as good, 1 is perfect."
    ),
    "rra": Score(
        "RRA",
        "high",
        "RRA takes as many of the map's strongest pixels as the true region has; it is their share within the region.",
    ),
    "rra_skill": Score(
        "RRA skill", "high", "RRA skill sets it against the location prior: 0 is as good, 1 is perfect."
    ),
    "hit": Score("hit", "high", "Hit is the share of images whose strongest pixel lies in the true region."),
    "pixel_auroc": Score(
        "pixel AUROC", "high", "Pixel AUROC is the chance that a pixel within outranks one outside; .5 says nothing."
    ),
    "ncc": Score(
        "NCC", "high", "NCC is the correlation over pixels with the exact effect of the finding, from −1 to 1."
    ),
    "ncc_skill": Score("NCC skill", "high", "NCC skill sets it against the mean effect: 0 is as good, 1 is perfect."),
    "class_share": Score(
        "class share",
        "high",
        "Class share is the share of a map's mass on the one positive of four images; equal maps have .25. "
        "A path that stops once the finding is gone hardly moves on negatives; compare with the permuted direction.",
    ),
    "deletion": Score(
        "deletion",
        "low",
        "Deletion is the run's mean probability as the strongest pixels are blurred first; low is good.",
    ),
    "insertion": Score(
        "insertion", "high", "Insertion is the same as they come back into a blurred image; high is good."
    ),
    "road": Score(
        "ROAD",
        "high",
        "ROAD is by how much more the probability falls if the strongest pixels are imputed than if the weakest are. "
        "For deletion, insertion and ROAD, the map “Random” is chance.",
    ),
}
"""{score of a map: what it is}, in the order of the tables."""

PATH_SCORES: dict[str, Score] = {
    "l1": Score("change", "neither", "Change is the mean absolute difference of start and end, in grey levels of 1."),
    "unchanged_pixels": Score(
        "unchanged",
        "neither",
        "Unchanged is the share of pixels that differ by at most .01; high means a local change.",
    ),
    "way_back": Score(
        "way back",
        "low",
        "Way back is what is left of the change after a path back from the last picture, over the change. The path back ends at "
        "the target's certainty and not where the image started, so that even a perfectly reversible path does not reach 0.",
    ),
    "other_logits": Score(
        "other logits",
        "low",
        "Other logits is the mean change of other findings' logits over the explained one's, each in its own standard "
        "deviations. Logits are read from the code and not from the picture: a head with latents of its own has 0 by design.",
    ),
    "composition_1": Score(
        "decoded 1×",
        "low",
        "Decoded 1×, 2×, 3× is the mean difference from the image after so many encodings and decodings.",
    ),
    "composition_2": Score("decoded 2×", "low", ""),
    "composition_3": Score("decoded 3×", "low", ""),
    "validity": Score(
        "validity",
        "high",
        "Validity is the share of images in which an independent classifier no longer sees the finding, among those in which "
        "it saw it in the decoded start.",
    ),
    "effectiveness": Score(
        "left over", "low", "Left over is the independent classifier's probability of the finding at the end."
    ),
    "cout": Score(
        "COUT", "high", "COUT is 1 if few changed pixels flip the independent classifier's call, and −1 if none do."
    ),
    "severity_response": Score(
        "steps that add up",
        "high",
        "Steps that add up is the rank correlation of the distance gone with the amount of exact effect taken away.",
    ),
    "severity": Score(
        "severity",
        "neither",
        "Severity is the amount of the exact effect that is gone at the end: 1 is all of it, more an overshoot.",
    ),
}
"""{score of a path's end: what it is}, in the order of the tables."""
