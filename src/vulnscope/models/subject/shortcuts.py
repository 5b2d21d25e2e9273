"""Which work a sweep may leave out on a subject: what was proven, what was asked for, what is refused and why."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vulnscope.errors import InputError, SubjectError
from vulnscope.models.forward.packing import PACKING, find_window
from vulnscope.models.forward.resume import RESUME, Resume, check_resume
from vulnscope.models.subject.selfcheck import PREFIX_CACHE
from vulnscope.records.base import Record
from vulnscope.records.subject import Capabilities, Capability

if TYPE_CHECKING:
    from vulnscope.models.subject.subject import Subject

SHORTCUTS = (PREFIX_CACHE, PACKING, RESUME)
"""Tokens before the first edited one run once; edits of one prompt share a row; layers below the edit run once."""


class Reuse(Record):
    """The shortcuts taken and those that were not, with the reason; the numbers are those of plain forwards."""

    items: tuple[Capability, ...]

    def missing(self) -> tuple[str, ...]:
        """`name: reason` of every shortcut that is not taken."""
        return tuple(f"{item.name}: {item.reason}" for item in self.items if not item.is_proven)


@dataclass(frozen=True)
class Shortcuts:
    """What the engine acts on; `reuse` is what the record says of it."""

    is_shared: bool
    is_packed: bool
    resume: Resume
    reuse: Reuse


def choose_shortcuts(
    subject: Subject, layers: Sequence[int], longest: int, asked: Collection[str] | None = None
) -> Shortcuts:
    """What is proven on `subject` for edits that leave `layers` and all below alone, in rows up to `longest` tokens.

    With `asked` exactly these shortcuts are taken; raises `SubjectError` with the reason where one was not proven.
    """
    unknown = [name for name in asked or () if name not in SHORTCUTS]
    if unknown:
        raise InputError(f"unknown shortcut {unknown[0]!r}; choose among: {', '.join(SHORTCUTS)}")
    wanted = SHORTCUTS if asked is None else asked
    resume = check_resume(subject.model, subject.architecture, layers if RESUME in wanted else ())
    trusted = subject.trusted(longest)
    found = (_known(trusted, PREFIX_CACHE), _packing(subject, trusted, longest), resume.capability)
    shown = {item.name: item if item.name in wanted else _off(item.name) for item in found}
    for name in asked or ():
        if not shown[name].is_proven:
            raise SubjectError(f"{subject.name} cannot do {name!r}: {shown[name].reason}")
    return Shortcuts(
        is_shared=shown[PREFIX_CACHE].is_proven,
        is_packed=shown[PACKING].is_proven and shown[PREFIX_CACHE].is_proven,
        resume=resume,
        reuse=Reuse(items=tuple(shown.values())),
    )


def _known(trusted: Capabilities, name: str) -> Capability:
    """What is known of `name`."""
    return next(
        (item for item in trusted.items if item.name == name),
        Capability(name=name, is_proven=False, reason="never checked"),
    )


def _packing(subject: Subject, trusted: Capabilities, longest: int) -> Capability:
    known, window = _known(trusted, PACKING), find_window(subject.model)
    if not known.is_proven or window is None or longest <= window:
        return known
    reason = (
        f"rows of {longest} tokens exceed the attention window of {window}"
        if window
        else "how far its layers attend cannot be known from its config"
    )
    return Capability(name=PACKING, is_proven=False, reason=reason)


def _off(name: str) -> Capability:
    return Capability(name=name, is_proven=False, reason="not asked for")
