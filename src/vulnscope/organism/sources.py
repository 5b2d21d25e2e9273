"""Code to read: permissively licensed sources that are on every machine Vulnscope is installed on.

Nothing is downloaded and no corpus under study is touched: the standard library and C headers of the running Python,
and packages that Vulnscope itself depends on. Each source is listed with its licence in the model card.
"""

from __future__ import annotations

import hashlib
import sysconfig
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from vulnscope.errors import MissingPrerequisite
from vulnscope.organism.record import SourceUse

_SKIPPED_FOLDERS = frozenset(
    {"site-packages", "dist-packages", "test", "tests", "encodings", "idlelib", "lib2to3", "pydoc_data"}
)


@dataclass(frozen=True)
class Source:
    """A named folder of code with its licence."""

    name: str
    licence: str
    root: Path
    suffix: str


@dataclass(frozen=True)
class Library:
    """Texts of all sources to train on, some kept apart, and what was read from where."""

    texts: tuple[str, ...]
    unseen: tuple[str, ...]
    uses: tuple[SourceUse, ...]


def list_sources() -> tuple[Source, ...]:
    """Every source on this machine; a package that is not installed is left out."""
    paths = sysconfig.get_paths()
    sources = [
        Source("Python standard library", "PSF-2.0", Path(paths["stdlib"]), ".py"),
        Source("Python C headers", "PSF-2.0", Path(paths["include"]), ".h"),
    ]
    for package, folder, suffix, name, licence in (
        ("torch", "include/c10", ".h", "PyTorch c10 headers", "BSD-3-Clause"),
        ("torch", "include/torch", ".h", "PyTorch C++ API headers", "BSD-3-Clause"),
        ("numpy", "_core/include", ".h", "NumPy C headers", "BSD-3-Clause"),
        ("numpy", "lib", ".py", "NumPy", "BSD-3-Clause"),
        ("jinja2", "", ".py", "Jinja", "BSD-3-Clause"),
        ("yaml", "", ".py", "PyYAML", "MIT"),
        ("pydantic", "", ".py", "Pydantic", "MIT"),
        ("rich", "", ".py", "Rich", "MIT"),
        ("typer", "", ".py", "Typer", "MIT"),
        ("huggingface_hub", "", ".py", "huggingface_hub", "Apache-2.0"),
    ):
        root = _package_folder(package)
        if root is not None:
            sources.append(Source(name, licence, root / folder, suffix))
    return tuple(sources)


def read_library(sources: Sequence[Source], most_bytes: int, unseen_every: int) -> Library:
    """Texts of `sources`, at most `most_bytes` from each; each `unseen_every`-th file is kept apart for evaluation."""
    texts: list[str] = []
    uses: list[SourceUse] = []
    for source in sources:
        chosen = list(_read(source, most_bytes))
        if not chosen:
            continue
        texts += chosen
        digest = hashlib.sha256("\0".join(chosen).encode("utf-8")).hexdigest()[:16]
        n_bytes = sum(len(text.encode("utf-8")) for text in chosen)
        uses.append(
            SourceUse(name=source.name, licence=source.licence, n_files=len(chosen), n_bytes=n_bytes, sha256=digest)
        )
    if not texts:
        raise MissingPrerequisite(
            "no code to read: this Python came without the sources of its standard library; use one that has them"
        )
    unseen = tuple(texts[::unseen_every])
    return Library(tuple(text for number, text in enumerate(texts) if number % unseen_every), unseen, tuple(uses))


def _read(source: Source, most_bytes: int) -> Iterator[str]:
    """UTF-8 texts of one source until `most_bytes` are read."""
    files = [path for path in source.root.rglob(f"*{source.suffix}") if _is_wanted(path.relative_to(source.root))]
    left = most_bytes
    for path in sorted(files, key=lambda path: _order(path.relative_to(source.root))):
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        left -= len(text.encode("utf-8"))
        if left < 0:
            return
        yield text


def _is_wanted(path: Path) -> bool:
    return not _SKIPPED_FOLDERS.intersection(path.parts)


def _order(path: Path) -> str:
    """Spreads a cut evenly over the folders and does not depend on the file system's order."""
    return hashlib.sha256(path.as_posix().encode()).hexdigest()


def _package_folder(package: str) -> Path | None:
    spec = find_spec(package)
    return Path(spec.origin).parent if spec is not None and spec.origin is not None else None
