"""What surrounds a run: library versions, the digest of this code, and where runs and caches live."""

from __future__ import annotations

import hashlib
import os
import platform
import sys
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

_LIBRARIES = ("vulnscope", "torch", "transformers", "tokenizers", "numpy", "scipy", "scikit-learn")
_CODE_SUFFIXES = (".py", ".yaml")


def collect_versions() -> dict[str, str]:
    """Versions of Python and of every library that can change a number, read without importing any."""
    return {"python": platform.python_version(), **{name: _version(name) for name in _LIBRARIES}}


def code_digest(package: Path | None = None) -> str:
    """First 16 hex digits of the SHA-256 over the sources and the data files of the package, by relative path."""
    root = package or Path(__file__).parents[1]
    digest = hashlib.sha256()
    files = (path for path in root.rglob("*") if path.suffix in _CODE_SUFFIXES)
    for path in sorted(files, key=lambda path: path.relative_to(root).as_posix()):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(root).as_posix()}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()[:16]


def cache_dir(environ: Mapping[str, str] = os.environ, system: str = sys.platform) -> Path:
    """`$VULNSCOPE_CACHE`, else the platform's cache folder for this package."""
    if own := environ.get("VULNSCOPE_CACHE"):
        return Path(own).expanduser()
    if base := environ.get("XDG_CACHE_HOME"):
        return Path(base) / "vulnscope"
    home = Path(environ["HOME"]) if environ.get("HOME") else Path.home()
    return home / ("Library/Caches" if system == "darwin" else ".cache") / "vulnscope"


def runs_dir(environ: Mapping[str, str] = os.environ) -> Path:
    """`$VULNSCOPE_RUNS`, else `runs` in the working folder."""
    return Path(environ.get("VULNSCOPE_RUNS") or "runs").expanduser()


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"
