"""What does the model say? Two polarities, pairs, controls and intervals. Imported on first use, as models are."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vulnscope.audit.config import AuditConfig as AuditConfig
    from vulnscope.audit.ordinary import load_background as load_background
    from vulnscope.audit.run import check_audit as check_audit
    from vulnscope.audit.run import estimate_audit as estimate_audit
    from vulnscope.audit.run import run_audit as run_audit

_HOMES = {
    "AuditConfig": "config",
    "check_audit": "run",
    "estimate_audit": "run",
    "load_background": "ordinary",
    "run_audit": "run",
}
__all__ = ["AuditConfig", "check_audit", "estimate_audit", "load_background", "run_audit"]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"vulnscope.audit.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'vulnscope.audit' has no attribute {name!r}")
