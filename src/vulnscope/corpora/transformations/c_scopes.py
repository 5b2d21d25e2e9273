"""Which names of a C source can be given another name without changing what it does.

Only variables and parameters declared inside a function with a body, where the parser understood that function whole.
A name is left alone where anything else might read it: macros (a `#define` in the source may use it), preprocessor
conditions, assembly, attributes, `extern`, a type of the same name, and a name given to a macro that may mean a member
by it (`container_of`; any macro where members of that name are used). A macro defined elsewhere that reads a local of
its caller cannot be seen from here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from vulnscope.corpora.code.syntax import text_of, walk

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tree_sitter import Node

_SCOPES = ("compound_statement", "for_statement", "parameter_list", "function_definition")
_OPAQUE = ("gnu_asm_expression", "attribute_specifier", "attribute_declaration", "ms_declspec_modifier")
_MEMBER_MACROS = ("offsetof", "container_of", "list_entry", "list_first_entry")


@dataclass
class _Scope:
    parent: _Scope | None
    declared: dict[str, list[tuple[int, bool]]] = field(default_factory=dict)  # from which byte on; may be renamed


def find_c_locals(root: Node) -> dict[str, list[Node]]:
    """Occurrences of every local name that can be renamed, by name."""
    kept = _find_kept(root)
    found: dict[str, list[Node]] = {}
    for function in _functions(root):
        for name, nodes in _read_function(function).items():
            if name not in kept:
                found.setdefault(name, []).extend(nodes)
    return found


def _functions(root: Node) -> Iterator[Node]:
    return (node for node in walk(root) if node.type == "function_definition" and not node.has_error)


def _find_kept(root: Node) -> set[str]:
    """Names that something other than a variable reads."""
    kept: set[str] = set()
    members: set[str] = set()
    given: set[str] = set()
    for node in walk(root):
        if node.type == "type_identifier":
            kept.add(text_of(node))
        elif node.type == "field_identifier":
            members.add(text_of(node))
        elif node.type == "preproc_arg" or node.type in _OPAQUE:
            kept |= _words(node)
        elif node.type.startswith("preproc_"):
            kept |= _words(node.child_by_field_name("name")) | _words(node.child_by_field_name("condition"))
        elif node.type == "call_expression":
            callee, arguments = node.child_by_field_name("function"), node.child_by_field_name("arguments")
            if callee is not None and text_of(callee) in _MEMBER_MACROS:
                kept |= _words(arguments)
            elif callee is not None and text_of(callee).isupper():
                given |= _words(arguments)
    return kept | (members & given)


def _words(node: Node | None) -> set[str]:
    return set() if node is None else set(re.findall(r"\w+", text_of(node)))


def _read_function(function: Node) -> dict[str, list[Node]]:
    uses: list[tuple[Node, _Scope]] = []
    stack: list[tuple[Node, _Scope]] = [(function, _Scope(None))]
    own_parameters = _own_parameters(function)
    if own_parameters is not None and any(child.type == "identifier" for child in own_parameters.children):
        return {}  # parameters declared after the list, as before C89
    while stack:
        node, scope = stack.pop()
        if node.type == "identifier":
            uses.append((node, scope))
            continue
        # Parameters of the function itself live in its own scope; those of a prototype end with it.
        inner = _Scope(scope) if node.type in _SCOPES and node not in (function, own_parameters) else scope
        if node.type in ("declaration", "parameter_declaration"):
            _declare(node, inner, is_own=node.type == "declaration" or node.parent == own_parameters)
        elif node.type == "enumerator":
            _note(node.child_by_field_name("name"), inner, can_rename=False)
        stack += [(child, inner) for child in reversed(node.children)]
    found: dict[str, list[Node]] = {}
    for node, scope in uses:
        if _can_rename(node, scope):
            found.setdefault(text_of(node), []).append(node)
    return found


def _own_parameters(function: Node) -> Node | None:
    declarator = function.child_by_field_name("declarator")
    while declarator is not None and declarator.type != "function_declarator":
        declarator = declarator.child_by_field_name("declarator")
    return None if declarator is None else declarator.child_by_field_name("parameters")


def _declare(node: Node, scope: _Scope, *, is_own: bool) -> None:
    is_local = is_own and not any(
        child.type == "storage_class_specifier" and text_of(child) == "extern" for child in node.children
    )
    for declarator in node.children_by_field_name("declarator"):
        inner: Node | None = declarator
        can_rename = is_local
        while inner is not None and inner.type != "identifier":
            # A function declared here is defined elsewhere.
            can_rename = can_rename and inner.type != "function_declarator"
            deeper = inner.child_by_field_name("declarator")
            if deeper is None and inner.type in ("parenthesized_declarator", "attributed_declarator"):
                deeper = next((child for child in inner.named_children), None)
            inner = deeper
        _note(inner, scope, can_rename=can_rename)


def _note(name: Node | None, scope: _Scope, *, can_rename: bool) -> None:
    if name is not None:
        scope.declared.setdefault(text_of(name), []).append((name.start_byte, can_rename))


def _can_rename(node: Node, scope: _Scope) -> bool:
    """Whether the innermost declaration in force where `node` stands may be renamed."""
    name, place = text_of(node), node.start_byte
    current: _Scope | None = scope
    while current is not None:
        before = [can_rename for start, can_rename in current.declared.get(name, ()) if start <= place]
        if before:
            return before[-1]
        current = current.parent
    return False
