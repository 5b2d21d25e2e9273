from __future__ import annotations

import logging
import zlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vulnscope.errors import CorruptData
from vulnscope.store import files
from vulnscope.store.rows import RowLog, count_lines, iter_batches

BATCHES = st.lists(
    st.lists(
        st.fixed_dictionaries({"sample": st.text(), "margin": st.floats(allow_nan=False, allow_infinity=False)}),
        min_size=1,
        max_size=4,
    ),
    max_size=5,
)


def write(path: Path, batches: list[list[dict[str, object]]]) -> bytes:
    log = RowLog(path)
    for batch in batches[log.n_batches :]:
        log.append(batch)
    return path.read_bytes() if path.exists() else b""


@pytest.fixture(autouse=True)
def no_waiting_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files.os, "fsync", lambda _: None)


def test_rows_come_back_as_written(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    write(path, [[{"a": 1}, {"a": 2}], [{"a": 3}]])
    assert [batch.rows for batch in iter_batches(path)] == [({"a": 1}, {"a": 2}), ({"a": 3},)]
    assert count_lines(path) == 3


def test_every_line_is_a_flat_row_that_names_its_batch_and_carries_a_checksum(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    write(path, [[{"z": 1, "b": "x"}], [{"b": "y"}, {}]])
    checks = [
        f"{zlib.crc32(rest, zlib.crc32(place)):08x}"
        for place, rest in [
            (b"(0, 0, 1)", b',"b":"x","z":1}\n'),
            (b"(1, 0, 2)", b',"b":"y"}\n'),
            (b"(1, 1, 2)", b"}\n"),
        ]
    ]
    assert path.read_text().splitlines() == [
        f'{{"_batch":[0,0,1,"{checks[0]}"],"b":"x","z":1}}',
        f'{{"_batch":[1,0,2,"{checks[1]}"],"b":"y"}}',
        f'{{"_batch":[1,1,2,"{checks[2]}"]}}',
    ]


@pytest.mark.parametrize(
    "change",
    [
        (b'"margin":2', b'"margin":-9'),
        (b'"says":"fixed"', b'"says":"vulnerable"'),
        (b'"sample":"c"', b'"sample":"a"'),
        (b"\n", b"\r\n"),
    ],
)
@pytest.mark.parametrize("line", [1, 2])
def test_a_row_changed_after_it_was_written_is_refused_with_its_line(
    tmp_path: Path, change: tuple[bytes, bytes], line: int
) -> None:
    path = tmp_path / "rows.jsonl"
    row = {"margin": 2, "says": "fixed", "sample": "c"}
    lines = write(path, [[{**row, "sample": "b"}], [row], [row]]).splitlines(keepends=True)
    lines[line] = lines[line].replace(*change)
    path.write_bytes(b"".join(lines))
    with pytest.raises(CorruptData, match=rf"rows\.jsonl:{line + 1}: .*not as it was written \(its checksum differs\)"):
        RowLog(path)


def test_a_row_without_its_checksum_among_checked_rows_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    first, second = write(path, [[{"a": 1}], [{"a": 2}]]).splitlines(keepends=True)
    path.write_bytes(first + b'{"_batch":[1,0,1],"a":9}\n')
    with pytest.raises(CorruptData, match=r"rows\.jsonl:2"):
        RowLog(path)
    path.write_bytes(b'{"_batch":[0,0,1],"a":9}\n' + second)
    with pytest.raises(CorruptData, match=r"rows\.jsonl:2"):
        RowLog(path)


def test_rows_of_versions_without_checksums_are_read_and_continued_alike(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b'{"_batch":[0,0,1],"a":1}\n')
    whole = write(path, [[{"a": 1}], [{"a": 2}]])
    assert whole == b'{"_batch":[0,0,1],"a":1}\n{"_batch":[1,0,1],"a":2}\n'
    assert [batch.rows for batch in iter_batches(path)] == [({"a": 1},), ({"a": 2},)]


@given(batches=BATCHES, data=st.data())
def test_a_kill_at_any_byte_then_a_resume_gives_the_same_bytes(
    batches: list[list[dict[str, object]]], data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("run") / "rows.jsonl"
    whole = write(path, batches)
    path.write_bytes(whole[: data.draw(st.integers(0, len(whole)), label="bytes that survived")])
    assert write(path, batches) == whole


@given(batches=BATCHES, garbage=st.binary(max_size=80), data=st.data())
def test_garbage_behind_the_last_synced_batch_is_redone(
    batches: list[list[dict[str, object]]],
    garbage: bytes,
    data: st.DataObject,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    path = tmp_path_factory.mktemp("run") / "rows.jsonl"
    whole = write(path, batches)
    ends = [0, *(batch.end for batch in iter_batches(path))]
    path.write_bytes(whole[: data.draw(st.sampled_from(ends))] + garbage)
    assert write(path, batches) == whole


def test_pages_of_the_last_batch_written_out_of_order_are_redone(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    whole = write(path, [[{"a": 1}], [{"a": 2}, {"a": 3}]])
    first, second, third = whole.splitlines(keepends=True)
    path.write_bytes(first + b"\0" * (len(second) - 1) + b"\n" + third)
    assert RowLog(path).n_batches == 1


def test_dropping_rows_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "rows.jsonl"
    write(path, [[{"a": 1}], [{"a": 2}, {"a": 3}]])
    path.write_bytes(path.read_bytes()[:-1])
    with caplog.at_level(logging.WARNING):
        log = RowLog(path)
    assert (log.n_rows, log.n_batches) == (1, 1)
    assert f"{path}: batch 1 is incomplete; its rows are dropped and will be redone" in caplog.messages


def test_reading_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    torn = write(path, [[{"a": 1}]]) + b'{"_batch":[1,0,2],'
    path.write_bytes(torn)
    assert len(list(iter_batches(path))) == 1
    assert path.read_bytes() == torn


def test_damage_before_later_batches_is_named_not_redone(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    lines = write(path, [[{"a": 1}], [{"a": 2}], [{"a": 3}]]).splitlines(keepends=True)
    path.write_bytes(lines[0] + b"garbage\n" + lines[2])
    with pytest.raises(CorruptData, match=r"rows\.jsonl:2: not a row, and later batches follow it; .*new run"):
        RowLog(path)


@pytest.mark.parametrize("order", [(0, 2), (1, 0), (0, 0)])
def test_rows_out_of_order_are_refused(tmp_path: Path, order: tuple[int, int]) -> None:
    path = tmp_path / "rows.jsonl"
    lines = write(path, [[{"a": 1}], [{"a": 2}], [{"a": 3}]]).splitlines(keepends=True)
    path.write_bytes(b"".join(lines[i] for i in order))
    with pytest.raises(CorruptData, match=r"rows\.jsonl:\d: row \[.*\] stands where \[.*\] belongs"):
        RowLog(path)


def test_a_failing_write_leaves_the_file_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "rows.jsonl"
    log = RowLog(path)
    log.append([{"a": 1}])
    before = path.read_bytes()

    def half(descriptor: int, data: bytes) -> int:
        monkeypatch.setattr(files.os, "write", fail)
        return real(descriptor, bytes(data[: len(data) // 2]))

    def fail(descriptor: int, data: bytes) -> int:
        raise OSError(28, "No space left on device")

    real = files.os.write
    monkeypatch.setattr(files.os, "write", half)
    with pytest.raises(OSError, match="No space left"):
        log.append([{"a": 2}, {"a": 3}])
    monkeypatch.setattr(files.os, "write", real)
    assert path.read_bytes() == before
    log.append([{"a": 2}, {"a": 3}])
    assert [len(batch.rows) for batch in iter_batches(path)] == [1, 2]


def test_no_rows_no_batch_and_nan_is_refused(tmp_path: Path) -> None:
    log = RowLog(tmp_path / "rows.jsonl")
    log.append([])
    with pytest.raises(ValueError, match="not JSON compliant"):
        log.append([{"a": float("nan")}])
    assert log.n_batches == 0
    assert not (tmp_path / "rows.jsonl").exists()
