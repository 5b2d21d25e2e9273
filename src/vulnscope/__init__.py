"""Vulnscope: what a code language model says and knows about software vulnerabilities.

The public verbs live in `vulnscope.api` and are imported on first use, so that `import vulnscope` stays light.
"""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vulnscope.api import AuditResult as AuditResult
    from vulnscope.api import audit as audit
    from vulnscope.api import estimate_audit as estimate_audit
    from vulnscope.api import inspect_machine as inspect_machine
    from vulnscope.api import inspect_model as inspect_model
    from vulnscope.api import load_corpus as load_corpus
    from vulnscope.api import open_subject as open_subject
    from vulnscope.api import resume_audit as resume_audit
    from vulnscope.api import score as score

__version__ = version("vulnscope")
__all__ = [
    "AuditResult",
    "__version__",
    "audit",
    "estimate_audit",
    "inspect_machine",
    "inspect_model",
    "load_corpus",
    "open_subject",
    "resume_audit",
    "score",
]


def __getattr__(name: str) -> Any:
    if name in __all__:
        return getattr(import_module("vulnscope.api"), name)
    raise AttributeError(f"module 'vulnscope' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
