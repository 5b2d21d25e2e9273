"""Finding a corpus on disk, with errors that say what was expected and what was found."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from vulnscope.errors import InputError

_N_SHOWN = 8


def require_path(corpus: str, path: Path | None, expected: str) -> Path:
    """`path` where it exists; raises `InputError` naming what `expected` describes."""
    if path is None:
        raise InputError(
            f"corpus {corpus!r} is read from disk: give its folder with --data-dir DIR (data_dir=...), "
            f"set VULNSCOPE_DATA to a folder that holds it as {corpus}/, or fetch it with "
            f"`vulnscope corpus get {corpus}`; expected {expected}"
        )
    if not path.exists():
        raise InputError(f"corpus {corpus!r}: {path} does not exist; expected {expected}")
    return path


def find_root(corpus: str, path: Path | None, parts: tuple[str, ...], inner: str, expected: str) -> Path:
    """The folder with all of `parts`: `path` itself or `path/inner`; raises `InputError` where it is neither."""
    path = require_path(corpus, path, expected)
    for root in (path / inner, path):
        if all((root / part).is_dir() for part in parts):
            return root
    root = path / inner if (path / inner).is_dir() else path
    missing = [part for part in parts if not (root / part).is_dir()]
    raise wrong_layout(corpus, root, f"{expected}; missing: {', '.join(missing)}")


def wrong_layout(corpus: str, path: Path, expected: str) -> InputError:
    """The error for a folder that exists and holds something else."""
    return InputError(f"corpus {corpus!r}: wrong layout in {path}: expected {expected}; found: {_list(path)}")


def subfolders(path: Path) -> list[Path]:
    """Folders directly in `path`, by name, without hidden ones; empty where `path` is none."""
    if not path.is_dir():
        return []
    return sorted(entry for entry in path.iterdir() if entry.is_dir() and not entry.name.startswith("."))


def files(path: Path) -> list[Path]:
    """Plain files directly in `path`, by name, without hidden ones. Nothing is opened."""
    return sorted(entry for entry in path.iterdir() if entry.is_file() and not entry.name.startswith("."))


def own_files(root: Path) -> list[Path]:
    """Plain files directly in `root`, or `root` itself where it is one."""
    return [root] if root.is_file() else files(root)


def walk_files(root: Path) -> Iterator[tuple[Path, str]]:
    """Plain files in any depth below `root`, or `root` itself, each with its name from there; nothing hidden, no links.

    In order of their names. Nothing is opened.
    """
    if root.is_file():
        yield root, root.name
        return
    for path in sorted(root.rglob("*")):
        parts = path.relative_to(root).parts
        if path.is_file() and not path.is_symlink() and not any(part.startswith(".") for part in parts):
            yield path, "/".join(parts)


def _list(path: Path) -> str:
    if not path.is_dir():
        return "a file"
    names = sorted(entry.name + "/" * entry.is_dir() for entry in path.iterdir())
    more = f", and {len(names) - _N_SHOWN} more" if len(names) > _N_SHOWN else ""
    return ", ".join(names[:_N_SHOWN]) + more if names else "nothing"
