from __future__ import annotations

import logging
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vulnscope.store import AnswerCache, AnswerKey

KEY: dict[str, Any] = {
    "subject_digest": "s",
    "dtype": "float32",
    "device_kind": "cpu",
    "versions": {"torch": "2.13.0"},
    "token_ids": (1, 2, 3),
    "decoding": {"method": "score", "seed": None, "repeat": 0},
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "answers.sqlite"


def test_values_come_back_and_unknown_keys_do_not(path: Path) -> None:
    with AnswerCache(path) as cache:
        cache.put_many({"a": [1.5, "naïve\u2028"], "b": {"x": None}})
    with AnswerCache(path) as cache:
        assert cache.get_many(["b", "c", "a"]) == {"a": [1.5, "naïve\u2028"], "b": {"x": None}}
        assert cache.get_many([]) == {}


def test_more_keys_than_one_query_takes(path: Path) -> None:
    values = {f"k{i}": i for i in range(1234)}
    with AnswerCache(path) as cache:
        cache.put_many(values)
        assert cache.get_many(list(values)) == values


def test_the_first_value_stays(path: Path) -> None:
    with AnswerCache(path) as cache:
        cache.put_many({"a": 1})
        cache.put_many({"a": 2, "b": 3})
        assert cache.get_many(["a", "b"]) == {"a": 1, "b": 3}


def test_nan_is_refused(path: Path) -> None:
    with AnswerCache(path) as cache, pytest.raises(ValueError, match="not JSON compliant"):
        cache.put_many({"a": float("nan")})


@pytest.mark.parametrize(
    "change",
    [
        {"subject_digest": "t"},
        {"adapter": "a"},
        {"quantization": "nf4"},
        {"dtype": "bfloat16"},
        {"device_kind": "cuda"},
        {"versions": {"torch": "2.14.0"}},
        {"token_ids": (1, 2, 4)},
        {"answers": ((5,),)},
        {"decoding": {"method": "score", "seed": None, "repeat": 1}},
        {"intervention_digest": "i"},
    ],
)
def test_every_field_is_part_of_the_key(change: dict[str, Any]) -> None:
    assert AnswerKey(**KEY).key() == AnswerKey(**KEY).key()
    assert AnswerKey(**{**KEY, **change}).key() != AnswerKey(**KEY).key()
    assert len(AnswerKey(**KEY).key()) == 64


@given(content=st.binary(min_size=1, max_size=200))
def test_no_content_of_the_file_is_fatal(content: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("cache") / "answers.sqlite"
    path.write_bytes(content)
    with AnswerCache(path) as cache:
        cache.put_many({"a": 1})
        assert cache.get_many(["a"]) == {"a": 1}


def test_a_damaged_file_is_moved_aside_and_kept(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path.parent.mkdir()
    path.write_bytes(b"no database" * 100)
    with caplog.at_level(logging.WARNING), AnswerCache(path) as cache:
        assert cache.is_on
    aside = path.with_name("answers.sqlite.damaged-1")
    assert aside.read_bytes() == b"no database" * 100
    assert f"is damaged (file is not a database): moved to {aside}, starting a new one" in caplog.text


def test_damage_inside_is_survived(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with AnswerCache(path) as cache:
        cache.put_many({f"{i:064d}": "x" * 500 for i in range(200)})
        cache._database.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # type: ignore[union-attr]
    content = bytearray(path.read_bytes())
    content[4096:] = b"\xff" * (len(content) - 4096)
    path.write_bytes(content)
    with caplog.at_level(logging.WARNING), AnswerCache(path) as cache:
        assert cache.get_many([f"{i:064d}" for i in range(200)]) == {}
        cache.put_many({"a": 1})
        assert cache.get_many(["a"]) == {"a": 1}
    assert "damaged" in caplog.text


@pytest.mark.parametrize("change", ["'{'", "7", "NULL || ''", "replace(value, '1.5', '9.5')", "'1.5'", "x'ff'"])
def test_a_value_that_is_not_as_it_was_written_counts_as_unknown_and_makes_room(path: Path, change: str) -> None:
    with AnswerCache(path) as cache:
        cache.put_many({"a": 1.5, "b": 2})
    database = sqlite3.connect(path)
    database.execute(f"UPDATE answers SET value = ifnull({change}, '') WHERE key = 'a'")
    database.commit()
    database.close()
    with AnswerCache(path) as cache:
        assert cache.get_many(["a", "b"]) == {"b": 2}
        cache.put_many({"a": 3})
        assert cache.get_many(["a", "b"]) == {"a": 3, "b": 2}


def test_a_value_of_another_key_or_another_format_counts_as_unknown(path: Path) -> None:
    with AnswerCache(path) as cache:
        cache.put_many({"a": 1, "b": 2, "c": 3})
    database = sqlite3.connect(path)
    database.execute("UPDATE answers SET value = (SELECT value FROM answers WHERE key = 'b') WHERE key = 'a'")
    database.execute("UPDATE answers SET value = 'v0' || substr(value, 3) WHERE key = 'c'")
    database.commit()
    database.close()
    with AnswerCache(path) as cache:
        assert cache.get_many(["a", "b", "c"]) == {"b": 2}


def test_a_place_that_cannot_be_used_turns_it_off(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "cache").write_text("a file where the folder belongs")
    with caplog.at_level(logging.WARNING), AnswerCache(tmp_path / "cache" / "answers.sqlite") as cache:
        assert not cache.is_on
        cache.put_many({"a": 1})
        assert cache.get_many(["a"]) == {}
    assert "is off for this run" in caplog.text


def test_a_file_that_another_process_is_making_is_waited_for(path: Path) -> None:
    path.parent.mkdir(parents=True)
    maker = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    maker.execute("BEGIN IMMEDIATE")
    done = threading.Timer(0.3, maker.execute, ["COMMIT"])
    done.start()
    with AnswerCache(path) as cache:
        assert cache.is_on
        assert not maker.in_transaction
    done.join()
    maker.close()


def test_two_processes_write_at_once(path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from vulnscope.store import AnswerCache\n"
        "cache = AnswerCache(Path(sys.argv[1]))\n"
        "for i in range(60): cache.put_many({f'{sys.argv[2]}{i}': i, f'shared{i}': sys.argv[2]})\n"
    )
    processes = [subprocess.Popen([sys.executable, "-c", program, str(path), name]) for name in "xy"]
    assert [process.wait() for process in processes] == [0, 0]
    with AnswerCache(path) as cache:
        assert len(cache.get_many([f"{name}{i}" for name in "xy" for i in range(60)])) == 120
        assert set(cache.get_many([f"shared{i}" for i in range(60)]).values()) <= {"x", "y"}
