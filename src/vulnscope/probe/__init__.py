"""What does the model know? Linear read-outs of its hidden states against every surface rule.

Imported on first use, as models are.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vulnscope.probe.config import ProbeConfig as ProbeConfig
    from vulnscope.probe.run import check_probe as check_probe
    from vulnscope.probe.run import run_probe as run_probe

_HOMES = {
    "ProbeConfig": "config",
    "check_probe": "run",
    "run_probe": "run",
}
__all__ = ["ProbeConfig", "check_probe", "run_probe"]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"vulnscope.probe.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'vulnscope.probe' has no attribute {name!r}")
