"""Configurations of the phantom: `clean`, and `shortcut` with one confounder tied to one finding."""

from dataclasses import asdict, dataclass

from data_prep.phantom.factors import CONFOUNDERS, PATHOLOGIES

TEST_SPLITS = ("test", "test_rho0", "test_flipped", "test_independent", "test_heldout")


@dataclass(frozen=True)
class PhantomConfig:
    """Sizes in images. `rho` in [-1, 1] is how strongly `confounder` follows `shortcut_finding` in train, validation and
    test; test_rho0 sets it to 0, test_flipped to -rho. With rho 0 the confounders are independent of all pathologies."""

    name: str = "clean"
    train: int = 4000
    validation: int = 500
    test: int = 1000  # of each test split
    confounder: str = "token"
    shortcut_finding: str = "Pleural Effusion"
    rho: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        if not -1.0 <= self.rho <= 1.0:
            raise ValueError(f"rho is {self.rho}; it must lie between -1 and 1")
        if self.confounder not in CONFOUNDERS:
            raise ValueError(f"{self.confounder!r} is not a confounder; choose one of {', '.join(CONFOUNDERS)}")
        if self.shortcut_finding not in PATHOLOGIES:
            raise ValueError(f"{self.shortcut_finding!r} is not a pathology; choose one of {', '.join(PATHOLOGIES)}")

    def splits(self) -> dict[str, int]:
        """Images of each split."""
        return {"train": self.train, "validation": self.validation, **dict.fromkeys(TEST_SPLITS, self.test)}

    def strength(self, split: str) -> float:
        """rho in a split."""
        return {"test_rho0": 0.0, "test_flipped": -self.rho}.get(split, self.rho)

    def asdict(self) -> dict:
        return asdict(self)


def named(name: str, train: int, validation: int, test: int, seed: int, confounder: str, rho: float) -> PhantomConfig:
    """`clean` (no shortcut) or `shortcut` (the treatment shortcut: a drain after pneumothorax, or any other)."""
    if name == "clean":
        return PhantomConfig(name, train, validation, test, seed=seed)
    finding = "Pneumothorax" if confounder == "drain" else "Pleural Effusion"
    return PhantomConfig(name, train, validation, test, confounder, finding, rho, seed)
