"""Writes a page as one HTML file that opens from disk, loads nothing and runs nothing.

Every text of a page is escaped by the template engine, and its control and direction characters are spelled out, in one
place (`_show_invisible`); `Markup` comes from `draw` alone, which escapes in the same way.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from vulnscope.report.draw import assets
from vulnscope.report.draw.curves import draw_curves, draw_dots
from vulnscope.report.draw.tiles import draw_tile
from vulnscope.report.draw.twins import draw_twins
from vulnscope.report.format import show_invisible
from vulnscope.report.page import Block, Page, as_cell, as_head

_INTERVAL = re.compile(r"[+−]?[\d.]+(?: %)? \[[+−\d., ]+\]")
_NO_BREAK = "\N{NO-BREAK SPACE}"
_STYLES = ("templates/page.css", "templates/blocks.css")


def write_html(page: Page) -> str:
    """The page; equal pages give equal bytes."""
    style = Markup("").join(map(assets.read_asset, _STYLES))
    source = assets.hash_source(style)
    policy = f"default-src 'none'; style-src {source}; img-src data:; base-uri 'none'; form-action 'none'"
    return _environment().get_template("static.html.j2").render(page=page, style=style, policy=policy)


def write_blocks(blocks: Sequence[Block]) -> Markup:
    """A part of a page."""
    macros = _environment().get_template("blocks.html.j2").module
    return Markup(macros.write(blocks))  # type: ignore[attr-defined]


def make_environment() -> Environment:
    """A template engine that escapes every text that is no `Markup`, and knows no name by accident."""
    return Environment(
        loader=PackageLoader("vulnscope.report"),
        autoescape=True,
        finalize=_show_invisible,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


@cache
def _environment() -> Environment:
    environment = make_environment()
    drawn = (draw_curves, draw_dots, draw_tile, draw_twins, as_cell, as_head)
    environment.globals.update({each.__name__: each for each in drawn})
    environment.filters.update(whole=_keep_whole)
    return environment


def _show_invisible(value: object) -> object:
    # Markup is our own text or escaped already; every other string comes from a record.
    return show_invisible(value) if type(value) is str else value


def _keep_whole(text: str) -> str:
    """Text with every figure on one line with its interval and its percent sign."""
    whole = _INTERVAL.sub(lambda found: found.group().replace(" ", _NO_BREAK), text)
    return whole.replace(" %", f"{_NO_BREAK}%")
