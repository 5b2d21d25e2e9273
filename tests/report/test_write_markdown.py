"""The page in Markdown: whole, and with every text escaped."""

from __future__ import annotations

import re

import pytest
from tests.report.blocks import make_blocks, make_page

from vulnscope.records.base import Estimate
from vulnscope.report.page import (
    Block,
    Cell,
    Code,
    Curves,
    Dots,
    Fact,
    Fold,
    LeftOut,
    Links,
    Map,
    Page,
    Points,
    Section,
    Series,
    Table,
    Text,
    Tile,
    Twins,
)
from vulnscope.report.write_markdown import write_markdown


def write(*blocks: Block) -> str:
    """The blocks under their section."""
    return write_markdown(Page("t", "k", "", sections=[Section("s", blocks)])).removeprefix("# t\n\n## s\n\n")


def test_no_text_of_a_page_becomes_markup() -> None:
    page = write_markdown(make_page())
    outside = re.sub(r"^(`{3,}).*?^\1$", "", page, flags=re.M | re.S)
    assert "<script" not in outside.replace("\\<script", "")
    assert not re.search("[\x1b\u202e]", page)


@pytest.mark.parametrize("block", make_blocks("said"), ids=lambda block: type(block).__name__)
def test_every_block_is_written(block: Block) -> None:
    assert "said" in write(block) or "Nothing." in write(block)


def test_a_page_begins_with_its_title_its_sentence_and_its_facts() -> None:
    page = Page("a_b", "k", "It *knows*.", [Fact("Model", "m", "small"), Fact("Seed", "0", "")], [Section("One", [])])
    assert write_markdown(page) == "# a\\_b\n\nIt \\*knows\\*.\n\n- **Model**: m (small)\n- **Seed**: 0\n\n## One\n"


def test_tables_maps_and_charts_are_tables() -> None:
    half = Estimate(value=0.5, low=0.4, high=0.6, method="bca", n=9, n_groups=40)
    table = Table(("", "n"), [("a", Cell("7", ("[6, 8]",), ("few",))), ("title",)])
    assert write(table) == "|  | n |\n| --- | --- |\n| a | 7 \\[6, 8\\] few |\n| title |  |\n"
    assert write(Map(["x"], [("a", [Tile("1", 0.1, "tip")]), ("b", [None])])).endswith("| a | 1 |\n| b | n/a |\n")
    curves = Curves([Series("one", [(0.0, 0.5, 0.4, 0.6)])], [("level", 0.7)], x_names={0.0: "emb."})
    assert write(curves).endswith("| one | emb. | 0.50 | 0.40 | 0.60 |\n| level |  | 0.70 |  |  |\n")
    assert write(Dots([("a", [half, None])], ("says", "knows"), "l")).endswith("| a | says | 0.50 | 0.40 | 0.60 |\n")


def test_code_stands_in_a_fence_that_it_cannot_end() -> None:
    assert write(Code("```\nx")) == "````\n```\nx\n````\n"
    assert "\n-bad\n+good\n" in write(Twins("a\nbad", "a\ngood"))


def test_lists_links_and_what_unfolds() -> None:
    assert write(Points(["one", "two"], "numbers")) == "1. one\n1. two\n"
    assert write(LeftOut([])) == "Nothing.\n"
    assert write(Links([("a.html", "a", " (all)")], lead="See:")) == "See: [a](<a.html>) (all)\n"
    assert write(Fold("CWE-89", [Text("inside")], name="pair", below="wrong")) == "pair · CWE-89 · wrong\n\ninside\n"
    assert write(Text("brief", only="terminal"), Text("whole", only="page")) == "whole\n"
