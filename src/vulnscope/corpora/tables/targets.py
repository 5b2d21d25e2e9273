"""Labels of published tables: 1 for vulnerable, 0 for not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vulnscope.corpora.code.text import RowError

if TYPE_CHECKING:
    from vulnscope.corpora.samples import Label

_LABELS: dict[str, Label] = {"1": "vulnerable", "0": "fixed", "true": "vulnerable", "false": "fixed"}


def read_target(value: str) -> Label:
    """The label of a 0/1 or true/false column; raises `RowError` on anything else."""
    label = _LABELS.get(value.strip().lower())
    if label is None:
        raise RowError(f"label {value!r} is outside the set: {', '.join(_LABELS)}")
    return label
