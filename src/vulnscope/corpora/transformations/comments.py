"""Comments put in that say nothing, and comments taken out."""

from __future__ import annotations

from vulnscope.corpora.code.syntax import walk
from vulnscope.corpora.transformations.source import Source, TextEdit, TransformError
from vulnscope.corpora.transformations.statements import find_places

_TEXTS = (
    "keep this order",
    "see the notes of last week",
    "moved here from another file",
    "same as in the old version",
    "read together with the next line",
    "style follows the rest of the module",
    "kept for readability",
    "one step at a time",
)
_EVERY = 3


def add_comments(source: Source) -> list[TextEdit]:
    """A neutral comment line before about every third statement, one at least."""
    places = find_places(source)
    if not places:
        raise TransformError("no statement that a comment could be put before")
    drawn = [place for place in places if source.draw("comment", *place.words) % _EVERY == 0]
    chosen = drawn or [min(places, key=lambda place: source.draw("comment", *place.words))]
    mark = {"python": "# {}", "c": "/* {} */"}[source.language]
    return [
        TextEdit(
            place.start,
            place.start,
            f"{mark.format(_TEXTS[source.draw('text', *place.words) % len(_TEXTS)])}\n{place.indent}",
        )
        for place in chosen
    ]


def strip_comments(source: Source) -> list[TextEdit]:
    """All comments taken out; line ends stay, so that lines keep their numbers. Docstrings are code and stay.

    The first two lines of a Python file keep theirs: they may name the interpreter and the encoding.
    """
    edits = [
        TextEdit(
            node.start_byte,
            node.end_byte,
            "\n" * (node.text or b"").count(b"\n") or (" " * _is_block(source, node.start_byte)),
        )
        for node in walk(source.root)
        if node.type == "comment" and not (source.language == "python" and _is_header(source, node.start_byte))
    ]
    if not edits:
        raise TransformError("no comment to take out")
    return edits


def _is_block(source: Source, start: int) -> bool:
    """A comment in the middle of a line of C also separates two tokens."""
    return source.code[start : start + 2] == b"/*"


def _is_header(source: Source, start: int) -> bool:
    is_first = source.code.count(b"\n", 0, start) < 2
    line = source.code[start : source.line_at(start)[1]]
    return is_first and (line.startswith(b"#!") or b"coding" in line)
