"""Vulnscope: what a code language model says and knows about software vulnerabilities.

The public verbs live in `vulnscope.api` and are imported on first use, so that `import vulnscope` stays light.
"""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.metadata import version
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vulnscope.api import AgainstResult as AgainstResult
    from vulnscope.api import AuditResult as AuditResult
    from vulnscope.api import PatchResult as PatchResult
    from vulnscope.api import ProbeResult as ProbeResult
    from vulnscope.api import SteerResult as SteerResult
    from vulnscope.api import StudyResult as StudyResult
    from vulnscope.api import audit as audit
    from vulnscope.api import capture as capture
    from vulnscope.api import capture_to as capture_to
    from vulnscope.api import combine_runs as combine_runs
    from vulnscope.api import compare_runs as compare_runs
    from vulnscope.api import edited as edited
    from vulnscope.api import estimate_audit as estimate_audit
    from vulnscope.api import inspect_machine as inspect_machine
    from vulnscope.api import inspect_model as inspect_model
    from vulnscope.api import load_corpus as load_corpus
    from vulnscope.api import open_subject as open_subject
    from vulnscope.api import patch as patch
    from vulnscope.api import probe as probe
    from vulnscope.api import resume_audit as resume_audit
    from vulnscope.api import score as score
    from vulnscope.api import steer as steer
    from vulnscope.api import study as study

__version__ = version("vulnscope")
__all__ = [
    "AgainstResult",
    "AuditResult",
    "PatchResult",
    "ProbeResult",
    "SteerResult",
    "StudyResult",
    "__version__",
    "audit",
    "capture",
    "capture_to",
    "combine_runs",
    "compare_runs",
    "edited",
    "estimate_audit",
    "inspect_machine",
    "inspect_model",
    "load_corpus",
    "open_subject",
    "patch",
    "probe",
    "resume_audit",
    "score",
    "steer",
    "study",
]


class _Verb:
    """A public name, imported from `vulnscope.api` on first use.

    Some verbs share their name with the room that does the work (`audit`). Importing that room would replace the verb
    on this package; a data descriptor keeps it, and `from vulnscope.audit import ...` works all the same.
    """

    def __init__(self, name: str) -> None:
        self._name = name

    def __get__(self, package: ModuleType, owner: type[ModuleType]) -> Any:
        return getattr(import_module("vulnscope.api"), self._name)

    def __set__(self, package: ModuleType, room: ModuleType) -> None:
        """Called by the import system with the room of the same name."""


_Package = type("_Package", (ModuleType,), {name: _Verb(name) for name in __all__ if name != "__version__"})
sys.modules[__name__].__class__ = _Package


def __dir__() -> list[str]:
    return sorted(__all__)
