"""What does the model say, what does it know, and what closes the gap? All stages in one run, with one diagnosis.

Imported on first use, as models are.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vulnscope.study.checks import check_study as check_study
    from vulnscope.study.checks import check_subject as check_subject
    from vulnscope.study.config import Limits as Limits
    from vulnscope.study.config import StudyConfig as StudyConfig
    from vulnscope.study.diagnosis import diagnose as diagnose
    from vulnscope.study.run import diagnose_subject as diagnose_subject
    from vulnscope.study.run import run_study as run_study

_HOMES = {
    "Limits": "config",
    "StudyConfig": "config",
    "check_study": "checks",
    "check_subject": "checks",
    "diagnose": "diagnosis",
    "diagnose_subject": "run",
    "run_study": "run",
}
__all__ = ["Limits", "StudyConfig", "check_study", "check_subject", "diagnose", "diagnose_subject", "run_study"]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"vulnscope.study.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'vulnscope.study' has no attribute {name!r}")
