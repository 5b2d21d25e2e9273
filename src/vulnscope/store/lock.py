"""One process per run folder, by `flock` on a file that names its holder.

The kernel drops the lock with the process, so a killed run never leaves a stale one behind. The file itself stays:
deleting it would let a third process lock a new file of the same name beside the second.
"""

from __future__ import annotations

import fcntl
import os
import time
from contextlib import suppress
from pathlib import Path
from typing import Self

from vulnscope.errors import RunError

LOCK_NAME = ".lock"
_ATTEMPTS = 5
_PAUSE_SECONDS = 0.02


class FolderLock:
    """Exclusive hold on a run folder; a context manager, taken at construction."""

    def __init__(self, folder: Path) -> None:
        try:
            self._descriptor = os.open(folder / LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        except OSError as error:
            raise RunError(f"cannot lock run folder {folder}: {error}") from error
        try:
            self._take(folder)
        except BaseException:
            os.close(self._descriptor)
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    def release(self) -> None:
        """Let others in; a second call does nothing."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _take(self, folder: Path) -> None:
        for attempt in range(_ATTEMPTS):
            try:
                fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                # `is_locked` of another process holds a shared lock for an instant: worth a second try.
                if attempt + 1 < _ATTEMPTS:
                    time.sleep(_PAUSE_SECONDS)
                    continue
                raise RunError(
                    f"run folder {folder} is in use by {_holder(self._descriptor)}; "
                    "wait until it ends, stop it, or start a run of its own without --resume"
                ) from None
            self._sign()
            return

    def _sign(self) -> None:
        # The name is for the message alone: a disk too full to hold it is no reason to refuse the lock.
        with suppress(OSError):
            os.ftruncate(self._descriptor, 0)
            os.pwrite(self._descriptor, f"{os.getpid()}\n".encode(), 0)


def is_locked(folder: Path) -> bool:
    """Whether a live process holds `folder`."""
    try:
        descriptor = os.open(folder / LOCK_NAME, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def _holder(descriptor: int) -> str:
    text = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip()
    return f"process {text}" if text.isdigit() else "another process"
