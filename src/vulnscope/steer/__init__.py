"""Does steering do more than move the criterion? Directions, where and how they are added, and what they cost.

Imported on first use, as models are.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vulnscope.effects.apply_run import check_applying as check_applying
    from vulnscope.effects.apply_run import run_applying as run_applying
    from vulnscope.effects.continuations import write_both as write_both
    from vulnscope.effects.stored import read_source as read_source
    from vulnscope.steer.config import ApplyConfig as ApplyConfig
    from vulnscope.steer.config import SteerConfig as SteerConfig
    from vulnscope.steer.run import check_steered as check_steered
    from vulnscope.steer.run import check_steering as check_steering
    from vulnscope.steer.run import fit_steering as fit_steering
    from vulnscope.steer.run import run_steering as run_steering

_HOMES = {
    "ApplyConfig": "steer.config",
    "SteerConfig": "steer.config",
    "check_applying": "effects.apply_run",
    "check_steered": "steer.run",
    "check_steering": "steer.run",
    "fit_steering": "steer.run",
    "read_source": "effects.stored",
    "run_applying": "effects.apply_run",
    "run_steering": "steer.run",
    "write_both": "effects.continuations",
}
__all__ = [
    "ApplyConfig",
    "SteerConfig",
    "check_applying",
    "check_steered",
    "check_steering",
    "fit_steering",
    "read_source",
    "run_applying",
    "run_steering",
    "write_both",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"vulnscope.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'vulnscope.steer' has no attribute {name!r}")
