"""Archives of strangers: bombs, damage and odd methods are refused in one sentence, and nothing is left behind."""

from __future__ import annotations

import gzip
import io
import tarfile
import zipfile
from pathlib import Path

import pytest

from vulnscope.corpora.get import unpack as module
from vulnscope.corpora.get.unpack import unpack
from vulnscope.errors import CorruptData


def tar_of(files: dict[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return packed.getvalue()


def zip_of(files: dict[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return packed.getvalue()


@pytest.mark.parametrize("name", ["a.tar", "a.tar.gz", "a.tgz", "a.tar.bz2", "a.tar.xz", "a.zip"])
def test_files_come_out_as_they_went_in(tmp_path: Path, name: str) -> None:
    source = tmp_path / "in"
    (source / "below").mkdir(parents=True)
    (source / "below" / "x.c").write_bytes(b"int x;\n")
    if name.endswith(".zip"):
        (tmp_path / name).write_bytes(zip_of({"below/x.c": b"int x;\n"}))
    else:
        mode = {"a.tar": "w", "a.tar.gz": "w:gz", "a.tgz": "w:gz", "a.tar.bz2": "w:bz2", "a.tar.xz": "w:xz"}[name]
        with tarfile.open(tmp_path / name, mode) as archive:  # type: ignore[call-overload]
            archive.add(source, arcname=".")
    out = tmp_path / "out"
    out.mkdir()
    unpack(tmp_path / name, out)
    assert (out / "below" / "x.c").read_bytes() == b"int x;\n"


@pytest.mark.parametrize("name", ["bomb.zip", "bomb.tar.gz"])
def test_a_bomb_is_refused_before_it_goes_off(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_ALWAYS_FINE", 1 << 20)
    files = {f"{i}.c": b"\0" * (1 << 20) for i in range(30)}
    (tmp_path / name).write_bytes(zip_of(files) if name.endswith("zip") else gzip.compress(tar_of(files)))
    out = tmp_path / "out"
    out.mkdir()
    with pytest.raises(CorruptData, match=r"unpacks to more than .* GiB, which no corpus does; .*--from"):
        unpack(tmp_path / name, out)
    assert sum(path.stat().st_size for path in out.rglob("*")) <= 25 << 20


def test_more_files_than_any_corpus_has_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_FILES", 10)
    (tmp_path / "many.zip").write_bytes(zip_of({f"{i}.c": b"" for i in range(11)}))
    with pytest.raises(CorruptData, match="unpacks to more than 10 files"):
        unpack(tmp_path / "many.zip", tmp_path)


def flipped(data: bytes, place: int) -> bytes:
    return data[:place] + bytes([data[place] ^ 0xFF]) + data[place + 1 :]


GZIPPED = gzip.compress(tar_of({"x.c": b"int x;\n" * 99}), mtime=0)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("trailer.tar.gz", flipped(GZIPPED, len(GZIPPED) - 6)),
        ("cut.tar.gz", GZIPPED[:-9]),
        ("text.tar", b"no archive at all"),
        ("text.zip", b"no archive at all"),
        ("empty.tar.xz", b""),
        ("crc.zip", flipped(zip_of({"x.c": b"int x;\n" * 99}), 45)),
        ("clash.tar", tar_of({"a": b"1", "a/b": b"2"})),
        ("clash.zip", zip_of({"a": b"1", "a/b": b"2"})),
        ("long.tar", tar_of({"x" * 300: b"1"})),
        ("outside.tar", tar_of({"../escaped": b"1"})),
        ("method.zip", zip_of({"x.c": b"1"}).replace(b"\x14\0\0\0\x08\0", b"\x14\0\0\0\x63\0")),
        ("method.zip", zip_of({"x.c": b"1"}).replace(b"\x14\0\0\0\x08\0", b"\x14\0\x01\0\x08\0")),
    ],
    ids=[
        "trailer",
        "cut",
        "text.tar",
        "text.zip",
        "empty",
        "crc",
        "clash.tar",
        "clash.zip",
        "long",
        "outside",
        "method",
        "locked",
    ],
)
def test_every_defect_is_one_error(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    out = tmp_path / "out"
    out.mkdir()
    with pytest.raises(CorruptData, match=f"{name} is not a whole archive: "):
        unpack(tmp_path / name, out)
    assert not (tmp_path / "escaped").exists()
