"""Names of a package, imported on first use: the stub beside its `__init__` says once where each lives.

Type checkers read the same stub, so `from vulnscope.models import score` completes and type-checks, while
`import vulnscope.models` loads nothing heavy.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any


def read_stub(init_file: str) -> dict[str, str]:
    """The module that each public name is imported from, by the lines `from MODULE import NAME as NAME` of the stub."""
    stub = ast.parse(Path(init_file).with_suffix(".pyi").read_text(encoding="utf-8"))
    return {
        alias.name: str(node.module)
        for node in stub.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
        if alias.asname == alias.name
    }


def serve_names(package: str, init_file: str) -> tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]:
    """`__getattr__`, `__dir__` and `__all__` of a package whose names its stub lists."""
    homes = read_stub(init_file)

    def get(name: str) -> Any:
        if name in homes:
            return getattr(import_module(homes[name]), name)
        raise AttributeError(f"module {package!r} has no attribute {name!r}")

    return get, lambda: sorted(homes), sorted(homes)
