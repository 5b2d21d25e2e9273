"""Slices that differ from the rest, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vulnscope.report.format import format_number

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vulnscope.records.audit import Slice

_LANGUAGES = {"cpp": "C++", "csharp": "C#", "javascript": "JavaScript", "php": "PHP", "typescript": "TypeScript"}


def describe_by_language(overall: Slice, slices: Sequence[Slice]) -> str | None:
    """`answers by the language: 92 % of C and 14 % of Python called vulnerable`; None where none differs from the rest.

    Named are the two furthest apart of those that differ; a single one stands beside all.
    """
    own = [part for part in slices if part.kind == "language" and part.is_apart_in_yes_rate]
    if not own:
        return None
    named = sorted(own, key=lambda part: -float(part.yes_rate.value))
    rates = [f"{format_number(part.yes_rate.value, 'rate')} of {name_language(part.value)}" for part in named]
    first = rates[0]
    last = rates[-1] if len(rates) > 1 else f"{format_number(overall.yes_rate.value, 'rate')} of all"
    return f"answers by the language: {first} and {last} called vulnerable"


def name_slice(kind: str, value: str) -> str:
    """`CWE-787`, `Python`."""
    return name_language(value) if kind == "language" else value


def name_language(language: str) -> str:
    """`C`, `Python`, `C++`."""
    return _LANGUAGES.get(language, language.capitalize())
