"""Do answers agree: of two ways to read one model, and of repeats of one question.

Cohen's kappa (1960) is the agreement beyond that of two independent readers with the same habits: 0 is none, 1 is
perfect. Two readers who always say the same one word agree fully and have no kappa.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence

from vulnscope.records.base import NotMeasured, Number


def cohen_kappa(one: Sequence[Hashable], other: Sequence[Hashable]) -> Number:
    """Agreement beyond chance, at most 1; `NotMeasured` without items, or where both give one and the same answer."""
    n = len(one)
    if not n:
        return NotMeasured(reason="no items")
    agreed = sum(a == b for a, b in zip(one, other, strict=True)) / n
    counts, others = Counter(one), Counter(other)
    expected = sum(counts[answer] * others[answer] for answer in counts) / n**2
    if expected == 1:
        return NotMeasured(reason="both give one and the same answer to everything")
    return (agreed - expected) / (1 - expected)


def repeat_agreement(answers: Sequence[Hashable]) -> Number:
    """Probability that two different repeats give the same answer; `NotMeasured` with fewer than two."""
    n = len(answers)
    if n < 2:
        return NotMeasured(reason=f"{n} repeat; agreement needs two")
    return sum(k * (k - 1) for k in Counter(answers).values()) / (n * (n - 1))
