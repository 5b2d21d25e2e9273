"""What does the model know? Linear read-outs of its hidden states against every surface rule, and twin patching.

Imported on first use, as models are.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vulnscope.probe.config import PatchConfig as PatchConfig
    from vulnscope.probe.config import ProbeConfig as ProbeConfig
    from vulnscope.probe.patching import check_patching as check_patching
    from vulnscope.probe.patching import run_patching as run_patching
    from vulnscope.probe.run import check_probe as check_probe
    from vulnscope.probe.run import run_probe as run_probe

_HOMES = {
    "PatchConfig": "config",
    "ProbeConfig": "config",
    "check_patching": "patching",
    "check_probe": "run",
    "run_patching": "patching",
    "run_probe": "run",
}
__all__ = ["PatchConfig", "ProbeConfig", "check_patching", "check_probe", "run_patching", "run_probe"]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"vulnscope.probe.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'vulnscope.probe' has no attribute {name!r}")
