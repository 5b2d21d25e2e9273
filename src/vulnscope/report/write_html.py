"""Writes a page as one HTML file that opens from disk and loads nothing; only pages with a template run scripts.

Every text of a page is escaped by the template engine, and its control and direction characters are spelled out, in one
place (`draw.engine`); `Markup` comes from `draw` alone, which escapes in the same way.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache

from jinja2 import Environment
from markupsafe import Markup

from vulnscope.report.draw import assets
from vulnscope.report.draw.curves import draw_curves, draw_dots
from vulnscope.report.draw.engine import make_environment
from vulnscope.report.draw.tiles import draw_tile
from vulnscope.report.draw.twins import draw_twins
from vulnscope.report.page import Block, Page, as_cell, as_head
from vulnscope.report.write_template import write_template

_INTERVAL = re.compile(r"[+−]?[\d.]+(?: %)? \[[+−\d., ]+\]")
_NO_BREAK = "\N{NO-BREAK SPACE}"
_STYLES = ("templates/page.css", "templates/blocks.css")


def write_html(page: Page) -> str:
    """The page; equal pages give equal bytes."""
    if page.template:
        return write_template(page)
    style = Markup("").join(map(assets.read_asset, _STYLES))
    source = assets.hash_source(style)
    policy = f"default-src 'none'; style-src {source}; img-src data:; base-uri 'none'; form-action 'none'"
    return _environment().get_template("static.html.j2").render(page=page, style=style, policy=policy)


def write_blocks(blocks: Sequence[Block]) -> Markup:
    """A part of a page."""
    macros = _environment().get_template("blocks.html.j2").module
    return Markup(macros.write(blocks))  # type: ignore[attr-defined]


@cache
def _environment() -> Environment:
    environment = make_environment()
    drawn = (draw_curves, draw_dots, draw_tile, draw_twins, as_cell, as_head)
    environment.globals.update({each.__name__: each for each in drawn})
    environment.filters.update(whole=_keep_whole)
    return environment


def _keep_whole(text: str) -> str:
    """Text with every figure on one line with its interval and its percent sign."""
    whole = _INTERVAL.sub(lambda found: found.group().replace(" ", _NO_BREAK), text)
    return whole.replace(" %", f"{_NO_BREAK}%")
