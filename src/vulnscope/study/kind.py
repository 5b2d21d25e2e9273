"""The whole study of one model, of two, and of an earlier experiment repeated."""

from __future__ import annotations

from vulnscope.kinds.kind import Kind
from vulnscope.study.config import StudyConfig
from vulnscope.study.presets.settings import StarcoderConfig

STUDY = Kind(
    name="study",
    config=StudyConfig,
    record="vulnscope.records.study:StudyRecord",
    page="vulnscope.report.pages.study:page",
)
AGAINST = Kind(
    name="against",
    config=StudyConfig,
    record="vulnscope.records.against:AgainstRecord",
    page=("vulnscope.report.against_panels:render_against", "vulnscope.report.against_panels:print_against"),
)
REPRODUCTION = Kind(
    name="reproduction",
    config=StarcoderConfig,
    record="vulnscope.records.reproduction:ReproductionRecord",
    page="vulnscope.report.pages.reproduction:page",
)
