"""A field of a heat map: the figure on its colour."""

from __future__ import annotations

from markupsafe import Markup

from vulnscope.report.page import Tile
from vulnscope.report.visible import show_invisible


def draw_tile(tile: Tile | None) -> Markup:
    """Blue for high, orange for low, framed where marked."""
    if tile is None:
        return Markup('<span class="missing">n/a</span>')
    strength = 0.0 if tile.strength is None else max(-1.0, min(1.0, tile.strength))
    colour = "var(--fixed)" if strength >= 0 else "var(--vulnerable)"
    edge = 'stroke="var(--ink)" stroke-width="2"' if tile.is_marked else 'stroke="var(--line)"'
    tip = show_invisible(tile.tip)
    return Markup(
        '<svg viewBox="0 0 62 28" role="img" aria-label="{}"><title>{}</title><rect x="1" y="1" width="60" height="26" '
        'rx="4" fill="{}" fill-opacity="{:.2f}" {}/><text x="31" y="18" text-anchor="middle">{}</text></svg>'
    ).format(tip, tip, colour, 0.75 * abs(strength), Markup(edge), show_invisible(tile.text))
