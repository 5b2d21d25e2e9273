"""Kinds by name: those of this package and those of entry points."""

from __future__ import annotations

from vulnscope import registry
from vulnscope.errors import InputError
from vulnscope.kinds.kind import Kind


def find_kind(name: str) -> Kind:
    """The kind of runs called `name`; raises `InputError` listing the kinds there are."""
    # The walk through what is installed is for names that are not our own.
    if name not in registry.BUILT_IN["kind"] and name not in list_kinds():
        raise InputError(f"runs of kind {name!r} cannot be shown; those that can: {', '.join(list_kinds())}")
    found: Kind = registry.resolve("kind", name)
    return found


def explain_missing(name: str) -> str:
    """Why a run of the kind `name`, which is not installed, is listed but not shown."""
    return f"its kind {name!r} is not installed; install the package that brings it to see or continue this run"


def list_kinds() -> tuple[str, ...]:
    """Names of all kinds: ours in the order of the command line, then those of entry points."""
    own = tuple(registry.BUILT_IN["kind"])
    return own + tuple(name for name in registry.list_names("kind") if name not in own)
