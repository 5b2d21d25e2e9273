from __future__ import annotations

import csv
import json
import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from vulnscope.corpora import Corpus, load_corpus
from vulnscope.errors import CorruptData, MissingPrerequisite

ROWS: list[dict[str, Any]] = [
    {"func": "a = 1\n", "target": 1, "twin": "p", "cwe": "CWE-89, cwe_79", "lang": "Python"},
    {"func": "a = 2\n", "target": 0, "twin": "p", "cwe": "['CWE-89', 'CWE-79']", "lang": "python"},
    {"func": 'b = "," # ünïcode\n', "target": 0, "twin": None, "cwe": None, "lang": None},
]
COLUMNS = "code=func,label=target,pair=twin,language=lang"


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str], Path]:
    """The same rows in any of the formats."""

    def write_rows(suffix: str) -> Path:
        path = tmp_path / f"rows{suffix}"
        if suffix in (".jsonl", ".ndjson"):
            path.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
        elif suffix == ".csv":
            with path.open("w", newline="", encoding="utf-8-sig") as file:
                writer = csv.DictWriter(file, fieldnames=list(ROWS[0]))
                writer.writeheader()
                writer.writerows(ROWS)
        else:
            arrow = pytest.importorskip("pyarrow")
            pytest.importorskip("pyarrow.parquet").write_table(arrow.Table.from_pylist(ROWS), path)
        return path

    return write_rows


@pytest.mark.parametrize("suffix", [".jsonl", ".ndjson", ".csv", ".parquet"])
def test_every_format_gives_the_same_samples(suffix: str, write: Callable[[str], Path]) -> None:
    corpus = load_corpus("table", write(suffix), columns=COLUMNS, licence="MIT")
    assert [sample.code for sample in corpus.samples] == [row["func"] for row in ROWS]
    assert [sample.label for sample in corpus.samples] == ["vulnerable", "fixed", "fixed"]
    assert [sample.language for sample in corpus.samples] == ["python", "python", "unknown"]
    assert [sample.cwes for sample in corpus.samples] == [("CWE-89", "CWE-79"), ("CWE-89", "CWE-79"), ()]
    assert [sample.pair_id for sample in corpus.samples] == ["p", "p", None]
    assert {sample.licence for sample in corpus.samples} == {"MIT"}
    assert [pair.id for pair in corpus.pairs] == ["p"]
    assert corpus.options["columns"] == COLUMNS


def test_a_row_may_hold_a_pair(load_fixture: Callable[..., Corpus]) -> None:
    corpus = load_fixture("table")
    pair = corpus.pairs[1]
    assert (pair.id, pair.vulnerable.id, pair.fixed.id) == ("run", "run/vulnerable", "run/fixed")
    assert pair.vulnerable.cwes == ("CWE-78",)
    assert pair.vulnerable.origin.path == "pairs.jsonl:2"
    assert corpus.groups["run/fixed"] == "commit:beef"


def test_csv_rows_are_named_by_the_line_they_begin_on(corpora_dir: Path) -> None:
    corpus = load_corpus("table", corpora_dir / "samples", columns="code=func,label=target,pair=twin")
    assert [sample.id for sample in corpus.samples] == ["samples:2", "samples:5", "samples:8"]
    assert corpus.samples[0].origin.project == "web"


def test_labels_can_be_mapped_and_given_for_all_rows(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text('code,label\n"x = 1",BAD\n"x = 2",ok\n"x = 3",?\n')
    corpus = load_corpus("table", path, labels="bad=vulnerable,ok=fixed,?=unlabelled")
    assert [sample.label for sample in corpus.samples] == ["vulnerable", "fixed", "unlabelled"]
    path.write_text('code\n"x = 1"\n')
    assert load_corpus("table", path, label="unlabelled", cwe="89").samples[0].cwes == ("CWE-89",)


@pytest.mark.parametrize("value", [1, 1.0, True, "1", "1.0", "Vulnerable", "TRUE"])
def test_common_ways_to_say_vulnerable(value: object, tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps({"code": "x", "label": value}) + "\n")
    if value == "1.0":
        with pytest.raises(CorruptData, match=r"label '1\.0' is outside the set"):
            load_corpus("table", path)
        return
    assert load_corpus("table", path).samples[0].label == "vulnerable"


def test_infinity_is_a_label_outside_the_set(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps({"code": "x", "label": math.inf}) + "\n")
    with pytest.raises(CorruptData, match="label 'inf' is outside the set"):
        load_corpus("table", path)


def test_a_column_given_to_one_role_is_not_another(tmp_path: Path) -> None:
    """Many tables call their 0/1 column "vulnerable"."""
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps({"code": "x = 1", "vulnerable": 1, "fixed": 0}) + "\n")
    corpus = load_corpus("table", path, columns="label=vulnerable")
    assert [(sample.code, sample.label) for sample in corpus.samples] == [("x = 1", "vulnerable")]


def test_a_mapped_column_that_is_missing_lists_those_there_are(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("code,label\nx = 1,1\n")
    with pytest.raises(CorruptData, match=r"rows\.csv:2: no column 'func'; there are: code, label"):
        load_corpus("table", path, columns="code=func")


def test_damaged_csv_rows_are_named(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_bytes(b'code,label\n"x = 1",1\n"x = 2"3,1\nx = 4,1,extra\n"caf\xe9",0\n\n"x = 5",0\n')
    corpus = load_corpus("table", path, skip_bad=True)
    assert [(row.line, row.reason.partition(":")[0]) for row in corpus.bad_rows] == [
        (3, "not CSV"),
        (4, "3 cells under 2 columns"),
        (5, "not UTF-8"),
    ]
    assert corpus.bad_rows[2].reason == "not UTF-8: byte 0xe9 in column 'code'"
    assert [sample.id for sample in corpus.samples] == ["rows:2", "rows:7"]
    assert corpus.n_rows_in == 5


def test_long_csv_fields_leave_the_limit_of_the_process_alone(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text(f'code,label\n"{"x" * 200_000}",1\n')
    limit = csv.field_size_limit()
    assert len(load_corpus("table", path).samples[0].code) == 200_000
    assert csv.field_size_limit() == limit


def test_a_csv_column_named_twice(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("code,label,code\nx,1,y\n")
    with pytest.raises(CorruptData, match="the header names column 'code' twice"):
        load_corpus("table", path)


def test_parquet_that_is_none(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    path = tmp_path / "rows.parquet"
    path.write_bytes(b"not a table")
    with pytest.raises(CorruptData, match=r"rows\.parquet:1: not Parquet that can be read"):
        load_corpus("table", path)


def test_parquet_without_pyarrow_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    path = tmp_path / "rows.parquet"
    path.touch()
    with pytest.raises(MissingPrerequisite, match=r"pip install 'vulnscope\[tables\]'"):
        load_corpus("table", path)
