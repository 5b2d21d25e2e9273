"""What every transformation reads and returns: a parsed source, and edits of its bytes."""

from __future__ import annotations

import hashlib
import re
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from vulnscope.corpora.code.syntax import parse, walk
from vulnscope.errors import InputError

if TYPE_CHECKING:
    from tree_sitter import Node

LANGUAGES = ("python", "c")
RETURN_TYPE = "int "


class TransformError(InputError):
    """Why a sample cannot be transformed; `augment` turns it into a reported row."""


class TextEdit(NamedTuple):
    """Replace the bytes from `start` up to `end` by `text`."""

    start: int
    end: int
    text: str


@dataclass(frozen=True)
class Source:
    """Code to transform. Draws depend on `key` and on the text drawn for, never on its place, so that twins under one
    key get the same edits where their code agrees. `taken` holds words that new names must not be, `others` the code
    of the twins.
    """

    code: bytes
    language: str
    root: Node
    key: str
    taken: frozenset[str]
    others: tuple[str, ...] = ()

    def draw(self, *words: str) -> int:
        """A number of 48 bits that depends on the key and `words` only."""
        return int(hashlib.sha256("\0".join((self.key, *words)).encode("utf-8", "replace")).hexdigest()[:12], 16)

    def line_at(self, place: int) -> tuple[int, int]:
        """First byte of the line that holds byte `place`, and the byte after its last, line end left out."""
        start = self.code.rfind(b"\n", 0, place) + 1
        end = self.code.find(b"\n", place)
        return start, len(self.code) if end < 0 else end

    def indent_of(self, node: Node) -> str | None:
        """The white space before `node` on its line; None where `node` does not begin its line."""
        start, _ = self.line_at(node.start_byte)
        before = self.code[start : node.start_byte]
        return None if before.strip(b" \t") else before.decode()


Transformation: TypeAlias = Callable[[Source], list[TextEdit]]
"""Edits of a source, or a `TransformError` where there is nothing to do."""


def read_source(code: str, language: str, key: str, others: Sequence[str] = ()) -> Source:
    """`code` parsed; words of `others`, such as a twin's code, count as taken too."""
    if language not in LANGUAGES:
        raise TransformError(
            f"language {language!r} is not among those that can be transformed: {', '.join(LANGUAGES)}"
        )
    data = code.encode("utf-8")
    taken = frozenset(word for text in (code, *others) for word in re.findall(r"\w+", text))
    return Source(data, language, parse(data, language).root_node, key, taken, tuple(others))


def find_prefix(code: str, language: str) -> str:
    """What is missing before an excerpt, "" where nothing is.

    Functions of C are often cut from their file without the line above that holds the return type; the parser reads
    nothing of such a function before it is given one.
    """
    if language != "c":
        return ""
    n_errors = count_errors(parse(code, language).root_node)
    if n_errors and count_errors(parse(RETURN_TYPE + code, language).root_node) < n_errors:
        return RETURN_TYPE
    return ""


def apply_edits(code: bytes, edits: Sequence[TextEdit]) -> bytes:
    """`code` with `edits` done; they may come in any order and must not overlap."""
    parts, at = [], 0
    for edit in sorted(edits):
        assert edit.start >= at, "edits overlap"
        parts += [code[at : edit.start], edit.text.encode("utf-8")]
        at = edit.end
    return b"".join([*parts, code[at:]])


def map_lines(code: bytes, edits: Sequence[TextEdit], lines: Sequence[int]) -> tuple[int, ...]:
    """Where 1-based `lines` of `code` stand after `edits`: a line goes where its first visible character goes."""
    starts = [0, *(match.end() for match in re.finditer(b"\n", code)), len(code)]
    ordered = sorted(edits, key=lambda edit: edit.end)
    ends = [edit.end for edit in ordered]
    grown = [0, *accumulate(edit.text.count("\n") - code.count(b"\n", edit.start, edit.end) for edit in ordered)]
    mapped = set()
    for line in lines:
        text = code[starts[line - 1] : starts[line]]
        place = starts[line - 1] + len(text) - len(text.lstrip())
        mapped.add(line + grown[bisect_right(ends, place)])
    return tuple(sorted(mapped))


def leaves(root: Node) -> Iterator[Node]:
    """Tokens in order: nodes without children, and strings and comments whole."""
    whole = ("comment", "string_literal", "char_literal", "preproc_arg")
    stop = -1
    for node in walk(root):
        if node.start_byte < stop:
            continue
        if node.type in whole or node.child_count == 0:
            stop = node.end_byte
            if node.end_byte > node.start_byte:
                yield node


def count_errors(root: Node) -> int:
    """Places the parser had to skip or to make up."""
    return sum(node.type == "ERROR" or node.is_missing for node in walk(root)) if root.has_error else 0
