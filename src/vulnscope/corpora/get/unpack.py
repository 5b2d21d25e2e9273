"""Archives of strangers: bounded in size, ratio and count, plain files only, every defect one error."""

from __future__ import annotations

import bz2
import gzip
import lzma
import tarfile
import zipfile
import zlib
from pathlib import Path
from typing import IO, cast

from vulnscope.errors import CorruptData, RunError
from vulnscope.store.files import DISK_FULL

ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
MOST_BYTES = 64 << 30
MOST_FILES = 5_000_000
MOST_RATIO = 300
"""Unpacked over packed; source code packs to a fifth, and from a GiB on nothing honest packs to less than this."""

_ALWAYS_FINE = 1 << 30
_CHUNK = 1 << 20
_BROKEN = (
    zipfile.BadZipFile,
    tarfile.TarError,
    lzma.LZMAError,
    zlib.error,
    EOFError,
    RuntimeError,
    ValueError,
    OSError,
)
"""RuntimeError: an encrypted zip, or (NotImplementedError) a method of packing that is not known."""


def unpack(archive: Path, folder: Path) -> None:
    """Put the plain files of `archive` into `folder`; raises `CorruptData` where it is damaged, or packs too much."""
    try:
        if archive.name.lower().endswith(".zip"):
            _unzip(archive, folder)
        else:
            _untar(archive, folder)
    except _BROKEN as error:
        if isinstance(error, OSError) and error.errno in DISK_FULL:
            raise RunError(f"the disk is full: {archive} does not fit; free some space and get it again") from error
        problem = " ".join(str(error).split()) or type(error).__name__
        raise CorruptData(f"{archive} is not a whole archive: {problem}; get it again") from error


class _Budget:
    """How much more may come out of an archive."""

    def __init__(self, archive: Path) -> None:
        self._archive, self._n_files, self._n_bytes = archive, 0, 0
        self._most = min(MOST_BYTES, max(_ALWAYS_FINE, MOST_RATIO * archive.stat().st_size))

    def take(self, n_bytes: int) -> None:
        self._n_files, self._n_bytes = self._n_files + 1, self._n_bytes + n_bytes
        if self._n_files > MOST_FILES or self._n_bytes > self._most:
            raise CorruptData(
                f"{self._archive} unpacks to more than {MOST_FILES:,} files or {self._most / 2**30:.1f} GiB, which no "
                "corpus does; unpack it yourself if you trust it, then give the folder with --from"
            )


def _unzip(archive: Path, folder: Path) -> None:
    budget = _Budget(archive)
    with zipfile.ZipFile(archive) as packed:
        for member in packed.infolist():
            budget.take(member.file_size)
        packed.extractall(folder)


def _untar(archive: Path, folder: Path) -> None:
    budget = _Budget(archive)
    with _open(archive) as file:
        with tarfile.open(fileobj=file, mode="r|") as packed:
            for member in packed:
                budget.take(member.size)
                packed.extract(member, folder, filter="data")
        # To the end, where gzip and its like tell whether all was as it was packed.
        while file.read(_CHUNK):
            budget.take(_CHUNK)


def _open(archive: Path) -> IO[bytes]:
    """The tar inside, unpacked while it is read."""
    name = archive.name.lower()
    if name.endswith((".gz", ".tgz")):
        return cast("IO[bytes]", gzip.open(archive, "rb"))
    if name.endswith(".bz2"):
        return cast("IO[bytes]", bz2.open(archive, "rb"))
    return cast("IO[bytes]", lzma.open(archive, "rb")) if name.endswith(".xz") else archive.open("rb")
