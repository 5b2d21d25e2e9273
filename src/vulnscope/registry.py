"""Names of every variant (loader, protocol, ...) mapped to `module:attribute`.

Listing names imports nothing; `resolve` imports the one module asked for. Third parties add theirs
through entry points in the group `vulnscope.<kind>`.
"""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import entry_points
from typing import Any

from vulnscope.errors import InputError

BUILT_IN: dict[str, dict[str, str]] = {
    "corpus": {
        "folder": "vulnscope.corpora.loaders.folder:load_folder",
        "secllmholmes": "vulnscope.corpora.loaders.secllmholmes:load_secllmholmes",
        "sven": "vulnscope.corpora.loaders.sven:load_sven",
        "synthetic": "vulnscope.corpora.loaders.synthetic:load_synthetic",
        "table": "vulnscope.corpora.loaders.table:load_table",
    },
    "protocol": {
        "yes-no": "vulnscope.ask.yes_no:YesNoProtocol",
    },
}


def list_names(kind: str) -> tuple[str, ...]:
    """Sorted names of all variants of `kind`, built in or from entry points."""
    return tuple(sorted({**BUILT_IN[kind], **_external(kind)}))


def resolve(kind: str, name: str) -> Any:
    """The object registered under `name`; raises `InputError` listing the choices."""
    targets = {**_external(kind), **BUILT_IN[kind]}
    if name not in targets:
        raise InputError(f"unknown {kind} {name!r}; choose one of: {', '.join(sorted(targets))}")
    module, _, attribute = targets[name].partition(":")
    return getattr(import_module(module), attribute)


def _external(kind: str) -> dict[str, str]:
    return {point.name: point.value for point in entry_points(group=f"vulnscope.{kind}")}
