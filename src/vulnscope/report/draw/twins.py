"""Twins line by line on a page without scripts: one column, so that it reads on any screen."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from markupsafe import Markup

from vulnscope.report.draw.diff import diff_lines
from vulnscope.report.visible import show_invisible

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vulnscope.report.draw.diff import DiffRow, Segments

_CONTEXT = 3
_MANY_LINES = 120


def draw_twins(vulnerable: str, fixed: str) -> Markup:
    """The fixed twin as a change of the vulnerable one: lines only the one has, then those only the other has."""
    parts: list[Markup] = []
    rows = diff_lines(vulnerable, fixed)
    runs = [(kind, list(run)) for kind, run in groupby(rows, key=lambda row: row.kind)]
    for place, (kind, own) in enumerate(runs):
        if kind == "equal":
            parts += _draw_equal(own, is_first=place == 0, is_last=place == len(runs) - 1)
        else:
            parts += [_draw_line("−", "left", row.left) for row in own if row.left is not None]
            parts += [_draw_line("+", "right", row.right) for row in own if row.right is not None]
    if len(parts) > _MANY_LINES:
        parts = [*parts[:_MANY_LINES], _draw_fold(len(parts) - _MANY_LINES, "more lines")]
    body = Markup("\n").join(parts)
    return Markup('<table class="diff"><colgroup><col class="gutter"><col></colgroup><tbody>{}</tbody></table>').format(
        body
    )


def _draw_equal(rows: Sequence[DiffRow], *, is_first: bool, is_last: bool) -> list[Markup]:
    lines = [_draw_line("", "", row.left) for row in rows]
    head, tail = (0 if is_first else _CONTEXT), (0 if is_last else _CONTEXT)
    hidden = len(lines) - head - tail
    if hidden < 2:
        return lines
    return [*lines[:head], _draw_fold(hidden, "equal lines"), *lines[len(lines) - tail :]]


def _draw_line(sign: str, side: str, segments: Segments | None) -> Markup:
    text = Markup("").join(
        Markup("<mark>{}</mark>").format(show_invisible(part)) if number % 2 and sign else show_invisible(part)
        for number, part in enumerate(segments or ())
        if part
    )
    return Markup('<tr><td class="gutter {}">{}</td><td class="{}">{}</td></tr>').format(side, sign, side, text)


def _draw_fold(n: int, what: str) -> Markup:
    return Markup('<tr class="fold"><td colspan="2">{} {}</td></tr>').format(n, what)
