"""Which record a run of each kind left, and how it is shown: on a page and in a terminal."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple

from vulnscope.errors import InputError
from vulnscope.records.base import Record

if TYPE_CHECKING:
    from rich.console import Console


class Kind(NamedTuple):
    """The record of one kind of run, and its two renderers."""

    record: type[Record]
    render: Callable[[Any], str]
    print: Callable[[Any, Console], None]


_PAGES = ("vulnscope.report:render_html", "vulnscope.report:render_terminal")
_AUDIT = ("vulnscope.records.audit:AuditRecord", *_PAGES)
_HOMES = {
    "against": (
        "vulnscope.records.against:AgainstRecord",
        "vulnscope.report.against_panels:render_against",
        "vulnscope.report.against_panels:print_against",
    ),
    "audit": _AUDIT,
    "combine": _AUDIT,
    "compare": ("vulnscope.records.comparison:ComparisonRecord", *_PAGES),
    "import": _AUDIT,
    "rescore": _AUDIT,
    "probe": (
        "vulnscope.records.probe:ProbeRecord",
        "vulnscope.report.probe_panels:render_probe",
        "vulnscope.report.probe_panels:print_probe",
    ),
    "patch": (
        "vulnscope.records.patch:PatchRecord",
        "vulnscope.report.patch_panels:render_patch",
        "vulnscope.report.patch_panels:print_patch",
    ),
    "steer": (
        "vulnscope.records.steer:SteerRecord",
        "vulnscope.report.steer_panels:render_steer",
        "vulnscope.report.steer_panels:print_steer",
    ),
    "apply": (
        "vulnscope.records.apply:ApplyRecord",
        "vulnscope.report.apply_panels:render_apply",
        "vulnscope.report.apply_panels:print_apply",
    ),
    "reproduction": (
        "vulnscope.records.reproduction:ReproductionRecord",
        "vulnscope.report.reproduction_panels:render_reproduction",
        "vulnscope.report.reproduction_panels:print_reproduction",
    ),
    "study": (
        "vulnscope.records.study:StudyRecord",
        "vulnscope.report.study_panels:render_study",
        "vulnscope.report.study_panels:print_study",
    ),
}


def find_kind(name: str) -> Kind:
    """How runs of this kind are shown; raises `InputError` listing the kinds that can be."""
    if name not in _HOMES:
        raise InputError(f"runs of kind {name!r} cannot be shown; those that can: {', '.join(_HOMES)}")
    return Kind(*(_load(home) for home in _HOMES[name]))


def _load(home: str) -> Any:
    module, _, attribute = home.partition(":")
    return getattr(import_module(module), attribute)
