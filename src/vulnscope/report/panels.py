"""Parts of pages that are drawn without scripts: heat maps, curves and tables of figures as inert markup.

Every panel takes records and gives `Markup`; nothing here computes a figure, only where it stands. All text is escaped.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from markupsafe import Markup

from vulnscope.records.audit import CorpusInfo, LeftOut, SubjectInfo
from vulnscope.records.base import Estimate, NotMeasured, Number
from vulnscope.report import assets
from vulnscope.report.format import find_reason, show_invisible
from vulnscope.report.view import is_synthetic

_STYLE = """
.figure { max-width: 640px; margin: 0 0 12px; }
.figure svg { display: block; width: 100%; height: auto; overflow: visible; }
.figure text { font: 12px system-ui, sans-serif; fill: var(--ink); }
.figure .soft { fill: var(--muted); }
.keys { display: flex; flex-wrap: wrap; gap: 4px 18px; margin: 6px 0 0; padding: 0; }
.keys li { list-style: none; font-size: 0.86rem; }
.figure .keys svg { display: inline-block; width: 26px; height: 10px; margin-right: 6px; vertical-align: middle; }
.map { width: auto; border-spacing: 2px; }
.map th, .map td { border: 0; padding: 3px 8px; text-align: center; white-space: nowrap; }
.map th { color: var(--muted); font-size: 0.8rem; }
.map td svg { display: block; width: 62px; height: 28px; }
.map td text { font: 12px system-ui, sans-serif; fill: var(--ink); }
"""

_COLOURS = ("var(--ink)", "var(--fixed)", "var(--vulnerable)", "var(--focus)", "var(--muted)")
_DASHES = ("", "6 3", "2 3", "8 3 2 3", "1 2")
_WIDTH, _HEIGHT, _LEFT, _BOTTOM, _TOP, _RIGHT = 420.0, 260.0, 40.0, 34.0, 10.0, 12.0


class Series(NamedTuple):
    """A named line: points of x, value, and its interval where there is one."""

    name: str
    points: Sequence[tuple[float, Number, Number | None, Number | None]]


class Tile(NamedTuple):
    """One field of a heat map: what is written there, how strong the colour is (−1 to 1), and what a pointer shows."""

    text: str
    strength: float | None
    tip: str
    is_marked: bool = False


def render_page(title: str, kind: str, sentence: str, sections: Sequence[tuple[str, Markup]], facts: Markup) -> str:
    """A page of panels that opens from disk, loads nothing and runs nothing."""
    style = str(assets.read_asset("templates/page.css")) + _STYLE
    source = assets.hash_source(style)
    policy = f"default-src 'none'; style-src {source}; img-src data:; base-uri 'none'; form-action 'none'"
    links = Markup("").join(
        Markup('<a href="#s{}">{}</a>').format(number, name) for number, (name, _) in enumerate(sections)
    )
    body = Markup("\n").join(
        Markup('<section id="s{}"><h2>{}</h2>\n{}</section>').format(number, name, panel)
        for number, (name, panel) in enumerate(sections)
    )
    return str(
        Markup(
            '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
            '<meta http-equiv="Content-Security-Policy" content="{}">\n'
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
            '<meta name="color-scheme" content="light dark">\n<title>{} · Vulnscope</title>\n<style>{}</style>\n'
            '</head>\n<body>\n<header class="top"><p class="brand">Vulnscope <span>{}</span></p>'
            '<nav aria-label="Sections">{}</nav></header>\n<main>\n<section class="verdict"><h1>{}</h1>\n{}</section>\n'
            "{}\n</main>\n</body>\n</html>\n"
        ).format(policy, clean(title), Markup(style), kind, links, clean(sentence), facts, body)
    )


def draw_facts(subject: SubjectInfo, corpus: CorpusInfo, more: Sequence[tuple[str, str, str]] = ()) -> Markup:
    """Model and corpus, and further facts of (name, value, note)."""
    made = "generated code, " if is_synthetic(corpus) else ""
    facts = [
        (
            "Model",
            subject.name,
            f"{subject.architecture}, {subject.n_parameters:,} parameters, {subject.dtype} on {subject.device}",
        ),
        (
            "Corpus",
            corpus.name,
            f"{made}{corpus.n_samples:,} samples in {corpus.n_pairs:,} pairs and {corpus.n_groups:,} groups, grouped "
            f"{corpus.grouping}",
        ),
        *more,
    ]
    rows = Markup("").join(
        Markup("<div><dt>{}</dt><dd><b>{}</b><small>{}</small></dd></div>").format(name, clean(value), clean(note))
        for name, value, note in facts
    )
    return Markup('<dl class="facts">{}</dl>').format(rows)


def draw_table(heads: Sequence[str], rows: Sequence[Sequence[object]]) -> Markup:
    """A table whose first column names its rows; on a narrow page it scrolls by itself."""
    head = Markup("").join(Markup("<th scope='col'>{}</th>").format(text) for text in heads)
    body = Markup("\n").join(
        Markup("<tr><th scope='row'>{}</th>{}</tr>").format(
            clean(row[0]), Markup("").join(Markup("<td>{}</td>").format(clean(cell)) for cell in row[1:])
        )
        for row in rows
    )
    return Markup('<div class="scroll"><table><thead><tr>{}</tr></thead><tbody>{}</tbody></table></div>').format(
        head, body
    )


def draw_map(
    corner: str, columns: Sequence[str], rows: Sequence[tuple[str, Sequence[Tile | None]]], *, caption: str = ""
) -> Markup:
    """A heat map as a table: blue for high, orange for low, the figure always written out."""
    head = Markup("").join(Markup("<th scope='col'>{}</th>").format(name) for name in (corner, *columns))
    body = Markup("\n").join(
        Markup("<tr><th scope='row'>{}</th>{}</tr>").format(
            clean(name), Markup("").join(Markup("<td>{}</td>").format(_draw_tile(tile)) for tile in tiles)
        )
        for name, tiles in rows
    )
    below = Markup('<p class="hint">{}</p>').format(caption) if caption else Markup("")
    return Markup(
        '<div class="scroll"><table class="map"><thead><tr>{}</tr></thead><tbody>{}</tbody></table></div>{}'
    ).format(head, body, below)


def draw_lines(
    series: Sequence[Series],
    references: Sequence[tuple[str, Number]] = (),
    *,
    x_label: str,
    y_label: str,
    label: str,
    x_names: Mapping[float, str] | None = None,
) -> Markup:
    """Lines with intervals over [0.4, 1] or what they need, and level lines to hold them against."""
    values = [float(v) for s in series for p in s.points for v in p[1:] if isinstance(v, int | float)]
    values += [float(value) for _, value in references if isinstance(value, int | float)]
    places = sorted({point[0] for each in series for point in each.points})
    if not values or not places:
        return Markup('<p class="hint">No figure here could be measured.</p>')
    low, high = min(0.4, *values), max(1.0, *values)
    first, last = places[0], places[-1]

    def x(value: float) -> float:
        share = 0.5 if last == first else (value - first) / (last - first)
        return _LEFT + share * (_WIDTH - _LEFT - _RIGHT)

    def y(value: float) -> float:
        return _TOP + (high - value) / (high - low) * (_HEIGHT - _TOP - _BOTTOM)

    parts = [_draw_axes(x, y, places, low, high, x_label, y_label, x_names)]
    keys: list[tuple[str, str, str]] = []
    for number, each in enumerate(series):
        colour = _COLOURS[number % len(_COLOURS)]
        parts.append(_draw_series(each, x, y, colour))
        keys.append((each.name, colour, ""))
    for number, (name, value) in enumerate(references):
        if isinstance(value, NotMeasured):
            continue
        dash = _DASHES[1 + number % (len(_DASHES) - 1)]
        parts.append(
            Markup(
                '<line x1="{:.1f}" x2="{:.1f}" y1="{:.1f}" y2="{:.1f}" stroke="var(--ink)" stroke-width="1.2" '
                'stroke-dasharray="{}"/>'
            ).format(_LEFT, _WIDTH - _RIGHT, y(value), y(value), dash)
        )
        keys.append((f"{name} {value:.2f}", "var(--ink)", dash))
    picture = Markup('<svg viewBox="0 0 {:.0f} {:.0f}" role="img" aria-label="{}">{}</svg>').format(
        _WIDTH, _HEIGHT, label, Markup("").join(parts)
    )
    return Markup('<figure class="figure">{}{}</figure>').format(picture, _draw_keys(keys))


def draw_notes(notes: Sequence[str], left_out: Sequence[LeftOut]) -> Markup:
    """What was left out and why."""
    lines = [f"{part.n:,} samples: {part.reason}" for part in left_out] + list(notes)
    items = Markup("").join(Markup("<li>{}</li>").format(clean(line)) for line in lines)
    return Markup("<ul>{}</ul>").format(items) if lines else Markup("<p>Nothing.</p>")


def draw_reproduction(command: str, config: Mapping[str, object], versions: Mapping[str, str], run: str) -> Markup:
    """The command, the resolved settings and the versions."""
    text = json.dumps(dict(config), indent=2, sort_keys=True, ensure_ascii=False)
    listed = ", ".join(f"{name} {version}" for name, version in sorted(versions.items()))
    return Markup(
        "<pre>{}</pre><details><summary>Settings</summary><pre>{}</pre></details><p class='hint'>run {}; {}</p>"
    ).format(clean(command or "(called from Python)"), clean(text), run, listed)


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
    return f"{text} [{', '.join(ends)}]"


def show_number(value: Number, digits: int = 2, *, is_signed: bool = False) -> str:
    """A plain number, with its sign for differences but never for 0, or why it is missing."""
    if isinstance(value, NotMeasured):
        return f"n/a: {value.reason}"
    text = f"{value:{'+' if is_signed else ''}.{digits}f}"
    return f"{0:.{digits}f}" if float(text) == 0 else text.replace("-", "−")


def clean(value: object) -> Markup | str:
    """Text with control and direction characters spelled out; markup of this package as it is."""
    return value if isinstance(value, Markup) else show_invisible(str(value))


def _draw_tile(tile: Tile | None) -> Markup:
    if tile is None:
        return Markup('<span class="missing">n/a</span>')
    strength = 0.0 if tile.strength is None else max(-1.0, min(1.0, tile.strength))
    colour = "var(--fixed)" if strength >= 0 else "var(--vulnerable)"
    edge = 'stroke="var(--ink)" stroke-width="2"' if tile.is_marked else 'stroke="var(--line)"'
    return Markup(
        '<svg viewBox="0 0 62 28" role="img" aria-label="{}"><title>{}</title><rect x="1" y="1" width="60" height="26" '
        'rx="4" fill="{}" fill-opacity="{:.2f}" {}/><text x="31" y="18" text-anchor="middle">{}</text></svg>'
    ).format(tile.tip, tile.tip, colour, 0.75 * abs(strength), Markup(edge), tile.text)


def _draw_axes(x, y, places, low, high, x_label, y_label, x_names) -> Markup:  # type: ignore[no-untyped-def]
    step = 0.1 if high - low <= 0.8 else 0.25
    ticks = [
        step * k for k in range(int(low / step) - 1, int(high / step) + 2) if low - 1e-9 <= step * k <= high + 1e-9
    ]
    parts = [
        Markup(
            '<line x1="{:.1f}" x2="{:.1f}" y1="{:.1f}" y2="{:.1f}" stroke="var(--line)"/>'
            '<text class="soft" x="{:.1f}" y="{:.1f}" text-anchor="end">{:.2f}</text>'
        ).format(_LEFT, _WIDTH - _RIGHT, y(tick), y(tick), _LEFT - 6, y(tick) + 4, tick)
        for tick in ticks
    ]
    every = max(1, -(-len(places) // 9))
    for place in places[::every]:
        name = (x_names or {}).get(place, f"{place:g}")
        parts.append(
            Markup('<text class="soft" x="{:.1f}" y="{:.1f}" text-anchor="middle">{}</text>').format(
                x(place), _HEIGHT - _BOTTOM + 16, name
            )
        )
    parts.append(
        Markup('<text class="soft" x="{:.1f}" y="{:.1f}" text-anchor="end">{}</text>').format(
            _WIDTH - _RIGHT, _HEIGHT - 2, x_label
        )
    )
    parts.append(Markup('<text class="soft" x="0" y="{:.1f}">{}</text>').format(_HEIGHT - 2, y_label))
    return Markup("").join(parts)


def _draw_series(series: Series, x, y, colour: str) -> Markup:  # type: ignore[no-untyped-def]
    points = [point for point in series.points if not isinstance(point[1], NotMeasured)]
    line = " ".join(f"{x(px):.1f},{y(py):.1f}" for px, py, *_ in points)
    bars = Markup("").join(
        Markup(
            '<line x1="{0:.1f}" x2="{0:.1f}" y1="{1:.1f}" y2="{2:.1f}" stroke="{3}" '
            'stroke-width="4" stroke-opacity="0.3"/>'
        ).format(x(px), y(float(low)), y(float(high)), colour)
        for px, _, low, high in points
        if isinstance(low, int | float) and isinstance(high, int | float)
    )
    dots = Markup("").join(
        Markup('<circle cx="{:.1f}" cy="{:.1f}" r="3" fill="{}"/>').format(x(px), y(py), colour)
        for px, py, *_ in points
    )
    return Markup('{}<polyline points="{}" fill="none" stroke="{}" stroke-width="1.6"/>{}').format(
        bars, line, colour, dots
    )


def _draw_keys(keys: Sequence[tuple[str, str, str]]) -> Markup:
    items = Markup("").join(
        Markup(
            '<li><svg viewBox="0 0 26 10" aria-hidden="true"><line x1="0" x2="26" y1="5" y2="5" stroke="{}" '
            'stroke-width="2" stroke-dasharray="{}"/></svg>{}</li>'
        ).format(colour, dash, clean(name))
        for name, colour, dash in keys
    )
    return Markup('<ul class="keys">{}</ul>').format(items)
