"""Frames: template texts whose marker lines, such as `<noise>`, are replaced by statements drawn for one sample."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from textwrap import indent

_MARKER = re.compile(r"(?P<margin> *)<(?P<name>\w+)>")
_WORD = re.compile(r"(?<!\$)\b\w+")


def fill_markers(text: str, fillers: Mapping[str, Callable[[], str]]) -> str:
    """`text` with every line `<name>` replaced by what `fillers[name]` draws, top down, at the line's indentation."""
    lines: list[str] = []
    for line in text.strip("\n").split("\n"):
        marker = _MARKER.fullmatch(line)
        if marker is None:
            lines.append(line)
        elif filled := fillers[marker["name"]]():
            lines.append(indent(filled, marker["margin"]))
    return "\n".join(lines)


def find_words(*texts: str) -> set[str]:
    """Every word, slots apart, that stands in the texts, so that no drawn name collides with it."""
    return {word for text in texts for word in _WORD.findall(text)}
