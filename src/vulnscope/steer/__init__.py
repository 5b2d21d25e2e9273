"""Does steering do more than move the criterion? Directions, where and how they are added, and what they cost.

Imported on first use, as models are.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vulnscope.steer.applying import check_applying as check_applying
    from vulnscope.steer.applying import run_applying as run_applying
    from vulnscope.steer.config import ApplyConfig as ApplyConfig
    from vulnscope.steer.config import SteerConfig as SteerConfig
    from vulnscope.steer.run import check_steered as check_steered
    from vulnscope.steer.run import check_steering as check_steering
    from vulnscope.steer.run import fit_steering as fit_steering
    from vulnscope.steer.run import run_steering as run_steering
    from vulnscope.steer.stored import read_source as read_source
    from vulnscope.steer.texts import write_both as write_both

_HOMES = {
    "ApplyConfig": "config",
    "SteerConfig": "config",
    "check_applying": "applying",
    "check_steered": "run",
    "check_steering": "run",
    "fit_steering": "run",
    "read_source": "stored",
    "run_applying": "applying",
    "run_steering": "run",
    "write_both": "texts",
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
        return getattr(import_module(f"vulnscope.steer.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'vulnscope.steer' has no attribute {name!r}")
