"""Audits: what a model says, and what is measured from answers that are already there."""

from __future__ import annotations

from vulnscope.audit.config import AuditConfig
from vulnscope.kinds.kind import Kind

_RECORD = "vulnscope.records.audit:AuditRecord"
_PAGE = ("vulnscope.report:render_html", "vulnscope.report:render_terminal")

AUDIT = Kind(name="audit", config=AuditConfig, record=_RECORD, page=_PAGE)
COMBINE = Kind(name="combine", config=AuditConfig, record=_RECORD, page=_PAGE)
IMPORT = Kind(name="import", config=AuditConfig, record=_RECORD, page=_PAGE)
RESCORE = Kind(name="rescore", config=AuditConfig, record=_RECORD, page=_PAGE)
COMPARE = Kind(name="compare", config=AuditConfig, record="vulnscope.records.comparison:ComparisonRecord", page=_PAGE)
