"""Other names for local variables and parameters: names that say nothing (`rename`) or mislead (`misleading`).

Misleading names call everything in a sample either harmless ("checked_length") or dangerous ("tainted_length"). Which
of the two is drawn by the key, which twins share, and never by the label: a model that reads names gains nothing, and
a model that reads code loses nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

from vulnscope.corpora.transformations.c_scopes import find_c_locals
from vulnscope.corpora.transformations.python_scopes import find_python_locals
from vulnscope.corpora.transformations.source import Source, TextEdit, TransformError

_FIRST = (
    *("first", "next", "last", "inner", "outer", "left", "right", "upper", "lower", "plain"),
    *("other", "middle", "near", "far", "early", "late", "local", "fresh", "spare", "common"),
)
_SECOND = (
    *("item", "entry", "part", "piece", "unit", "slot", "field", "value", "thing", "node"),
    *("element", "member", "record", "detail", "figure", "token", "mark", "step", "case", "row"),
)
_REASSURING = ("safe", "checked", "validated", "sanitized", "trusted", "verified", "bounded", "escaped", "cleaned")
_ALARMING = ("unsafe", "unchecked", "tainted", "untrusted", "unbounded", "dangerous", "exploitable", "vulnerable")
_OBJECTS = (
    *("input", "data", "buffer", "value", "length", "index", "query", "path", "size", "text"),
    *("pointer", "offset", "count", "result", "request", "name", "field", "state"),
)


def rename(source: Source) -> list[TextEdit]:
    """Neutral names for every local name that can be renamed; see `python_scopes` and `c_scopes` for which can."""
    return _rename(source, _FIRST, _SECOND)


def mislead(source: Source) -> list[TextEdit]:
    """Names that all claim the code to be safe, or all claim the contrary."""
    return _rename(source, _REASSURING if source.draw("tone") % 2 else _ALARMING, _OBJECTS)


def _rename(source: Source, first: Sequence[str], second: Sequence[str]) -> list[TextEdit]:
    found = {"python": find_python_locals, "c": find_c_locals}[source.language](source.root)
    if not found and source.root.has_error:
        raise TransformError("the parser cannot read a function whole, so no name in it is safe to change")
    if not found:
        raise TransformError("no local name that can be renamed without changing what the code does")
    taken = set(source.taken)
    edits = []
    for name in sorted(found):
        new = _choose(source, name, first, second, taken)
        taken.add(new)
        edits += [TextEdit(node.start_byte, node.end_byte, new) for node in found[name]]
    return sorted(set(edits))


def _choose(source: Source, name: str, first: Sequence[str], second: Sequence[str], taken: set[str]) -> str:
    """A pair of words drawn for `name`, drawn again, and then numbered, until it is nobody else's."""
    n_pairs = len(first) * len(second)
    attempt = 0
    while True:
        number = source.draw("name", name, str(attempt)) % n_pairs
        word = f"{first[number % len(first)]}_{second[number // len(first)]}"
        new = word if attempt < n_pairs else f"{word}_{attempt}"
        if new not in taken:
            return new
        attempt += 1
