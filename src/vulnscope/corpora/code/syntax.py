"""Syntax trees: parsing code, walking a tree without recursion, and where a grammar is at hand."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tree_sitter import Language, Node, Tree

GRAMMARS: dict[str, str] = {"c": "tree_sitter_c", "cpp": "tree_sitter_cpp", "python": "tree_sitter_python"}


def parse(code: str | bytes, language: str) -> Tree:
    """The tree of `code` in one of `GRAMMARS`; code that does not parse gives what the parser could recover."""
    from tree_sitter import Parser

    data = code.encode("utf-8", "replace") if isinstance(code, str) else code
    return Parser(_grammar(language)).parse(data)


def walk(node: Node) -> Iterator[Node]:
    """`node` and everything below it, parents first, in the order of the text."""
    # A cursor instead of recursion: generated code nests deeper than Python's stack.
    cursor = node.walk()
    while True:
        if cursor.node is not None:
            yield cursor.node
        if cursor.goto_first_child():
            continue
        while not cursor.goto_next_sibling():
            if not cursor.goto_parent():
                return


def text_of(node: Node) -> str:
    """The characters of `node`."""
    return (node.text or b"").decode("utf-8", "replace")


@cache
def _grammar(language: str) -> Language:
    from tree_sitter import Language

    return Language(import_module(GRAMMARS[language]).language())
