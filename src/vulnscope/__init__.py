"""Vulnscope: what a code language model says and knows about software vulnerabilities.

The public verbs live in `vulnscope.api` and are imported on first use, so that `import vulnscope` stays light; the stub
beside this file lists them.
"""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.metadata import version
from types import ModuleType
from typing import Any

from vulnscope.facade import read_stub

__version__ = version("vulnscope")
_HOMES = read_stub(__file__)
__all__ = sorted([*_HOMES, "__version__"])


class _Verb:
    """A public name, imported from `vulnscope.api` on first use.

    Some verbs share their name with the room that does the work (`audit`). Importing that room would replace the verb
    on this package; a data descriptor keeps it, and `from vulnscope.audit import ...` works all the same.
    """

    def __init__(self, name: str) -> None:
        self._name = name

    def __get__(self, package: ModuleType, owner: type[ModuleType]) -> Any:
        return getattr(import_module(_HOMES[self._name]), self._name)

    def __set__(self, package: ModuleType, room: ModuleType) -> None:
        """Called by the import system with the room of the same name."""


_Package = type("_Package", (ModuleType,), {name: _Verb(name) for name in _HOMES})
sys.modules[__name__].__class__ = _Package


def __dir__() -> list[str]:
    return __all__
