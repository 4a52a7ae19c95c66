"""Every score of a code at once, each beside what a perfect code and a code of noise would get on the same labels.

Raw scores do not compare across data sets: labels that go together cap them even for the code z = y, and noise has a
modularity near one half. So a score is read as (score - null)/(ceiling - null), with the oracle's score as ceiling and the
mean over codes with permuted rows as null. What cannot be scored is refused, or left out and named with the reason.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float, Num

from dirvae.metrics import disentanglement, information
from dirvae.metrics.probes import ENOUGH, LabelledCodes, fewest, leakage, specificity

Blocks = Sequence[np.ndarray]


def normalised(score: float, ceiling: float, null: float) -> float:
    """(score - null)/(ceiling - null): 0 for a code of noise, 1 for the oracle.

    Raises:
      ValueError: where the oracle is not above noise, so that the scale has no length.
    """
    if not ceiling > null:
        raise ValueError(f"the oracle's score {ceiling:.3g} is not above that of permuted codes, {null:.3g}")
    return (score - null) / (ceiling - null)


def scores(
    train: LabelledCodes, test: LabelledCodes, blocks: Blocks | None = None, num_threads: int = 1, seed: int = 0
) -> dict:
    """{name: score}: an array [L] where the score is one of labels, a number where it is one of the whole code.

    Information is measured on test; classifiers and choices are made on train and scored on test; the importances are
    those of classifiers fitted on train. `specificity` needs blocks, one a label.
    """
    entropy = information.label_entropy(test.target, test.weight)
    shared = information.mutual_information(information.discretise(test.code), test.target, test.weight)
    active = information.active_latents(test.code)
    importances = disentanglement.dci(disentanglement.gain_importances(train, num_threads, seed))
    measured = {
        "aug": disentanglement.aug(train, test).value,
        "sap": disentanglement.sap(train, test).value,
        "mig": information.mig(shared, entropy),
        "modularity": information.modularity(shared),
        "infom": information.infom(shared / entropy, active),
        "infoe": information.infoe(train, test),
        "infoc": information.infoc(shared / entropy, active),
        "dci_d": importances.disentanglement,
        "dci_c": importances.completeness,
    }
    return measured if blocks is None else measured | {"specificity": specificity(train, test, blocks)}


def oracle(split: LabelledCodes, prevalence: Float[np.ndarray, " L"]) -> LabelledCodes:
    """The code z = y, one latent a label; where a label is not known, its prevalence."""
    return split._replace(code=np.where(split.weight > 0, split.target, prevalence).astype(np.float64))


def permuted(split: LabelledCodes, rng: np.random.Generator) -> LabelledCodes:
    """A code whose rows are dealt to other examples: latents keep their joint distribution and lose the labels."""
    return split._replace(code=split.code[rng.permutation(len(split.code))])


def _means(measured: Mapping) -> dict[str, float]:
    return {name: float(np.mean(value)) for name, value in measured.items()}


def ceilings(
    train: LabelledCodes, test: LabelledCodes, blocks: Blocks | None = None, num_threads: int = 1
) -> dict[str, float]:
    """Scores of the oracle, the block of a label being its latent."""
    prevalence = (train.weight * train.target).sum(axis=0) / train.weight.sum(axis=0, dtype=np.float64)
    own = None if blocks is None else [np.array([label]) for label in range(len(blocks))]
    return _means(scores(oracle(train, prevalence), oracle(test, prevalence), own, num_threads))


def nulls(
    train: LabelledCodes,
    test: LabelledCodes,
    blocks: Blocks | None,
    permutations: int,
    num_threads: int = 1,
    seed: int = 0,
) -> dict[str, float]:
    """Mean scores of codes whose rows are permuted, within train and within test."""
    rng = np.random.default_rng(seed)
    drawn = [
        _means(scores(permuted(train, rng), permuted(test, rng), blocks, num_threads)) for _ in range(permutations)
    ]
    return {name: float(np.mean([draw[name] for draw in drawn])) for name in drawn[0]}


def panel(
    train_code: Float[np.ndarray, "N D"],
    train_target: Num[np.ndarray, "N L"],
    train_weight: Num[np.ndarray, "N L"],
    test_code: Float[np.ndarray, "M D"],
    test_target: Num[np.ndarray, "M L"],
    test_weight: Num[np.ndarray, "M L"],
    labels: Sequence[str],
    blocks: Mapping[str, Sequence[int]] | None = None,
    permutations: int = 0,
    enough: int = ENOUGH,
    num_threads: int = 1,
    seed: int = 0,
) -> dict:
    """All scores of a code, with ceilings, and with nulls and normalised scores where there are permutations.

    Returns {"scores", "ceilings"[, "nulls", "normalised"]: {name: mean over labels}, "labels": {label: {name: score}},
    "winners": {label: latent of its AUG}[, "leakage": {label: {label: value}}], "excluded": {"labels", "latents", "scores"}},
    where excluded says of each thing left out, why. A constant latent tells nothing of any label, and no mean is over it.

    Args:
      blocks: the latents assigned to each label, for specificity and leakage.
      enough: positives, and negatives, that a label needs in train and in test.

    Raises:
      ValueError: for codes that are not finite, targets or weights other than 0 and 1, fewer than two latents or labels, or
        blocks that do not fit.
    """
    splits = {
        "train": _blanked(LabelledCodes(train_code, train_target, train_weight)),
        "test": _blanked(LabelledCodes(test_code, test_target, test_weight)),
    }
    check(splits, labels)
    rare = too_rare(splits, labels, enough)
    names = [label for label in labels if label not in rare]
    if len(names) < 2:
        raise ValueError(f"fewer than two labels can be scored: {rare}")
    kept = [label not in rare for label in labels]
    train, test = (LabelledCodes(s.code, s.target[:, kept], s.weight[:, kept]) for s in splits.values())
    assigned = None if blocks is None else _assigned(blocks, names, train.code.shape[1])
    measured, ceiling = scores(train, test, assigned, num_threads, seed), ceilings(train, test, assigned, num_threads)
    result = {
        "scores": _means(measured),
        "ceilings": ceiling,
        "labels": {n: {k: float(v[c]) for k, v in measured.items() if np.ndim(v)} for c, n in enumerate(names)},
        "winners": dict(zip(names, disentanglement.aug(train, test).winner.tolist(), strict=True)),
        "excluded": {"labels": rare, "latents": constant_latents(splits), "scores": {}},
    }
    if assigned is not None:
        table = leakage(train, test, assigned, enough).tolist()
        result["leakage"] = {n: dict(zip(names, row, strict=True)) for n, row in zip(names, table, strict=True)}
    if permutations:
        null = nulls(train, test, assigned, permutations, num_threads, seed)
        result["nulls"] = null
        result["normalised"], result["excluded"]["scores"] = _normalised(result["scores"], ceiling, null)
    return result


def _normalised(score: dict, ceiling: dict, null: dict) -> tuple[dict[str, float], dict[str, str]]:
    """{name: normalised score}, and {name: reason} of those that have no scale."""
    scaled, reasons = {}, {}
    for name in score:
        try:
            scaled[name] = normalised(score[name], ceiling[name], null[name])
        except ValueError as reason:
            reasons[name] = f"not normalised: {reason}"
    return scaled, reasons


def _blanked(split: LabelledCodes) -> LabelledCodes:
    """Targets that are not known as 0, whatever stood there."""
    return split._replace(target=np.where(split.weight > 0, split.target, 0))


def _assigned(blocks: Mapping[str, Sequence[int]], labels: Sequence[str], latents: int) -> Blocks:
    missing = [label for label in labels if not len(blocks.get(label, ()))]
    if missing:
        raise ValueError(f"no latents are assigned to {', '.join(missing)}")
    assigned = [np.asarray(blocks[label], np.int64) for label in labels]
    if not all(((block >= 0) & (block < latents)).all() for block in assigned):
        raise ValueError(f"blocks name latents outside 0 to {latents - 1}")
    return assigned


def too_rare(splits: Mapping[str, LabelledCodes], labels: Sequence[str], enough: int) -> dict[str, str]:
    """{label: reason} of the labels that lack positives or negatives in one of the splits."""
    reasons = {}
    for name, split in splits.items():
        known, positives = split.weight.sum(axis=0), (split.weight * split.target).sum(axis=0)
        for column in np.flatnonzero(fewest(split) < enough):
            counts = f"{int(positives[column])} positives and {int(known[column] - positives[column])} negatives"
            reasons.setdefault(labels[column], f"{counts} in {name}, of {enough} needed of each")
    return reasons


def constant_latents(splits: Mapping[str, LabelledCodes]) -> dict[int, str]:
    """{latent: reason} of the latents that do not vary in one of the splits."""
    reasons = {}
    for name, split in splits.items():
        for latent in np.flatnonzero(np.ptp(split.code, axis=0) == 0).tolist():
            reasons.setdefault(latent, f"constant in {name}")
    return reasons


def check(splits: Mapping[str, LabelledCodes], labels: Sequence[str]) -> None:
    """Raises ValueError, in one sentence, for arrays from which no score should be made."""
    for name, (code, target, weight) in splits.items():
        if target.shape[1] != len(labels):
            raise ValueError(f"{name} has targets of {target.shape[1]} labels, but {len(labels)} names were given")
        if code.shape[1] < 2:
            raise ValueError(f"the code has {code.shape[1]} latent: a gap between the best two needs two")
        strange = np.flatnonzero(~np.isfinite(code).all(axis=0))
        if strange.size:
            raise ValueError(f"the {name} code is not finite in latents {strange.tolist()}")
        if not np.isin(weight, (0, 1)).all():
            raise ValueError(f"the {name} weights are not all 0 or 1")
        odd = np.flatnonzero((~np.isin(target, (0, 1)) & (weight > 0)).any(axis=0))
        if odd.size:
            raise ValueError(f"the {name} targets of {', '.join(labels[c] for c in odd)} are not all 0 or 1")
