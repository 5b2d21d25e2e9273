"""Writes that survive a kill: whole files by rename, appended bytes by fsync."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO

from vulnscope.errors import CorruptData

DISK_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


def open_regular(path: Path) -> BinaryIO:
    """`path` open for reading bytes; what is no file (a folder, a pipe, a device) is refused without opening it.

    Raises `CorruptData`; `OSError` where it is a file and cannot be opened.
    """
    if not stat.S_ISREG(path.stat().st_mode):
        raise CorruptData(f"{path} is not a file but {_describe(path)}; move it away")
    return path.open("rb")


def write_atomic(path: Path, content: str | bytes) -> None:
    """Replace `path` by `content`, text as UTF-8; after a crash either the old or the new is there, never a part.

    The caller holds the folder's lock: the temporary name is fixed, so that a leftover is overwritten next time.
    """
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(content if isinstance(content, bytes) else content.encode("utf-8", "surrogatepass"))
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def append_durably(path: Path, data: bytes, end: int) -> None:
    """Put `data` at byte `end` of `path`, where the file ends, and wait for the disk; on an error nothing is added."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        os.lseek(descriptor, end, os.SEEK_SET)
        _write_all(descriptor, data)
        os.fsync(descriptor)
    except BaseException:  # Ctrl-C as well: the caller may go on appending
        os.ftruncate(descriptor, end)
        raise
    finally:
        os.close(descriptor)
    if end == 0:
        sync_folder(path.parent)


def truncate_durably(path: Path, end: int) -> None:
    """Cut `path` to `end` bytes and wait for the disk."""
    with path.open("r+b") as file:
        file.truncate(end)
        os.fsync(file.fileno())


def sync_folder(path: Path) -> None:
    """Make names created or replaced in `path` durable."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _describe(path: Path) -> str:
    mode = path.stat().st_mode
    kinds = {stat.S_IFDIR: "a folder", stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket"}
    return kinds.get(stat.S_IFMT(mode), "a device")


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
