"""Curves and dots with their intervals, drawn as inert markup on axes that several pictures can share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from markupsafe import Markup

from vulnscope.records.base import NotMeasured
from vulnscope.report.page import Curves, Dots, Range, Reference, Series
from vulnscope.report.visible import show_invisible

_COLOURS = ("var(--ink)", "var(--fixed)", "var(--vulnerable)", "var(--focus)", "var(--muted)")
_DASHES = ("", "6 3", "2 3", "8 3 2 3", "1 2")
_WIDTH, _HEIGHT, _LEFT, _BOTTOM, _TOP, _RIGHT = 420.0, 260.0, 40.0, 34.0, 10.0, 12.0
_ROW, _NAMES, _HEAD = 26.0, 96.0, 24.0
_FAINT = 'stroke-width="4" stroke-opacity="0.3"'
NOTHING = Markup('<p class="hint">No figure here could be measured.</p>')


def find_height(series: Sequence[Series], references: Sequence[Reference] = ()) -> Range | None:
    """[0.4, 1] or what the values and intervals need beyond; None where nothing was measured."""
    values = [float(v) for s in series for p in s.points for v in p[1:] if isinstance(v, int | float)]
    values += [float(value) for _, value in references if isinstance(value, int | float)]
    return Range(min(0.4, *values), max(1.0, *values)) if values else None


def draw_curves(block: Curves) -> Markup:
    """The lines on their axes, with a key; a sentence where nothing was measured."""
    series, references = block.series, block.references
    height = block.height or find_height(series, references)
    places = sorted({point[0] for each in series for point in each.points})
    if height is None or not places:
        return NOTHING
    axes = _Axes(block.width or Range(places[0], places[-1]), height)
    parts = [_draw_axes(axes, places, block)]
    keys: list[tuple[str, str, str]] = []
    for number, each in enumerate(series):
        colour = _COLOURS[number % len(_COLOURS)]
        parts.append(_draw_series(each, axes, colour))
        keys.append((each.name, colour, ""))
    for number, (name, value) in enumerate(references):
        if isinstance(value, NotMeasured):
            continue
        dash = _DASHES[1 + number % (len(_DASHES) - 1)]
        more = f'stroke-width="1.2" stroke-dasharray="{dash}"'
        parts.append(_line(_LEFT, _WIDTH - _RIGHT, axes.y(value), axes.y(value), "var(--ink)", more))
        keys.append((f"{name} {value:.2f}", "var(--ink)", dash))
    return _draw_figure(parts, keys, block.label, _HEIGHT)


def draw_dots(block: Dots) -> Markup:
    """The rows under one axis, with a key; a sentence where nothing was measured."""
    rows, names = block.rows, block.names
    measured = [each for _, own in rows for each in own if each is not None and not isinstance(each.value, NotMeasured)]
    if not measured:
        return NOTHING
    step = _ROW * max(1.0, len(names) / 3)
    height = _HEAD + step * len(rows) + 20

    def x(value: float) -> float:
        return _NAMES + value * (_WIDTH - _NAMES - _RIGHT)

    parts = []
    for tick in (0.0, 0.25, 0.5, 0.75, 1.0):
        stroke = "var(--muted)" if tick == 0.5 else "var(--line)"
        parts.append(_line(x(tick), x(tick), _HEAD - 4, height - 16, stroke))
        parts.append(_text(x(tick), 14, f"{tick:.2f}", "middle"))
    for place, (name, own) in enumerate(rows):
        top = _HEAD + place * step
        parts.append(_text(_NAMES - 10, top + step / 2 + 4, name, "end", is_soft=False))
        for number, each in enumerate(own):
            if each is None or isinstance(each.value, NotMeasured):
                continue
            y = top + step * (number + 1) / (len(own) + 1)
            colour = _COLOURS[number % len(_COLOURS)]
            if isinstance(each.low, float) and isinstance(each.high, float):
                parts.append(_line(x(each.low), x(each.high), y, y, colour, _FAINT))
            parts.append(_dot(x(each.value), y, colour))
    parts.append(_text(_WIDTH - _RIGHT, height - 2, "AUROC", "end"))
    keys = [(name, _COLOURS[number % len(_COLOURS)], "") for number, name in enumerate(names)]
    return _draw_figure(parts, keys, block.label, height)


class _Axes(NamedTuple):
    """From values to places in the picture."""

    across: Range
    up: Range

    def x(self, value: float) -> float:
        return _LEFT + self.across.share(value) * (_WIDTH - _LEFT - _RIGHT)

    def y(self, value: float) -> float:
        return _TOP + (1 - self.up.share(value)) * (_HEIGHT - _TOP - _BOTTOM)


def _draw_figure(parts: Sequence[Markup], keys: Sequence[tuple[str, str, str]], label: str, height: float) -> Markup:
    picture = Markup('<svg viewBox="0 0 {:.0f} {:.0f}" role="img" aria-label="{}">{}</svg>').format(
        _WIDTH, height, show_invisible(label), Markup("").join(parts)
    )
    return Markup('<figure class="figure">{}{}</figure>').format(picture, _draw_keys(keys))


def _draw_axes(axes: _Axes, places: Sequence[float], block: Curves) -> Markup:
    low, high = axes.up
    step = 0.1 if high - low <= 0.8 else 0.25
    ticks = [
        step * k for k in range(int(low / step) - 1, int(high / step) + 2) if low - 1e-9 <= step * k <= high + 1e-9
    ]
    parts = []
    for tick in ticks:
        parts.append(_line(_LEFT, _WIDTH - _RIGHT, axes.y(tick), axes.y(tick), "var(--line)"))
        parts.append(_text(_LEFT - 6, axes.y(tick) + 4, f"{tick:.2f}", "end"))
    every = max(1, -(-len(places) // 9))
    for place in places[::every]:
        name = block.x_names.get(place, f"{place:g}")
        parts.append(_text(axes.x(place), _HEIGHT - _BOTTOM + 16, name, "middle"))
    parts.append(_text(_WIDTH - _RIGHT, _HEIGHT - 2, block.x_label, "end"))
    parts.append(_text(0, _HEIGHT - 2, block.y_label, "start"))
    return Markup("").join(parts)


def _draw_series(series: Series, axes: _Axes, colour: str) -> Markup:
    points = [(axes.x(px), py, low, high) for px, py, low, high in series.points if not isinstance(py, NotMeasured)]
    line = " ".join(f"{x:.1f},{axes.y(y):.1f}" for x, y, *_ in points)
    bars = [
        _line(x, x, axes.y(float(low)), axes.y(float(high)), colour, _FAINT)
        for x, _, low, high in points
        if isinstance(low, int | float) and isinstance(high, int | float)
    ]
    curve = Markup('<polyline points="{}" fill="none" stroke="{}" stroke-width="1.6"/>').format(line, colour)
    return Markup("").join([*bars, curve, *(_dot(x, axes.y(y), colour) for x, y, *_ in points)])


def _line(x1: float, x2: float, y1: float, y2: float, stroke: str, more: str = "") -> Markup:
    return Markup('<line x1="{:.1f}" x2="{:.1f}" y1="{:.1f}" y2="{:.1f}" stroke="{}" {}/>').format(
        x1, x2, y1, y2, stroke, Markup(more)
    )


def _dot(x: float, y: float, colour: str) -> Markup:
    return Markup('<circle cx="{:.1f}" cy="{:.1f}" r="3" fill="{}"/>').format(x, y, colour)


def _text(x: float, y: float, text: str, anchor: str, *, is_soft: bool = True) -> Markup:
    return Markup('<text{} x="{:.1f}" y="{:.1f}" text-anchor="{}">{}</text>').format(
        Markup(' class="soft"' * is_soft), x, y, anchor, show_invisible(text)
    )


def _draw_keys(keys: Sequence[tuple[str, str, str]]) -> Markup:
    items = Markup("").join(
        Markup(
            '<li><svg viewBox="0 0 26 10" aria-hidden="true"><line x1="0" x2="26" y1="5" y2="5" stroke="{}" '
            'stroke-width="2" stroke-dasharray="{}"/></svg>{}</li>'
        ).format(colour, dash, show_invisible(name))
        for name, colour, dash in keys
    )
    return Markup('<ul class="keys">{}</ul>').format(items)
