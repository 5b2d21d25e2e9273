"""Bad input: each a clear error, or a named and counted row."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from vulnscope.corpora import Corpus, load_corpus
from vulnscope.errors import CorruptData, InputError
from vulnscope.registry import list_names

ON_DISK = tuple(name for name in list_names("corpus") if name != "synthetic")
GOOD = {"code": "x = 1\n", "label": "fixed"}
NO_UTF8 = b'char *name = "caf\xe9";\n'


@pytest.fixture
def copy(tmp_path: Path, corpora_dir: Path) -> Callable[[str], Path]:
    """A copy of a fixture that a test may spoil."""
    return lambda name: Path(shutil.copytree(corpora_dir / name, tmp_path / name))


@pytest.fixture
def write_table(tmp_path: Path) -> Callable[..., Path]:
    def write(*rows: dict[str, Any] | bytes) -> Path:
        lines = [row if isinstance(row, bytes) else json.dumps(row).encode() for row in rows]
        path = tmp_path / "rows.jsonl"
        path.write_bytes(b"\n".join(lines) + b"\n")
        return path

    return write


def assert_one_bad_row(load: Callable[..., Corpus], place: str, reason: str, n_lost: int = 1) -> Corpus:
    """Without skip_bad an error that names row and remedy; with it, the row is reported and the rest is there."""
    with pytest.raises(CorruptData) as caught:
        load()
    for part in (place, reason, "--skip-bad"):
        assert part in str(caught.value)
    corpus = load(skip_bad=True)
    assert len(corpus.bad_rows) == n_lost
    assert corpus.n_rows_in == corpus.n_rows_out + n_lost
    named = [str(row) for row in corpus.bad_rows]
    assert any(place in row and reason in row for row in named), named
    return corpus


@pytest.mark.parametrize("name", ON_DISK)
def test_no_folder_given(name: str) -> None:
    with pytest.raises(InputError, match=r"--data-dir DIR .* VULNSCOPE_DATA .*; expected "):
        load_corpus(name)


@pytest.mark.parametrize("name", ON_DISK)
def test_missing_folder(name: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nowhere does not exist; expected "):
        load_corpus(name, tmp_path / "nowhere")


@pytest.mark.parametrize("name", ON_DISK)
def test_wrong_layout_says_what_was_expected_and_found(name: str, tmp_path: Path) -> None:
    (tmp_path / "holiday").mkdir()
    (tmp_path / "photo.jpg").touch()
    with pytest.raises(InputError, match=r"wrong layout in .*: expected .*; found: holiday/, photo\.jpg"):
        load_corpus(name, tmp_path)


@pytest.mark.parametrize("name", ["folder", "secllmholmes", "sven"])
def test_a_file_where_a_folder_belongs(name: str, tmp_path: Path) -> None:
    path = tmp_path / "corpus.zip"
    path.touch()
    with pytest.raises(InputError, match=r"wrong layout in .*corpus\.zip: .*; found: a file"):
        load_corpus(name, path)


def test_an_empty_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="found: nothing"):
        load_corpus("folder", tmp_path)


def test_empty_secllmholmes(tmp_path: Path) -> None:
    for part in ("hand-crafted/dataset", "augmented/trivial", "augmented/non-trivial", "real-world"):
        (tmp_path / part).mkdir(parents=True)
    (tmp_path / "real-world" / "cve_details.json").write_text("{}")
    with pytest.raises(InputError, match=r"expected source files such as"):
        load_corpus("secllmholmes", tmp_path)


def test_a_part_of_secllmholmes_missing(copy: Callable[[str], Path]) -> None:
    root = copy("secllmholmes")
    shutil.rmtree(root / "datasets" / "augmented" / "trivial")
    with pytest.raises(InputError, match=r"missing: augmented/trivial; found: augmented/, few-shot/, hand-crafted/"):
        load_corpus("secllmholmes", root)


def test_empty_sven(tmp_path: Path) -> None:
    for split in ("train", "val"):
        (tmp_path / split).mkdir()
        (tmp_path / split / "cwe-089.jsonl").touch()
    with pytest.raises(InputError, match=r"expected lines in files such as train/cwe-089\.jsonl"):
        load_corpus("sven", tmp_path)


def test_an_empty_table(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("code,label\n")
    with pytest.raises(InputError, match=r"'table' is empty: no rows in .*rows\.csv"):
        load_corpus("table", path)


def test_folder_file_that_is_not_utf8(copy: Callable[[str], Path]) -> None:
    root = copy("folder")
    (root / "off-by-one" / "fixed.c").write_bytes(NO_UTF8)
    corpus = assert_one_bad_row(
        lambda **options: load_corpus("folder", root, **options),
        "off-by-one/fixed.c",
        "not UTF-8: byte 0xe9 at byte position 17",
        n_lost=2,
    )
    twin = next(row for row in corpus.bad_rows if row.path == "off-by-one/vulnerable.c")
    assert twin.reason == "pair 'off-by-one' needs one vulnerable and one fixed twin; it has: vulnerable"


def test_secllmholmes_file_that_is_not_utf8(copy: Callable[[str], Path]) -> None:
    root = copy("secllmholmes")
    (root / "datasets/augmented/non-trivial/A3/A3_0/dataset/CWE-89/1.py").write_bytes(NO_UTF8)
    assert_one_bad_row(
        lambda **options: load_corpus("secllmholmes", root, **options),
        "augmented/non-trivial/A3/A3_0/dataset/CWE-89/1.py",
        "not UTF-8: byte 0xe9 at byte position 17",
    )


def test_secllmholmes_reason_that_is_not_utf8(copy: Callable[[str], Path]) -> None:
    root = copy("secllmholmes")
    (root / "datasets/augmented/non-trivial/A3/A3_0/ground-truth/CWE-89/1.txt").write_bytes(NO_UTF8)
    assert_one_bad_row(
        lambda **options: load_corpus("secllmholmes", root, **options),
        "augmented/non-trivial/A3/A3_0/dataset/CWE-89/1.py",
        "its reason 1.txt is not UTF-8",
    )


def test_secllmholmes_cve_without_details(copy: Callable[[str], Path]) -> None:
    root = copy("secllmholmes") / "datasets"
    (root / "real-world" / "cve_details.json").write_text("{}")
    assert_one_bad_row(
        lambda **options: load_corpus("secllmholmes", root, **options),
        "real-world/inkwell/CVE-2099-0001/vuln.c",
        "has no CWE in real-world/cve_details.json",
        n_lost=2,
    )


@pytest.mark.parametrize("text", ["[1]", "{", '{"inkwell": {"CVE-2099-0001": {}}}', "\ud83d"])
def test_secllmholmes_details_that_are_broken(text: str, copy: Callable[[str], Path]) -> None:
    root = copy("secllmholmes") / "datasets"
    (root / "real-world" / "cve_details.json").write_bytes(text.encode("utf-8", "surrogatepass"))
    with pytest.raises(CorruptData, match=r"cve_details\.json is not the expected JSON"):
        load_corpus("secllmholmes", root)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b'{"code": "x"', "not JSON: Expecting ',' delimiter at column 13"),
        (b'["code"]', "expected a JSON object, found list"),
        (b'{"code": ' + b"[" * 100_000, "not JSON that can be read"),
        (b'{"code": "caf\xe9", "label": 1}', "not UTF-8: byte 0xe9 at byte position 51"),
        (b'{"code": "\\ud800", "label": 1}', "lone surrogate at character 0"),
        (b'{"code": " \\n", "label": 1}', "the code is empty"),
        (b'{"code": "", "label": 1}', "column 'code' is empty"),
        (b'{"code": ["x"], "label": 1}', "column 'code': expected text, found list"),
        (b'{"text": "x", "label": 1}', "column 'code' is missing; there are: text, label"),
        (b'{"code": "x", "label": "maybe"}', "label 'maybe' is outside the set: vulnerable, fixed, unlabelled, 1, 0"),
        (b'{"code": "x", "label": NaN}', "column 'label' is empty"),
        (b'{"code": "x"}', "column 'label' is missing; there are: code"),
        (b'{"code": "x", "label": 1, "cwe": "CWE-banana"}', "not a CWE identifier: 'CWE-banana'"),
        (b'{"code": "x", "label": 1, "id": "rows:1"}', "id 'rows:1' is already used by rows.jsonl:1"),
        (b'{"code": "x", "label": 1, "pair": "p"}', "pair 'p' needs one vulnerable and one fixed twin"),
        (b'{"vulnerable": "x", "fixed": null}', "column 'fixed' is empty"),
    ],
    ids=lambda value: value[:40] if isinstance(value, str) else "",
)
def test_malformed_row(line: bytes, reason: str, write_table: Callable[..., Path]) -> None:
    path = write_table(GOOD, line, {"code": "y = 2\n", "label": "vulnerable"})
    corpus = assert_one_bad_row(lambda **options: load_corpus("table", path, **options), "rows.jsonl:2", reason)
    assert [sample.id for sample in corpus.samples] == ["rows:1", "rows:3"]


def test_a_pair_with_three_rows(write_table: Callable[..., Path]) -> None:
    twins = [{"code": f"z = {label}\n", "label": label, "pair": "p"} for label in (1, 0)]
    path = write_table(GOOD, *twins, {"code": "z = 7\n", "label": 0, "pair": "p"})
    with pytest.raises(
        CorruptData, match="pair 'p' needs one vulnerable and one fixed twin; it has: vulnerable, fixed, fixed"
    ):
        load_corpus("table", path)
    assert len(load_corpus("table", path, skip_bad=True).bad_rows) == 3


@pytest.mark.parametrize(
    ("meta", "reason"),
    [
        ('{"cwe": "CWE-?"}', "not a CWE identifier: 'CWE-?'"),
        ('{"severity": "high"}', "its meta.json: severity: Extra inputs are not permitted"),
        ('{"cwe": ', "its meta.json is not JSON that can be read"),
        ("[" * 100_000, "its meta.json is not JSON that can be read"),
    ],
)
def test_folder_meta(meta: str, reason: str, copy: Callable[[str], Path]) -> None:
    root = copy("folder")
    (root / "off-by-one" / "meta.json").write_text(meta)
    assert_one_bad_row(
        lambda **options: load_corpus("folder", root, **options), "off-by-one/vulnerable.c", reason, n_lost=2
    )


def test_nothing_left(write_table: Callable[..., Path]) -> None:
    path = write_table(b"{", b"[")
    for skip_bad in (False, True):
        with pytest.raises(CorruptData, match=r"2 of 2 rows or files cannot be used: .*; nothing is left to read"):
            load_corpus("table", path, skip_bad=skip_bad)


def test_only_the_first_few_bad_rows_are_shown(write_table: Callable[..., Path]) -> None:
    path = write_table(*[b"{"] * 9, GOOD)
    with pytest.raises(CorruptData) as caught:
        load_corpus("table", path)
    assert str(caught.value).count("not JSON") == 5
    assert "; and 4 more; leave bad rows out with --skip-bad" in str(caught.value)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"columns": "code"}, "columns: 'code' is not of the form NAME=VALUE"),
        ({"columns": "source=func"}, "columns: unknown role 'source'; choose from: code, label, vulnerable"),
        ({"labels": "1=bad"}, "labels: 'bad' is no label; choose from: vulnerable, fixed, unlabelled"),
        ({"colums": "code=func"}, "has no option 'colums'; its options: columns, labels"),
        ({"language": ["c"]}, "option language=.*: Input should be a valid string"),
        ({"cwe": "CWE-banana"}, "not a CWE identifier: 'CWE-banana'"),
    ],
)
def test_options_that_do_not_fit(options: dict[str, Any], reason: str, write_table: Callable[..., Path]) -> None:
    with pytest.raises(InputError, match=reason):
        load_corpus("table", write_table(GOOD), **options)


def test_an_unknown_corpus() -> None:
    with pytest.raises(
        InputError, match=r"unknown corpus 'svn'; choose one of: crossvul, .*, sven, synthetic, table, vulbench"
    ):
        load_corpus("svn")
