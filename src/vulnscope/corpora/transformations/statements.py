"""Statements of a source that begin a line: where a comment or a statement can be put."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from vulnscope.corpora.code.syntax import text_of, walk

if TYPE_CHECKING:
    from tree_sitter import Node

    from vulnscope.corpora.transformations.source import Source


class Place(NamedTuple):
    """Before a statement that begins its line. `words` name it by its text, alike in twins."""

    start: int
    indent: str
    words: tuple[str, str]


def find_places(source: Source) -> list[Place]:
    """Places between the statements of function bodies, in order; at the top of a Python script where it has none.

    Not before a docstring, and nowhere in a part that the parser could not read.
    """
    blocks = [node for node in walk(source.root) if _is_body(node, source.language)]
    if not blocks and source.language == "python":
        blocks = [source.root]
    seen: Counter[str] = Counter()
    places = {}
    for block in blocks:
        for statement in block.named_children:
            indent = source.indent_of(statement)
            if indent is None or statement.has_error or not _can_follow(statement, source.language):
                continue
            start, end = source.line_at(statement.start_byte)
            line = source.code[start:end].decode("utf-8", "replace").strip()
            seen[line] += 1
            places[statement.start_byte] = Place(statement.start_byte, indent, (line, str(seen[line])))
    return [places[start] for start in sorted(places)]


def _is_body(node: Node, language: str) -> bool:
    if node.has_error:
        return False
    if language == "c":
        return node.type == "compound_statement" and node.parent is not None and node.parent.type != "switch_statement"
    return (
        node.type == "block"
        and _is_in_function(node)
        and node.parent is not None
        and node.parent.type != "class_definition"
    )


def _is_in_function(node: Node) -> bool:
    parent = node.parent
    while parent is not None:
        if parent.type == "function_definition":
            return True
        if parent.type == "class_definition":
            return False
        parent = parent.parent
    return False


def _can_follow(statement: Node, language: str) -> bool:
    """Whether something may stand before `statement`."""
    if language == "c":
        return statement.type.endswith("_statement") and statement.type not in ("case_statement", "labeled_statement")
    if statement.type in ("comment", "future_import_statement", "case_clause"):
        return False
    is_string = statement.type == "expression_statement" and text_of(statement).lstrip("rRbBuUfF")[:1] in ("'", '"')
    return not is_string
