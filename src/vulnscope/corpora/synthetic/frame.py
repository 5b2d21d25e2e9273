"""Frames: template texts whose marker lines, such as `<noise>`, are replaced by statements drawn for one sample."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from string import Template as Slots
from textwrap import indent

from vulnscope.corpora.synthetic.names import is_slot

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


def check_slots(text: str, needed: Collection[str]) -> None:
    """Raise `ValueError` where `text` lacks a slot that it needs, or has one that nothing fills."""
    if not Slots(text).is_valid():
        raise ValueError(f"a dollar without a slot in {text!r}; double the one that stands for itself")
    used = Slots(text).get_identifiers()
    if missing := [slot for slot in needed if slot not in used]:
        raise ValueError(f"no slot ${missing[0]} in {text!r}")
    if unknown := [slot for slot in used if slot not in needed and not is_slot(slot)]:
        raise ValueError(f"unknown slot ${unknown[0]} in {text!r}")


def check_frame(text: str, slots: Collection[str], once: Collection[str], allowed: Collection[str]) -> None:
    """Raise `ValueError` where slots or marker lines are missing or unknown; those of `once` stand there once."""
    check_slots(text, slots)
    markers = [match["name"] for line in text.split("\n") if (match := _MARKER.fullmatch(line))]
    if wrong := [name for name in once if markers.count(name) != 1]:
        raise ValueError(f"the text needs the line <{wrong[0]}> once, and has it {markers.count(wrong[0])} times")
    if unknown := [name for name in markers if name not in allowed]:
        raise ValueError(f"unknown line <{unknown[0]}>; there are: {', '.join(f'<{name}>' for name in allowed)}")


def find_words(*texts: str) -> set[str]:
    """Every word, slots apart, that stands in the texts, so that no drawn name collides with it."""
    return {word for text in texts for word in _WORD.findall(text)}
