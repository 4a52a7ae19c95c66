"""Cells of tables as facts: every spelling that published sets use is mapped here, and what is none of them is counted.

A cell that cannot be read makes one fact of one image unknown. It does not stop a build, unless such cells are more than
`data.max_unknown_percent` of those of their kind.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence

from data_prep.schema import UNKNOWN_AGE
from dirvae.labels import BLANK, NEGATIVE, POSITIVE, UNCERTAIN, UNLABELLED, canonical

MAX_AGE = 120
LABELS = {1.0: POSITIVE, 0.0: NEGATIVE, -1.0: UNCERTAIN}
EMPTY = frozenset({"", "nan", "none", "null", "na", "n/a", "<na>"})
SEXES = {"male": "Male", "m": "Male", "female": "Female", "f": "Female", "w": "Female"}
UNKNOWN_WORDS = EMPTY | {"unknown", "u", "o", "other", "?"}
VIEWS = {
    "AP": "ap, ap horizontal, ap supine, ap portable, portable, anteroposterior, antero-posterior",
    "PA": "pa, posteroanterior, postero-anterior",
    "LATERAL": "lateral, ll, rl, l, lat, large lateral, xtable lateral, left lateral, right lateral",
    "FRONTAL": "frontal, front",
    "OTHER": "ap axial, pa axial, costal, ap lld, ap rld, pa lld, pa rld, lld, rld, lao, rao, lpo, rpo, swimmers, lordotic, "
    "ap lordotic, pa lordotic, oblique, decubitus",
}
VIEW_OF = {spelling: view for view, spellings in VIEWS.items() for spelling in spellings.split(", ")}


class Cells:
    """Reads cells, and remembers how many of each kind there were and which could not be read."""

    def __init__(self) -> None:
        self.read: Counter[str] = Counter()
        self.odd: dict[str, Counter[str]] = {}
        self.first: dict[str, str] = {}  # kind -> where its first odd cell stands

    def label(self, text: str, where: str = "") -> int:
        """The state of a label written as a number: 1, 0, -1 or nothing, in any spelling of those numbers."""
        self.read["label"] += 1
        if text.lower() in EMPTY:
            return BLANK
        try:
            return LABELS[float(text.replace(",", "."))]
        except (ValueError, KeyError):
            return self._unknown("label", text, where, UNLABELLED)

    def sex(self, text: str, where: str = "") -> str:
        self.read["sex"] += 1
        folded = text.lower()
        if folded in UNKNOWN_WORDS:
            return "Unknown"
        return SEXES[folded] if folded in SEXES else self._unknown("sex", text, where, "Unknown")

    def view(self, text: str, where: str = "") -> str:
        """One of `data_prep.schema.VIEWS`; nothing stands for a view that the owners do not know."""
        self.read["view"] += 1
        folded = " ".join(text.lower().replace("_", " ").split())
        if folded in UNKNOWN_WORDS:
            return "UNKNOWN"
        return VIEW_OF[folded] if folded in VIEW_OF else self._unknown("view", text, where, "UNKNOWN")

    def age(self, text: str, where: str = "") -> int:
        """Whole years of 0 to 120; `63.0` and DICOM's `063Y`, `018M`, `003W`, `010D` are read too."""
        self.read["age"] += 1
        if text.lower() in UNKNOWN_WORDS:
            return UNKNOWN_AGE
        match = re.fullmatch(r"(\d{1,3})(?:[.,]\d*)?\s*([YMWD]?)", text.upper())
        years = int(match[1]) // {"": 1, "Y": 1, "M": 12, "W": 52, "D": 365}[match[2]] if match else -1
        return years if 0 <= years <= MAX_AGE else self._unknown("age", text, where, UNKNOWN_AGE)

    def listed(self, names: Iterable[str], findings: Sequence[str], where: str = "") -> dict[str, int]:
        """The states of findings of which a cell names those that are present: the others are absent, odd names are counted."""
        labels = dict.fromkeys(findings, NEGATIVE)
        for name in names:
            self.read["finding"] += 1
            if (finding := canonical(name)) in labels:
                labels[finding] = POSITIVE
            else:
                self._unknown("finding", name, where, None)
        return labels

    def unknown(self, kind: str, text: str, where: str = "") -> None:
        """Counts something that a reader itself could not read, such as a finding's name, under a kind of its own."""
        self._unknown(kind, text, where, None)

    def _unknown(self, kind: str, text: str, where: str, value):
        self.odd.setdefault(kind, Counter())[text] += 1
        self.first.setdefault(kind, where)
        return value
