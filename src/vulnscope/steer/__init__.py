"""Does steering do more than move the criterion? Directions, where and how they are added, and what they cost.

Imported on first use, as models are.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vulnscope.steer.config import SteerConfig as SteerConfig
    from vulnscope.steer.run import apply_intervention as apply_intervention
    from vulnscope.steer.run import check_steering as check_steering
    from vulnscope.steer.run import fit_steering as fit_steering
    from vulnscope.steer.run import run_steering as run_steering
    from vulnscope.steer.splits import prepare_splits as prepare_splits

_HOMES = {
    "SteerConfig": "config",
    "apply_intervention": "run",
    "check_steering": "run",
    "fit_steering": "run",
    "prepare_splits": "splits",
    "run_steering": "run",
}
__all__ = ["SteerConfig", "apply_intervention", "check_steering", "fit_steering", "prepare_splits", "run_steering"]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"vulnscope.steer.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'vulnscope.steer' has no attribute {name!r}")
