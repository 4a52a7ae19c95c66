"""Cells of tables as facts: every spelling that published sets use is mapped here, and what is none of them is counted.

A cell that cannot be read makes one fact of one image unknown. It does not stop a build, unless such cells are more than
`data.max_unknown_percent` of those of their kind.
"""

import functools
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from data_prep.schema import UNKNOWN_AGE
from dirvae.labels import BLANK, NEGATIVE, POSITIVE, UNCERTAIN, UNLABELLED, canonical

MAX_AGE = 120
LABELS = {1.0: POSITIVE, 0.0: NEGATIVE, -1.0: UNCERTAIN}
NUMBER = re.compile(
    r"[+-]?\d+([.,]\d+)?(e[+-]?\d+)?"
)  # float() would also take `1.`, as a table that was cut off has it
LABEL_WORDS = {
    POSITIVE: "positive, pos, present, yes, y, true, t",
    NEGATIVE: "negative, neg, absent, no, n, false, f",
    UNCERTAIN: "uncertain, equivocal, possible",
}
LABEL_OF = {word: state for state, words in LABEL_WORDS.items() for word in words.split(", ")}
EMPTY = frozenset({"", "nan", "none", "null", "na", "n/a", "<na>", "nil", "-", "."})
SEXES = {
    "male": "Male",
    "m": "Male",
    "man": "Male",
    "female": "Female",
    "f": "Female",
    "w": "Female",
    "woman": "Female",
}
UNKNOWN_WORDS = EMPTY | {"unknown", "unk", "u", "o", "other", "?", "unspecified", "not stated"}
AGE = re.compile(
    r"P?(\d{1,3})(?:[.,]\d*)?\s*([YMWD]?)(?:R|RS|EAR|EARS|O|/O|EAR OLD|EARS OLD|ONTH|ONTHS|EEK|EEKS|AY|AYS)?\.?"
)
VIEWS = {
    "AP": "ap, ap horizontal, ap supine, ap portable, ap erect, portable, anteroposterior, antero-posterior",
    "PA": "pa, pa erect, posteroanterior, postero-anterior",
    "LATERAL": "lateral, ll, rl, l, lat, large lateral, xtable lateral, left lateral, right lateral",
    "FRONTAL": "frontal, front",
    "OTHER": "ap axial, pa axial, costal, ap lld, ap rld, pa lld, pa rld, lld, rld, lao, rao, lpo, rpo, swimmers, lordotic, "
    "ap lordotic, pa lordotic, oblique, decubitus",
}
VIEW_OF = {spelling: view for view, spellings in VIEWS.items() for spelling in spellings.split(", ")}


@functools.cache
def label_of(finding: str) -> str:
    """The kind of cells that label a finding, as errors name it; of labels in general without one."""
    return f"label of {finding}" if finding else "label"


@functools.lru_cache(maxsize=4096)
def label_state(text: str) -> int | None:
    """The state of a label in any spelling that is known, or None."""
    folded = text.lower().replace("\N{MINUS SIGN}", "-")
    if folded in EMPTY:
        return BLANK
    if NUMBER.fullmatch(folded):
        return LABELS.get(float(folded.replace(",", ".")))
    return LABEL_OF.get(folded)


class States(Mapping[str, int]):
    """The states of an image's labels by finding, a byte each: a data set has hundreds of thousands of them in memory."""

    __slots__ = ("_codes", "_places")

    def __init__(self, places: dict[str, int], codes: bytes) -> None:
        self._places, self._codes = (
            places,
            codes,
        )  # the position of each finding, shared by all rows; states above UNLABELLED

    def __getitem__(self, name: str) -> int:
        return self._codes[self._places[name]] + UNLABELLED

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)

    def __or__(self, other: Mapping[str, int]) -> dict[str, int]:
        return {**self, **other}


