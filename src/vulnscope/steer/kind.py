"""Steering: directions swept beside their controls, and what was chosen or stored applied to a corpus."""

from __future__ import annotations

from vulnscope.kinds.kind import Kind
from vulnscope.steer.config import ApplyConfig, SteerConfig

STEER = Kind(
    name="steer",
    config=SteerConfig,
    record="vulnscope.records.steer:SteerRecord",
    page="vulnscope.report.pages.steer:page",
)
APPLY = Kind(
    name="apply",
    config=ApplyConfig,
    record="vulnscope.records.apply:ApplyRecord",
    page="vulnscope.report.pages.apply:page",
)
