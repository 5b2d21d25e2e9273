"""Is what a run left what it left before? Figures may differ as far as another processor moves them."""

from __future__ import annotations

import json
import math
import os
import re
from itertools import zip_longest
from typing import Any

IS_EXACT = os.environ.get("VULNSCOPE_BASELINES") == "exact"
"""On one machine nothing moves: then every figure must be the same."""

_FIGURE = re.compile(r"\d+(?:\.\d+)?(?:e[-+]?\d+)?")
_PIECE = re.compile(rf"{_FIGURE.pattern}|\S")
_NEAR = 1e-3
"""What is fitted to activations moves by more than these do, some 1e-4 from AVX2 to AVX-512."""
_AROUND = 60


def find_change(file: str, before: str, now: str, *, is_exact: bool = IS_EXACT) -> str | None:
    """The first place where `now` says something else than `before`, in words; None where both say the same."""
    if before == now:
        return None
    if is_exact:
        return _describe(before, now, _first_other(before, now))
    if file.endswith(".json"):
        return _compare_json(json.loads(before), json.loads(now), "")
    if file.endswith(".jsonl"):
        return _compare_json(*([json.loads(line) for line in text.splitlines()] for text in (before, now)), "")
    return _compare_words(before, now)


def _compare_json(before: Any, now: Any, place: str) -> str | None:
    if isinstance(before, dict) and isinstance(now, dict) and sorted(before) == sorted(now):
        return _first(_compare_json(before[key], now[key], f"{place}.{key}") for key in before)
    if isinstance(before, list) and isinstance(now, list) and len(before) == len(now):
        return _first(_compare_json(*both, f"{place}[{n}]") for n, both in enumerate(zip(before, now, strict=True)))
    if isinstance(before, str) and isinstance(now, str):
        found = _compare_words(before, now)
        return found and f"{place}: {found}"
    if type(before) is type(now) is float:
        is_same = math.isclose(before, now, rel_tol=_NEAR, abs_tol=_NEAR)
    else:
        is_same = type(before) is type(now) and before == now
    return None if is_same else f"{place}: was {before!r:.200}, is {now!r:.200}"


def _first(changes: Any) -> str | None:
    return next((change for change in changes if change is not None), None)


def _compare_words(before: str, now: str) -> str | None:
    """White space counts only as far as it ends a figure."""
    pieces = zip_longest(_PIECE.finditer(before), _PIECE.finditer(now))
    for old, new in pieces:
        if old is None or new is None:
            return _describe(before, now, min(len(before), len(now)))
        if old[0] != new[0] and not _is_near(old[0], new[0], before[old.end() : old.end() + 2]):
            return f"was {_around(before, old.start())}, is {_around(now, new.start())}"
    return None


def _is_near(before: str, now: str, after: str) -> bool:
    """Figures as they are written may differ by one in their last place; counts may not."""
    if not _FIGURE.fullmatch(before) or not _FIGURE.fullmatch(now):
        return False
    is_rounded = (
        "." in before or "e" in before or after.strip(" \N{NO-BREAK SPACE}\N{NARROW NO-BREAK SPACE}")[:1] in "%,]"
    )
    digits = len(before.partition("e")[0].partition(".")[2])
    power = int(before.partition("e")[2] or 0)
    last = 10.0 ** (power - digits)
    near = max(last, _NEAR * float(before), _NEAR if digits > 4 or power else 0.0)
    return is_rounded and abs(float(before) - float(now)) <= near * (1 + 1e-9)


def _first_other(before: str, now: str) -> int:
    return next(
        (n for n, (old, new) in enumerate(zip(before, now, strict=False)) if old != new), min(len(before), len(now))
    )


def _describe(before: str, now: str, place: int) -> str:
    return f"was {_around(before, place)}, is {_around(now, place)}"


def _around(text: str, place: int) -> str:
    return repr(text[max(0, place - _AROUND) : place + _AROUND])
