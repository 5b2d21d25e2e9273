"""What does the model say? Two polarities, pairs, controls and intervals."""

from vulnscope.audit.config import AuditConfig
from vulnscope.audit.run import run_audit

__all__ = ["AuditConfig", "run_audit"]
