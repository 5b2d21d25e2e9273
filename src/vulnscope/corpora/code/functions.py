"""Where the functions of a source text lie, by its syntax tree."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vulnscope.corpora.code.syntax import GRAMMARS, parse

if TYPE_CHECKING:
    from tree_sitter import Node


def function_lines(code: str, language: str) -> tuple[range, ...]:
    """1-based lines of every outermost function, in order; methods count, functions inside functions do not.

    Empty for a language without grammar (`GRAMMARS`) and for code without functions. Code that does not parse gives
    what the parser could recover.
    """
    if language not in GRAMMARS:
        return ()
    cursor = parse(code, language).walk()
    found: list[range] = []
    # A cursor instead of recursion: generated code nests deeper than Python's stack.
    while True:
        node = cursor.node
        if node is not None and _is_function(node):
            found.append(range(node.start_point.row + 1, node.end_point.row + 2))
        elif cursor.goto_first_child():
            continue
        while not cursor.goto_next_sibling():
            if not cursor.goto_parent():
                return tuple(found)


def _is_function(node: Node) -> bool:
    if node.type == "decorated_definition":
        definition = node.child_by_field_name("definition")
        return definition is not None and definition.type == "function_definition"
    return node.type == "function_definition"
