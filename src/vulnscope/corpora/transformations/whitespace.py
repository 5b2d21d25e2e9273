"""Other white space: blank lines, wider gaps between tokens, and in C the other kind of indentation."""

from __future__ import annotations

from itertools import pairwise

from vulnscope.corpora.transformations.source import Source, TextEdit, TransformError, leaves

_EVERY_GAP = 4
_EVERY_LINE = 5


def change_whitespace(source: Source) -> list[TextEdit]:
    """Edits of gaps between tokens only; strings, comments and preprocessor lines are not touched."""
    tokens = [(node.start_byte, node.end_byte) for node in leaves(source.root)]
    edits = []
    for (_, before), (after, _) in pairwise(tokens):
        edits += _change_gap(source, before, after)
    if not edits:
        raise TransformError("no white space that could be changed")
    return edits


def _change_gap(source: Source, before: int, after: int) -> list[TextEdit]:
    gap = source.code[before:after]
    if gap.strip() or b"\\" in gap or not gap or _is_directive(source, before) or _is_directive(source, after):
        return []
    start, end = source.line_at(before)
    line = source.code[start:end].strip().decode("utf-8", "replace")
    if b"\n" not in gap:
        place = str(len(source.code[start:before].split()))
        is_drawn = source.draw("gap", line, place) % _EVERY_GAP == 0
        return [TextEdit(after, after, " ")] if is_drawn and gap == b" " else []
    edits = []
    if source.draw("line", line) % _EVERY_LINE == 0:
        first = before + gap.index(b"\n") + 1
        edits.append(TextEdit(first, first, "\n"))
    if source.language == "c":
        edits += _indent(source, after)
    return edits


def _indent(source: Source, after: int) -> list[TextEdit]:
    """Tabs for four spaces each and the other way round."""
    start, _ = source.line_at(after)
    old = source.code[start:after].decode()
    new = old.replace("\t", "    ") if "\t" in old else old.replace("    ", "\t")
    return [TextEdit(start, after, new)] if new != old else []


def _is_directive(source: Source, place: int) -> bool:
    """Whether the line at `place` belongs to the preprocessor, or to a line continued by a backslash."""
    start, end = source.line_at(place)
    line, above = source.code[start:end], source.code[slice(*source.line_at(max(start - 1, 0)))]
    if line.rstrip().endswith(b"\\") or (start > 0 and above.rstrip().endswith(b"\\")):
        return True
    return source.language == "c" and line.lstrip().startswith(b"#")
