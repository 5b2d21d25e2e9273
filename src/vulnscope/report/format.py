"""How a number reads, the same on the page, in the terminal and in a sentence."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import zip_longest
from typing import Literal

from vulnscope.records.base import Estimate, NotMeasured, Number
from vulnscope.stats.multiplicity import IMPOSSIBLE, is_impossible

NOT_AVAILABLE = "n/a"
MINUS = "\N{MINUS SIGN}"

_MOST_DIGITS = 6

# Whole numbers that stand alone: not those of a name such as CWE-89, nor parts of 0.05.
_NUMBER = re.compile(r"(?<![\w.,-])(\d+(?:,\d{3})*)(?![\w.]|,\d)")

Scale = Literal["rate", "score"]


def format_number(value: Number, scale: Scale) -> str:
    """A rate as `52 %`, a score in [0, 1] as `0.52`; `n/a` where not measured."""
    if isinstance(value, NotMeasured):
        return NOT_AVAILABLE
    return f"{_percent(value)} %" if scale == "rate" else _decimal(value)


def format_interval(estimate: Estimate, scale: Scale) -> str:
    """`[46, 58]` or `[0.46, 0.58]`; empty where there is no interval."""
    if isinstance(estimate.low, NotMeasured) or isinstance(estimate.high, NotMeasured):
        return ""
    show = _percent if scale == "rate" else _decimal
    return f"[{show(estimate.low)}, {show(estimate.high)}]"


def format_estimate(estimate: Estimate, scale: Scale) -> str:
    """`52 % [46, 58]`."""
    return f"{format_number(estimate.value, scale)} {format_interval(estimate, scale)}".rstrip()


def format_signed(value: Number) -> str:
    """`+1.20`, `−0.31`, `+0.003`, `0.00`, or `n/a`: always a sign, for figures around zero."""
    if isinstance(value, NotMeasured):
        return NOT_AVAILABLE
    return _signed(value, 2)


def format_signed_interval(estimate: Estimate) -> str:
    """`[−0.10, +0.24]`; empty where there is no interval."""
    if isinstance(estimate.low, NotMeasured) or isinstance(estimate.high, NotMeasured):
        return ""
    return f"[{format_signed(estimate.low)}, {format_signed(estimate.high)}]"


def format_signed_estimate(estimate: Estimate) -> str:
    """`+0.12 [−0.10, +0.24]`."""
    return f"{format_signed(estimate.value)} {format_signed_interval(estimate)}".rstrip()


def format_change(value: Number, scale: Scale) -> str:
    """A change of a rate in points, `+3.2`; of a score as `+0.03`; `n/a` where not measured."""
    if isinstance(value, NotMeasured) or scale == "score":
        return format_signed(value)
    return _signed(100 * value, 1)


def format_change_interval(estimate: Estimate, scale: Scale) -> str:
    """`[−0.4, +6.1]`; empty where there is no interval."""
    if isinstance(estimate.low, NotMeasured) or isinstance(estimate.high, NotMeasured):
        return ""
    return f"[{format_change(estimate.low, scale)}, {format_change(estimate.high, scale)}]"


def show_number(value: Number, digits: int = 2, *, is_signed: bool = False) -> str:
    """A plain number, with its sign for differences but never for 0, or why it is missing."""
    if isinstance(value, NotMeasured):
        return f"n/a: {value.reason}"
    return _signed(value, digits) if is_signed else _keep_apart(value, digits, 0.0)


def show_estimate(estimate: Estimate | None, *, is_signed: bool = False, digits: int = 2) -> str:
    """`0.82 [0.79, 0.85]`, with signs for differences, or why it is missing."""
    if estimate is None:
        return ""
    if isinstance(estimate.value, NotMeasured):
        return f"n/a: {find_reason(estimate)}"
    text = show_number(estimate.value, digits, is_signed=is_signed)
    if isinstance(estimate.low, NotMeasured) or isinstance(estimate.high, NotMeasured):
        return f"{text} (no interval: {find_reason(estimate)})"
    ends = (show_number(end, digits, is_signed=is_signed) for end in (estimate.low, estimate.high))
    few = "" if estimate.coverage is None else f" (few groups: holds in {100 * estimate.coverage:.0f} %)"
    return f"{text} [{', '.join(ends)}]{few}"


def tell_coverages(estimates: Iterable[Estimate | Number]) -> list[str]:
    """`tell_coverage` of the intervals among them, each once, for a line under a table."""
    found = (tell_coverage(each) for each in estimates if isinstance(each, Estimate))
    return list(dict.fromkeys(each for each in found if each))


def tell_coverage(estimate: Estimate) -> str:
    """How sure an interval is where few groups carry it; empty where it is as sure as all others."""
    return (
        ""
        if estimate.coverage is None
        else f"few groups: such intervals hold the true value in {100 * estimate.coverage:.0f} % of cases"
    )


def format_p(value: Number) -> str:
    """`0.030`, `< 0.001`, `n/a`, or `cannot be found here`."""
    if isinstance(value, NotMeasured):
        return IMPOSSIBLE if is_impossible(value) else NOT_AVAILABLE
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def name_answer(says: str) -> str:
    """What an answer claims: `vulnerable`, `secure`, or `unparsed`; `fixed` is a label, of which no model knows."""
    return "secure" if says == "fixed" else says


def format_count(value: int) -> str:
    """`12,345`."""
    return f"{value:,}"


def find_reason(value: Number | Estimate) -> str | None:
    """Why a figure, or else its interval, is missing; None where both are there."""
    parts = (value.value, value.low, value.high) if isinstance(value, Estimate) else (value,)
    return next((part.reason for part in parts if isinstance(part, NotMeasured)), None)


def merge_reasons(reasons: Iterable[str]) -> list[str]:
    """Each kind of reason once, numbers that differ as a range: `too few groups (3–23, 30 needed)`."""
    kinds: dict[tuple[str, ...], list[list[str]]] = {}
    for reason in reasons:
        kinds.setdefault(kind_of_reason(reason), []).append(_NUMBER.findall(reason))
    return ["".join(_interleave(texts, zip(*found, strict=True))) for texts, found in kinds.items()]


def kind_of_reason(reason: str) -> tuple[str, ...]:
    """What `reason` says around its numbers."""
    return tuple(_NUMBER.split(reason)[::2])


def _interleave(texts: Sequence[str], columns: Iterable[Sequence[str]]) -> Iterator[str]:
    """Texts with the range of each column between them."""
    for text, column in zip_longest(texts, columns, fillvalue=()):
        yield str(text)
        ordered = sorted(set(column), key=lambda number: int(number.replace(",", "")))
        yield "–".join(dict.fromkeys((ordered[0], ordered[-1]))) if ordered else ""


def _percent(value: float) -> str:
    """Whole percents, except where rounding would turn some into none or most into all."""
    percent = round(100 * value, 9)  # the end of an interval may miss 1 by an ulp
    digits = 1 if 0 < percent < 0.95 or 99.05 < percent < 100 else 0
    return _keep_apart(percent, digits, 0.0, 100.0)


def _decimal(value: float) -> str:
    return _keep_apart(value, 2, 0.0, 1.0, most=3)


def _signed(value: float, digits: int) -> str:
    text = _keep_apart(value, digits, 0.0)
    return f"+{text}" if value > 0 and float(text) else text


def _keep_apart(value: float, digits: int, *ends: float, most: int = _MOST_DIGITS) -> str:
    """`value` with `digits` decimals, or as many more as keep it apart from the `ends` of its scale.

    A difference that a test shows would read 0.00 otherwise. What is closer than `most` digits show is the end.
    """
    for more in range(digits, most + 1):
        text = f"{value:.{more}f}"
        if float(text) not in ends or float(text) == value:
            return text.replace("-", MINUS) if float(text) else f"{0:.{digits}f}"
    return f"{0 if abs(value) < 0.5 else value:.{digits}f}"
