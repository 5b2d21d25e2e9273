"""The page as HTML: inert, escaped, and complete."""

from __future__ import annotations

import re

import pytest
from tests.report.blocks import make_blocks, make_page

from vulnscope.report.page import Block, Cell, Page, Table, Text
from vulnscope.report.write_html import write_blocks, write_html


def test_no_text_of_a_page_becomes_markup() -> None:
    page = write_html(make_page())
    assert "<script" not in page
    assert page.count("</style>") == 1
    assert "⟨U+202E⟩" in page
    assert not re.search("[\x1b\u202e]", page)


@pytest.mark.parametrize("block", make_blocks("said"), ids=lambda block: type(block).__name__)
def test_every_block_is_written(block: Block) -> None:
    assert "said" in write_blocks([block]) or "Nothing." in write_blocks([block])


def test_the_page_admits_its_own_style_and_nothing_else() -> None:
    page = write_html(Page("t", "probe", "s"))
    assert "default-src &#39;none&#39;; style-src &#39;sha256-" in page
    assert "style=" not in page


def test_a_figure_is_not_broken_from_its_interval() -> None:
    page = write_blocks([Table(("", "value"), [("says", "100 % [98, 100]"), ("gap", "−0.10 [−0.20, +0.10] or [so]")])])
    assert "100\u00a0%\u00a0[98,\u00a0100]</td>" in page
    assert "−0.10\u00a0[−0.20,\u00a0+0.10] or [so]</td>" in page


def test_a_cell_stands_over_its_lines() -> None:
    page = write_blocks([Table(("", ""), [("a", Cell("+0.10", ("[−0.10, +0.30]",), ("few",)))])])
    assert re.search(r'<td>\+0.10\s*<small>\[−0.10, \+0.30\]</small>\s*<small class="why">few</small></td>', page)


def test_what_only_a_terminal_shows_is_not_on_the_page() -> None:
    assert "brief" not in write_blocks([Text("brief", only="terminal")])
    assert "whole" in write_blocks([Text("whole", only="page")])