class Cells:
    """Reads cells, and remembers how many of each kind there were, which could not be read, and what else is to be said.

    `where` is anything whose text names the place of a cell, such as a line of a table.
    """

    def __init__(self) -> None:
        self.read: Counter[str] = Counter()
        self.odd: dict[str, Counter[str]] = {}
        self.first: dict[str, str] = {}  # kind -> where its first odd cell stands
        self.notices: list[str] = []  # sentences that a build and a run print
        self._codes: dict[str, int] = {}  # of texts that are labels
        self._places: dict[tuple[str, ...], dict[str, int]] = {}
        self._states: dict[tuple[int, bytes], States] = {}

    def label(self, text: str, where: object = "", finding: str = "") -> int:
        """The state of a label: 1, 0, -1 or nothing, in any spelling of those numbers, or a word such as `positive`.

        Labels of a `finding` are counted by themselves, so that one column which cannot be read is not lost among the others.
        """
        kind = label_of(finding)
        self.read[kind] += 1
        state = label_state(text)
        return self._unknown(kind, text, where, UNLABELLED) if state is None else state

    def labels(self, names: tuple[str, ...], texts: Iterable[str], where: object = "") -> States:
        """The states of an image's labels by finding, of stripped cells in the order of the findings' names."""
        texts = list(texts)
        try:
            codes = bytes([self._codes[text] for text in texts])
            self.read.update(map(label_of, names))
        except KeyError:  # a text for the first time, or one that cannot be read, which is counted each time
            states = [self.label(text, where, name) for name, text in zip(names, texts, strict=True)]
            self._codes |= {
                text: state - UNLABELLED for text, state in zip(texts, states, strict=True) if state != UNLABELLED
            }
            codes = bytes([state - UNLABELLED for state in states])
        return self._shared(names, codes)

    def _shared(self, names: tuple[str, ...], codes: bytes) -> States:
        """The states of these codes: images with equal labels share them."""
        if names not in self._places:
            self._places[names] = {name: place for place, name in enumerate(names)}
        places = self._places[names]
        key = (id(places), codes)
        if key not in self._states:
            self._states[key] = States(places, codes)
        return self._states[key]

    def sex(self, text: str, where: object = "") -> str:
        self.read["sex"] += 1
        folded = text.lower()
        if folded in UNKNOWN_WORDS:
            return "Unknown"
        return SEXES[folded] if folded in SEXES else self._unknown("sex", text, where, "Unknown")

    def view(self, text: str, where: object = "", kind: str = "view") -> str:
        """One of `data_prep.schema.VIEWS`; nothing stands for a view that the owners do not know.

        Where two columns tell of the view, `kind` says which one it is.
        """
        self.read[kind] += 1
        if text in VIEW_OF:
            return VIEW_OF[text]
        folded = " ".join(text.lower().replace("_", " ").split())
        if folded in UNKNOWN_WORDS:
            return "UNKNOWN"
        return VIEW_OF[folded] if folded in VIEW_OF else self._unknown(kind, text, where, "UNKNOWN")

    def age(self, text: str, where: object = "") -> int:
        """Whole years of 0 to 120; `63.0`, `60 years`, and DICOM's `063Y`, `018M`, `003W`, `010D` are read too."""
        self.read["age"] += 1
        if text.lower() in UNKNOWN_WORDS:
            return UNKNOWN_AGE
        match = AGE.fullmatch(text.upper())
        years = int(match[1]) // {"": 1, "Y": 1, "M": 12, "W": 52, "D": 365}[match[2]] if match else -1
        return years if 0 <= years <= MAX_AGE else self._unknown("age", text, where, UNKNOWN_AGE)

    def listed(self, names: Iterable[str], findings: Sequence[str], where: object = "") -> States:
        """The states of findings of which a cell names those that are present: the others are absent, odd names are counted.

        An empty cell says nothing of any finding: all are unlabelled, and it is counted as odd.
        """
        present, names = set(), list(names)
        if all(name.strip().lower() in EMPTY for name in names):
            self.read["finding"] += 1
            self._unknown("finding", "|".join(names), where, None)
            return self._shared(tuple(findings), bytes(len(findings)))
        for name in names:
            self.read["finding"] += 1
            if (finding := canonical(name)) in findings:
                present.add(finding)
            else:
                self._unknown("finding", name, where, None)
        codes = (POSITIVE if finding in present else NEGATIVE for finding in findings)
        return self._shared(tuple(findings), bytes(code - UNLABELLED for code in codes))

    def unknown(self, kind: str, text: str, where: object = "") -> None:
        """Counts something that a reader itself could not read, such as a finding's name, under a kind of its own."""
        self._unknown(kind, text, where, None)

    def notice(self, sentence: str) -> None:
        """Keeps a sentence that the user must see, such as on boxes of no image."""
        self.notices.append(sentence)

    def _unknown(self, kind: str, text: str, where: object, value):
        self.odd.setdefault(kind, Counter())[text] += 1
        self.first.setdefault(kind, str(where))
        return value
