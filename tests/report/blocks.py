"""A page with every kind of block, all of whose texts are hostile."""

from __future__ import annotations

from vulnscope.records.base import Estimate
from vulnscope.report.page import (
    Block,
    Cell,
    Code,
    Curves,
    Dots,
    Fact,
    Fold,
    Head,
    LeftOut,
    Links,
    Map,
    Page,
    Points,
    Section,
    Series,
    Sides,
    Table,
    Text,
    Tile,
    Twins,
)

HOSTILE = "</style><script>alert(1)</script>|[bold]\x1b[31m\u202e"


def make_blocks(text: str) -> list[Block]:
    """One block of each kind, and of each style."""
    half = Estimate(value=0.5, low=0.4, high=0.6, method="bca", n=9, n_groups=40)
    cell = Cell(text, (text,), (text,))
    return [
        *(Text(text, style) for style in ("plain", "strong", "heading", "lead", "hint", "warning")),
        *(Points([text], style) for style in ("plain", "hint", "numbers")),
        LeftOut([text]),
        LeftOut([]),
        Links([(text, text, text)], lead=text),
        Table((text, Head(text, short=text)), [(cell, text), (Cell(text, short=text, is_words=True), 7), (text,)]),
        Map([text], [(text, [Tile(text, 0.5, text)]), (cell, [None])], caption=text, corner=text),
        Curves(
            [Series(text, [(0.0, 0.5, 0.4, 0.6)])], [(text, 0.5)], x_label=text, y_label=text, label=text,
            x_names={0.0: text},
        ),
        Dots([(text, [half, None])], (text, text), text),
        Code(text),
        Twins(text, "x"),
        Fold(text, [Text(text)], name=text, below=text, is_open=True),
        Fold(text, [Text(text)]),
        Sides([[Text(text)], [Code(text)]]),
    ]  # fmt: skip


def make_page(text: str = HOSTILE) -> Page:
    """The page."""
    return Page(text, text, text, (Fact(text, text, text),), (Section(text, make_blocks(text), is_brief=True),))
