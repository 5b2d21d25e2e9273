from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from vulnscope.corpora import Corpus, load_corpus


def test_twins_and_what_their_meta_file_says(load_fixture: Callable[..., Corpus]) -> None:
    corpus = load_fixture("folder")
    pair = next(pair for pair in corpus.pairs if pair.id == "off-by-one")
    assert (pair.vulnerable.id, pair.fixed.id) == ("off-by-one/vulnerable", "off-by-one/fixed")
    assert pair.vulnerable.language == "c"
    assert pair.vulnerable.cwes == ("CWE-787",)
    assert (pair.vulnerable.reason, pair.fixed.reason) == ("One day too far.", "Stops in time.")
    assert pair.vulnerable.origin.project == "calendar"
    assert pair.vulnerable.licence == "Apache-2.0"
    assert corpus.groups[pair.fixed.id] == "set:arrays"


def test_code_is_taken_as_it_is(load_fixture: Callable[..., Corpus]) -> None:
    hostile = next(sample for sample in load_fixture("folder").samples if sample.id == "hostile/vulnerable")
    assert "</script><script>alert(1)</script>" in hostile.code
    assert all(mark in hostile.code for mark in ("\r\n", "\x1b[31m", "\u202e", "\u2028", "\x0c"))
    assert hostile.changed_lines == (5,), "neither a form feed nor U+2028 ends a line"


def test_a_pair_needs_no_meta_file_and_any_suffix_will_do(tmp_path: Path) -> None:
    for name, code in (("vulnerable", "MOVE A TO B.\n"), ("fixed", "MOVE A TO C.\n")):
        (tmp_path / "pair").mkdir(exist_ok=True)
        (tmp_path / "pair" / f"{name}.cob").write_text(code)
    (tmp_path / ".git").mkdir()
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "notes.md").write_text("no code here\n")
    corpus = load_corpus("folder", tmp_path)
    assert [sample.language for sample in corpus.samples] == ["unknown", "unknown"]
    assert corpus.groups["pair/fixed"] == "pair:pair"


def test_a_byte_order_mark_is_no_code(tmp_path: Path) -> None:
    (tmp_path / "pair").mkdir()
    (tmp_path / "pair" / "vulnerable.c").write_bytes(b"\xef\xbb\xbfint a;\n")
    (tmp_path / "pair" / "fixed.c").write_text("int b;\n")
    assert load_corpus("folder", tmp_path).samples[0].code == "int a;\n"
