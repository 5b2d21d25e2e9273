"""Which names of a Python source can be given another name without changing what it does.

Scopes follow the language reference ("Naming and binding"): functions, lambdas and comprehensions are scopes, class
bodies are not seen from the functions in them, defaults, decorators and the first iterable of a comprehension belong
to the scope around. Left alone is everything whose name can be known outside: attributes, keyword arguments, globals,
imports, functions, classes, parameters of decorated functions, `self` and `cls`, and any parameter that is given by
keyword anywhere in the source. Where a function looks its own variables up (`locals()`, `eval`, ...) none of them is
touched.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from vulnscope.corpora.code.syntax import text_of, walk

if TYPE_CHECKING:
    from tree_sitter import Node

_COMPREHENSIONS = ("list_comprehension", "set_comprehension", "dictionary_comprehension", "generator_expression")
_PATTERNS = ("pattern_list", "tuple_pattern", "list_pattern", "list_splat_pattern", "dictionary_splat_pattern")
_IMPORTS = ("import_statement", "import_from_statement", "future_import_statement")
_BY_NAME = ("locals", "vars", "eval", "exec", "dir", "globals")
_CONVENTIONAL = ("self", "cls", "_")


@dataclass
class _Scope:
    kind: str
    parent: _Scope | None = None
    bound: dict[str, set[str]] = field(default_factory=dict)
    elsewhere: set[str] = field(default_factory=set)  # declared global or nonlocal
    globals: set[str] = field(default_factory=set)
    is_dynamic: bool = False

    def bind(self, name: str, how: str) -> None:
        self.bound.setdefault(name, set()).add(how)

    def chain(self) -> Iterator[_Scope]:
        scope: _Scope | None = self
        while scope is not None:
            yield scope
            scope = scope.parent


def find_python_locals(root: Node) -> dict[str, list[Node]]:
    """Occurrences of every local name that can be renamed, by name."""
    reader = _Reader()
    reader.read(root, _Scope("module"))
    found: dict[str, list[Node]] = {}
    for node, scope in reader.occurrences:
        name = text_of(node)
        home = _resolve(name, scope)
        if home is not None and reader.can_rename(name, home):
            found.setdefault(name, []).append(node)
    return found


def _resolve(name: str, scope: _Scope) -> _Scope | None:
    """The scope that `name` belongs to when used in `scope`, None for globals and builtins."""
    for place in scope.chain():
        if name in place.globals:
            return None
        is_hidden = place.kind == "class" and place is not scope
        if name in place.bound and name not in place.elsewhere and not is_hidden:
            return place
    return None


class _Reader:
    """Collects scopes, bindings and occurrences in one pass; the stack is our own, since code nests deeply."""

    def __init__(self) -> None:
        self.occurrences: list[tuple[Node, _Scope]] = []
        self._keywords: set[str] = set()
        self._shown: set[str] = set()  # names that an f-string prints: f"{name=}"
        self._stack: list[tuple[Node, _Scope]] = []

    def can_rename(self, name: str, home: _Scope) -> bool:
        ways = home.bound[name]
        if home.kind in ("module", "class") or home.is_dynamic or not ways <= {"local", "parameter"}:
            return False
        if name in _CONVENTIONAL or name.startswith("__") or name in self._shown:
            return False
        return not ("parameter" in ways and name in self._keywords)

    def read(self, root: Node, scope: _Scope) -> None:
        self._stack = [(root, scope)]
        while self._stack:
            node, scope = self._stack.pop()
            self._visit(node, scope)

    def _visit(self, node: Node, scope: _Scope) -> None:
        handler = getattr(self, f"_{node.type}", None)
        if handler is not None:
            handler(node, scope)
        elif node.type in _COMPREHENSIONS:
            self._comprehension(node, scope)
        elif node.type in _IMPORTS or node.type in ("case_pattern", "type_parameter"):
            self._keep_all(node, scope)
        else:
            self._push(node.children, scope)

    def _push(self, nodes: list[Node], scope: _Scope) -> None:
        self._stack += [(node, scope) for node in reversed(nodes)]

    def _keep_all(self, node: Node, scope: _Scope) -> None:
        for child in walk(node):
            if child.type == "identifier":
                scope.bind(text_of(child), "kept")

    def _bind(self, target: Node | None, scope: _Scope, how: str) -> None:
        """Bind the names of a target; its other parts, such as the index in `x[i] = 1`, are ordinary uses."""
        if target is None:
            return
        if target.type == "identifier":
            scope.bind(text_of(target), how)
            self.occurrences.append((target, scope))
        elif target.type in _PATTERNS or target.type in ("as_pattern_target", "parenthesized_expression", "tuple"):
            for child in target.children:
                self._bind(child, scope, how)
        else:
            self._push([target], scope)

    def _identifier(self, node: Node, scope: _Scope) -> None:
        self.occurrences.append((node, scope))
        if text_of(node) in _BY_NAME:
            for place in scope.chain():
                place.is_dynamic = True

    def _exec_statement(self, node: Node, scope: _Scope) -> None:
        for place in scope.chain():
            place.is_dynamic = True
        self._push(node.children, scope)

    def _attribute(self, node: Node, scope: _Scope) -> None:
        self._push([child for child in node.children if child != node.child_by_field_name("attribute")], scope)

    def _keyword_argument(self, node: Node, scope: _Scope) -> None:
        name = node.child_by_field_name("name")
        self._keywords.add("" if name is None else text_of(name))
        self._push([child for child in node.children if child != name], scope)

    def _interpolation(self, node: Node, scope: _Scope) -> None:
        if any(child.type == "=" for child in node.children):
            self._shown |= {text_of(child) for child in walk(node) if child.type == "identifier"}
        self._push(node.children, scope)

    def _assignment(self, node: Node, scope: _Scope) -> None:
        left = node.child_by_field_name("left")
        self._bind(left, scope, "local")
        self._push([child for child in node.children if child != left], scope)

    _augmented_assignment = _assignment

    def _for_statement(self, node: Node, scope: _Scope) -> None:
        self._assignment(node, scope)

    def _named_expression(self, node: Node, scope: _Scope) -> None:
        # A walrus in a comprehension binds in the function around.
        home = next(place for place in scope.chain() if place.kind != "comprehension")
        name = node.child_by_field_name("name")
        if name is not None:
            home.bind(text_of(name), "local" if home is scope else "kept")
            self.occurrences.append((name, home))
        self._push([child for child in node.children if child != name], scope)

    def _as_pattern_target(self, node: Node, scope: _Scope) -> None:
        self._bind(node, scope, "local")

    def _global_statement(self, node: Node, scope: _Scope) -> None:
        names = {text_of(child) for child in node.children if child.type == "identifier"}
        scope.globals |= names
        scope.elsewhere |= names

    def _nonlocal_statement(self, node: Node, scope: _Scope) -> None:
        for child in node.children:
            if child.type == "identifier":
                scope.elsewhere.add(text_of(child))
                self.occurrences.append((child, scope))

    def _class_definition(self, node: Node, scope: _Scope) -> None:
        body, name = node.child_by_field_name("body"), node.child_by_field_name("name")
        if name is not None:
            scope.bind(text_of(name), "kept")
        inner = _Scope("class", scope)
        for child in reversed(node.children):
            if child != name:
                self._stack.append((child, inner if child == body else scope))

    def _function_definition(self, node: Node, scope: _Scope) -> None:
        body, name = node.child_by_field_name("body"), node.child_by_field_name("name")
        if name is not None:
            scope.bind(text_of(name), "kept")
        inner = _Scope("function", scope)
        is_decorated = node.parent is not None and node.parent.type == "decorated_definition"
        self._parameters_of(node, inner, "kept" if is_decorated else "parameter")
        returns = node.child_by_field_name("return_type")
        self._push([returns] if returns is not None else [], scope)
        self._push([body] if body is not None else [], inner)

    def _lambda(self, node: Node, scope: _Scope) -> None:
        inner = _Scope("lambda", scope)
        self._parameters_of(node, inner, "parameter")
        body = node.child_by_field_name("body")
        self._push([body] if body is not None else [], inner)

    def _parameters_of(self, node: Node, inner: _Scope, how: str) -> None:
        """Bind parameters in `inner`; their defaults and annotations belong to the scope around."""
        parameters = node.child_by_field_name("parameters")
        for parameter in [] if parameters is None else parameters.named_children:
            name = parameter.child_by_field_name("name")
            if name is None and parameter.type == "typed_parameter":
                name = parameter.named_children[0]
            self._bind(parameter if name is None else name, inner, how)
            if name is not None and inner.parent is not None:
                self._push([child for child in parameter.children if child != name], inner.parent)

    def _comprehension(self, node: Node, scope: _Scope) -> None:
        inner = _Scope("comprehension", scope)
        is_first = True
        for child in node.children:
            if child.type != "for_in_clause":
                self._stack.append((child, inner))
                continue
            left, right = child.child_by_field_name("left"), child.child_by_field_name("right")
            self._bind(left, inner, "local")
            for part in child.children:
                if part != left:
                    self._stack.append((part, scope if is_first and part == right else inner))
            is_first = False
