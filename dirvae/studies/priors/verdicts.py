"""The words in which a study says what its numbers show: each follows from an interval, a p value and a count of seeds."""

from enum import Enum
from typing import NamedTuple

from dirvae.metrics import bootstrap, comparison
from dirvae.metrics.comparison import Difference

SURE = 0.05  # adjusted p below which a difference counts as shown
FEWEST = 3  # seeds of an arm below which nothing is decided


class Verdict(Enum):
    """A verdict says what holds of the first arm beside the second on one endpoint."""

    SUPERIOR = "superior"
    INFERIOR = "inferior"
    SUPERIOR_UNCORRECTED = "superior before correction"
    INFERIOR_UNCORRECTED = "inferior before correction"
    NOT_WORSE = "not worse"
    LOSS_POSSIBLE = "loss not excluded"
    ABOVE = "above"
    BELOW = "below"
    NOT_SHOWN = "no difference shown"
    OPEN = "open"


class FlawVerdict(Enum):
    """A flaw's verdict says what it does to the difference of two arms."""

    NO_EFFECT = "no effect shown"
    SIGN = "changes the sign"
    HIDES = "hides it"
    MAKES_UP = "makes one up"
    ENLARGES = "enlarges it"
    SHRINKS = "shrinks it"
    MOVES = "moves it"


class AdjustedP(NamedTuple):
    """A p value, adjusted by Holm; `at_floor` says that no replicate lay beyond the bound, so that p is an upper limit."""

    p: float
    at_floor: bool


class Judgement(NamedTuple):
    """A difference of two arms on one endpoint, with what may be said of it."""

    difference: Difference
    resolvable: float  # the true difference that a two-sided test at .05 finds with a power of 80 %
    test: AdjustedP | None  # None where the difference is described and not tested
    seeds: int  # of the arm that has the fewest
    verdict: Verdict


def side(difference: Difference) -> int:
    """The sign of a difference whose interval leaves out 0, else 0."""
    low, high = difference.interval
    return int(low > 0) - int(high < 0)


def described(difference: Difference, seeds: int) -> Judgement:
    """A difference of which no claim was made beforehand."""
    verdict = (Verdict.BELOW, Verdict.NOT_SHOWN, Verdict.ABOVE)[side(difference) + 1]
    return Judgement(difference, comparison.resolution(difference), None, seeds, verdict)


def superiority(difference: Difference, test: AdjustedP | None, seeds: int) -> Judgement:
    """A difference that was to be above 0; open where it has no test, since seeds are too few."""
    if test is None:
        return described(difference, seeds)._replace(verdict=Verdict.OPEN)
    shown = test.p < SURE
    verdicts = {
        1: Verdict.SUPERIOR if shown else Verdict.SUPERIOR_UNCORRECTED,
        -1: Verdict.INFERIOR if shown else Verdict.INFERIOR_UNCORRECTED,
        0: Verdict.NOT_SHOWN,
    }
    return Judgement(difference, comparison.resolution(difference), test, seeds, verdicts[side(difference)])


def no_loss(difference: Difference, test: AdjustedP | None, seeds: int) -> Judgement:
    """A difference that was not to be below minus the margin, which is what `test` is of."""
    verdict = Verdict.OPEN if test is None else Verdict.NOT_WORSE if test.p < SURE else Verdict.LOSS_POSSIBLE
    return Judgement(difference, comparison.resolution(difference), test, seeds, verdict)


def at_floor(p: float, difference: Difference, sides: int = 2) -> bool:
    """Tells whether a raw p is the smallest that so many replicates can give to a test of one or two sides."""
    return p <= sides / 2 * bootstrap.floor(len(difference.replicates))


def word(judgement: Judgement | None, margin: float) -> str:
    """A verdict in a word or two, as plain text."""
    if judgement is None:
        return f"{Verdict.OPEN.value}: not finished"
    verdict = judgement.verdict
    if verdict is Verdict.OPEN:
        return f"{verdict.value}: {judgement.seeds} of {FEWEST} seeds"
    if verdict is Verdict.NOT_WORSE:
        return f"{verdict.value} by {short(margin)}"
    return f"loss of {short(margin)} not excluded" if verdict is Verdict.LOSS_POSSIBLE else verdict.value


def short(value: float) -> str:
    """A number below 1 without its leading 0."""
    return f"{value:g}".removeprefix("0")
