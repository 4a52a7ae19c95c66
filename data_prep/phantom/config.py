"""Configurations of the phantom: `clean` without shortcuts, `shortcut` with one confounder tied to one finding."""

import difflib
from dataclasses import asdict, dataclass

from data_prep.phantom.factors import CONFOUNDERS, PATHOLOGIES
from data_prep.source import SourceError

TEST_SPLITS = ("test", "test_rho0", "test_flipped", "test_independent", "test_heldout")
SPLITS = ("train", "validation", *TEST_SPLITS)
SITE = "site"  # the hospital, as a confounder: it shows only in the token and the scanner that go with it
TREATED = {"drain": "Pneumothorax"}  # confounders that are a treatment, and what they treat


class PhantomError(SourceError):
    """A configuration of the phantom that cannot be."""


@dataclass(frozen=True)
class PhantomConfig:
    """These fields say what is drawn, and how images, patients and labels hang together.

    The splits train, validation and test follow `rho`. test_rho0 sets it to 0 and test_flipped to -rho. In test_independent all
    factors are independent, with the marginal rates of the others. test_heldout shows a pair of findings that never occurs
    together elsewhere.
    """

    name: str = "clean"
    train: int = 4000  # images
    validation: int = 500  # images
    test: int = 1000  # images of each test split
    confounder: str = "token"  # a confounder of `factors.CONFOUNDERS`, or "site"
    finding: str = "Pleural Effusion"  # the pathology that it follows
    rho: float = 0.0  # in [-1, 1], how strongly: see `population.confounder_probability`
    view_effect: float = 0.25  # 0: AP and PA alike, 1: devices and edema follow the view as in CheXpert
    label_noise: float = 0.5  # of training labels; 0: the truth, 1: uncertain and wrong as often as in CheXpert
    blank: float = 0.7  # share of negatives that training reports do not mention
    image_size: int = 64  # pixels
    seed: int = 0

    def __post_init__(self) -> None:
        _one_of("phantom confounder", self.confounder, (*CONFOUNDERS, SITE))
        _one_of("phantom finding", self.finding, PATHOLOGIES)
        for split in ("train", "validation", "test"):
            if getattr(self, split) < 1:
                raise PhantomError(
                    f"the phantom's split {split} has {getattr(self, split)} images; it needs at least 1"
                )
        if self.seed < 0:
            raise PhantomError(f"the phantom's seed is {self.seed}; it must not be negative")
        if not -1.0 <= self.rho <= 1.0:
            raise PhantomError(f"rho is {self.rho:g}; it must lie between -1 and 1")
        for field in ("view_effect", "label_noise", "blank"):
            if not 0.0 <= getattr(self, field) <= 1.0:
                raise PhantomError(f"{field} is {getattr(self, field):g}; it must lie between 0 and 1")

    def splits(self) -> dict[str, int]:
        """Images of each split."""
        return {"train": self.train, "validation": self.validation, **dict.fromkeys(TEST_SPLITS, self.test)}

    def strength(self, split: str) -> float:
        """rho in a split."""
        return {"test_rho0": 0.0, "test_flipped": -self.rho, "test_independent": 0.0}.get(split, self.rho)

    def asdict(self) -> dict:
        return asdict(self)


def named(
    name: str,
    train: int = 4000,
    validation: int = 500,
    test: int = 1000,
    seed: int = 0,
    confounder: str = "token",
    rho: float = 0.9,
    image_size: int = 64,
) -> PhantomConfig:
    """`clean`, which has no shortcut (confounder and rho are left out), or `shortcut`.

    A treatment follows what it treats (a drain the pneumothorax), any other confounder the pleural effusion.

    Raises:
      PhantomError: for an unknown name or confounder, or an impossible rho.
    """
    _one_of("phantom", name, ("clean", "shortcut"))
    common = {"name": name, "train": train, "validation": validation, "test": test, "seed": seed}
    if name == "clean":
        return PhantomConfig(**common, image_size=image_size)
    finding = TREATED.get(confounder, "Pleural Effusion")
    shortcut = {"confounder": confounder, "finding": finding, "rho": rho, "view_effect": 1.0, "label_noise": 1.0}
    return PhantomConfig(**common, **shortcut, image_size=image_size)


def _one_of(what: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        near = difflib.get_close_matches(value, known, n=1, cutoff=0.0)[0]
        raise PhantomError(f"{what} {value!r} is not one of {', '.join(known)}; did you mean {near!r}?")
