"""Which work a sweep may leave out on a subject: what was proven, what was asked for, what is refused and why."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vulnscope.errors import InputError, SubjectError
from vulnscope.models.packing import PACKING, check_packing, find_window
from vulnscope.models.resume import RESUME, Resume, check_resume
from vulnscope.models.selfcheck import PREFIX_CACHE
from vulnscope.records.base import Record
from vulnscope.records.subject import Capability

if TYPE_CHECKING:
    from vulnscope.models.subject import Subject

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
    prefix = Capability(
        name=PREFIX_CACHE,
        is_proven=subject.capabilities.has(PREFIX_CACHE),
        reason=subject.capabilities.reason(PREFIX_CACHE) or None,
    )
    wanted = SHORTCUTS if asked is None else asked
    packing = _check_packing(subject, prefix, longest) if PACKING in wanted else _off(PACKING)
    resume = check_resume(subject.model, subject.architecture, layers if RESUME in wanted else ())
    shown = {
        PREFIX_CACHE: prefix if PREFIX_CACHE in wanted else _off(PREFIX_CACHE),
        PACKING: packing,
        RESUME: resume.capability if RESUME in wanted else _off(RESUME),
    }
    for name in asked or ():
        if not shown[name].is_proven:
            raise SubjectError(f"{subject.name} cannot do {name!r}: {shown[name].reason}")
    return Shortcuts(
        is_shared=shown[PREFIX_CACHE].is_proven,
        is_packed=shown[PACKING].is_proven and shown[PREFIX_CACHE].is_proven,
        resume=resume,
        reuse=Reuse(items=tuple(shown.values())),
    )


def _check_packing(subject: Subject, prefix: Capability, longest: int) -> Capability:
    if not prefix.is_proven:
        return Capability(name=PACKING, is_proven=False, reason=f"needs {PREFIX_CACHE}: {prefix.reason}")
    window = find_window(subject.model)
    if window is not None and longest > window:
        reason = f"rows of {longest} tokens exceed the attention window of {window}"
        return Capability(name=PACKING, is_proven=False, reason=reason)
    return check_packing(subject.model, subject.architecture)


def _off(name: str) -> Capability:
    return Capability(name=name, is_proven=False, reason="not asked for")
