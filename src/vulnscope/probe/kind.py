"""Probing: what a model knows, read out of its hidden states."""

from __future__ import annotations

from vulnscope.kinds.kind import Kind
from vulnscope.probe.config import ProbeConfig

PROBE = Kind(
    name="probe",
    config=ProbeConfig,
    record="vulnscope.records.probe:ProbeRecord",
    page="vulnscope.report.pages.probe:page",
)
