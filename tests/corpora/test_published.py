"""Every loader of a published layout: what its rows become. Bad input is in `test_spoiled`."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from vulnscope.corpora import Corpus, Sample, load_corpus
from vulnscope.corpora.code.text import RowError
from vulnscope.corpora.loaders.security_dpo import take_code
from vulnscope.corpora.tables.tables import name_split
from vulnscope.errors import CorruptData, InputError
from vulnscope.registry import list_names


@pytest.mark.parametrize("name", sorted(set(list_names("corpus")) - {"folder", "secllmholmes", "sven", "synthetic"}))
def test_no_pickle_is_opened(name: str, tmp_path: Path) -> None:
    (tmp_path / "data.pkl").write_bytes(b"cos\nsystem\n(S'exit 1'\ntR.")
    with pytest.raises(InputError, match=r"found: data\.pkl"):
        load_corpus(name, tmp_path)


class TestCvefixes:
    @pytest.fixture
    def database(self, tmp_path: Path, corpora_dir: Path) -> Path:
        return Path(shutil.copy(corpora_dir / "cvefixes" / "CVEfixes.db", tmp_path))

    def change(self, path: Path, statement: str) -> None:
        with closing(sqlite3.connect(path)) as database:
            database.execute(statement)
            database.commit()

    def test_rows(self, load_fixture: Callable[..., Corpus]) -> None:
        corpus = load_fixture("cvefixes")
        assert [pair.id for pair in corpus.pairs] == ["f1/take/take(x)", "f2/show_path/show_path(x)"]
        by_id = {sample.id: sample for sample in corpus.samples}
        assert (by_id["m5"].label, by_id["m5"].pair_id) == ("vulnerable", None)
        assert (by_id["m6"].label, by_id["m6"].cwes) == ("fixed", ("CWE-22",))
        assert by_id["m1"].origin.cve == "CVE-2099-0001"
        assert len(set(corpus.groups.values())) == 2

    def test_one_language(self, load_fixture: Callable[..., Corpus]) -> None:
        assert {sample.language for sample in load_fixture("cvefixes", language="c").samples} == {"c"}
        with pytest.raises(InputError, match="rows in method_change of language Cobol"):
            load_fixture("cvefixes", language="Cobol")

    def test_something_else(self, database: Path) -> None:
        database.write_bytes(b"PK\x03\x04 an archive, say" * 100)
        with pytest.raises(CorruptData, match="file is not a database"):
            load_corpus("cvefixes", database)

    @pytest.mark.parametrize(
        ("statement", "problem"),
        [
            ("DROP TABLE fixes", "a table fixes with the columns cve_id, hash, repo_url; missing: cve_id"),
        ],
    )
    def test_wrong_tables(self, statement: str, problem: str, database: Path) -> None:
        self.change(database, statement)
        with pytest.raises(InputError, match=problem):
            load_corpus("cvefixes", database)

    @pytest.mark.parametrize(
        ("statement", "reason"),
        [
            ("UPDATE method_change SET code = NULL WHERE method_change_id = 'm5'", "column 'code' is missing or empty"),
            ("UPDATE method_change SET code = x'ff' WHERE method_change_id = 'm5'", "not UTF-8: byte 0xff"),
            (
                "UPDATE method_change SET file_change_id = 'f9' WHERE method_change_id = 'm5'",
                "'f9' is not in file_change",
            ),
        ],
    )
    def test_bad_rows(self, statement: str, reason: str, database: Path) -> None:
        self.change(database, statement)
        with pytest.raises(CorruptData, match=reason):
            load_corpus("cvefixes", database)
        assert len(load_corpus("cvefixes", database, skip_bad=True).bad_rows) == 1


def find(corpus: Corpus, sample_id: str) -> Sample:
    return next(sample for sample in corpus.samples if sample.id == sample_id)


def test_primevul(load_fixture: Callable[..., Corpus]) -> None:
    paired = load_fixture("primevul")
    assert len(paired.pairs) == 3
    assert {sample.split for sample in paired.samples} == {"train", "test"}
    assert find(paired, "primevul_train_paired/3").cwes == ()
    assert find(paired, "primevul_train_paired/1").origin.cve == "CVE-2099-0001"
    single = load_fixture("primevul", part="single")
    assert [(sample.label, sample.pair_id, sample.split) for sample in single.samples] == [
        ("vulnerable", None, "val"),
        ("fixed", None, "val"),
    ]


def test_diversevul(load_fixture: Callable[..., Corpus]) -> None:
    corpus = load_fixture("diversevul")
    assert [sample.label for sample in corpus.samples] == ["vulnerable", "fixed", "vulnerable"]
    assert corpus.samples[2].cwes == ("CWE-120", "CWE-787")
    assert len(set(corpus.groups.values())) == 2


def test_crossvul(load_fixture: Callable[..., Corpus]) -> None:
    corpus = load_fixture("crossvul")
    assert [pair.vulnerable.language for pair in corpus.pairs] == ["c", "cpp", "javascript"]
    assert find(corpus, "17_1/fixed").cwes == ()
    assert corpus.groups["17_0/fixed"] == corpus.groups["17_1/vulnerable"] != corpus.groups["18_0/fixed"]
    assert {sample.split for sample in corpus.samples} == {"train"}


def test_security_dpo(load_fixture: Callable[..., Corpus]) -> None:
    corpus = load_fixture("security-dpo")
    pair = corpus.pairs[0]
    assert pair.vulnerable.code.startswith("def show_path")
    assert "```" not in pair.vulnerable.code + pair.fixed.code
    assert pair.fixed.reason == "Path traversal: names may climb out."
    assert corpus.pairs[1].fixed.language == "cpp"


def test_code_between_fences() -> None:
    assert take_code("Here:\n```c\na;\n```\nand\n  ```\nb;\n  ```\n", "x") == "a;\n\nb;\n"
    assert take_code("a;\n", "x") == "a;\n"
    with pytest.raises(RowError, match="column 'x': the answer ends before its code block does"):
        take_code("```c\na;\n", "x")


def test_safecoder(load_fixture: Callable[..., Corpus]) -> None:
    corpus = load_fixture("safecoder")
    assert len(corpus.pairs) == 3  # the chat of lmsys.jsonl is no sample
    assert [pair.vulnerable.language for pair in corpus.pairs] == ["javascript", "c", "python"]
    assert corpus.pairs[0].fixed.changed_lines == (2,)
    assert {sample.split for sample in corpus.samples} == {"train", "val"}


def test_securityeval(load_fixture: Callable[..., Corpus]) -> None:
    corpus = load_fixture("securityeval")
    assert [(sample.cwes, sample.part) for sample in corpus.samples] == [
        (("CWE-22",), "author"),
        (("CWE-78",), "codeql"),
    ]


@pytest.mark.parametrize("folder", ["juliet", "juliet-table"])
def test_juliet(folder: str, corpora_dir: Path) -> None:
    corpus = load_corpus("juliet", corpora_dir / folder)
    assert [pair.id for pair in corpus.pairs] == ["CWE121_Small_Jar__char_01.c", "CWE125_Far_Shelf__int_01.cpp"]
    assert [pair.vulnerable.language for pair in corpus.pairs] == ["c", "cpp"]
    assert "strcpy" in corpus.pairs[0].vulnerable.code
    assert "strncpy" in corpus.pairs[0].fixed.code
    assert "main" not in corpus.pairs[0].fixed.code


def test_juliet_flows_are_one_group(load_fixture: Callable[..., Corpus]) -> None:
    corpus = load_fixture("juliet", flow="")
    ids = [f"CWE121_Small_Jar__char_{flow}.c/bad" for flow in ("01", "02")]
    assert corpus.groups[ids[0]] == corpus.groups[ids[1]]
    with pytest.raises(InputError, match="with test cases of flow '99'"):
        load_fixture("juliet", flow="99")


def test_vulbench(load_fixture: Callable[..., Corpus]) -> None:
    corpus = load_fixture("vulbench")
    assert {pair.id for pair in corpus.pairs} == {"big-vul/Big-Vul_7", "magma/JAR001"}
    assert find(corpus, "big-vul/Big-Vul_7_after").cwes == ("CWE-476",)
    assert find(corpus, "ctf/small_shop/main").cwes == ("CWE-416",)
    assert (find(corpus, "ctf/small_shop/menu").label, find(corpus, "ctf/small_shop/menu").cwes) == ("fixed", ())
    assert corpus.groups["ctf/small_shop/main"] == corpus.groups["ctf/small_shop/menu"]
    assert find(corpus, "magma/JAR001/fixed").language == "cpp"
    assert find(corpus, "magma/JAR001/fixed").reason == "The word may be longer than the jar."


def test_vulbench_table(corpora_dir: Path) -> None:
    corpus = load_corpus("vulbench", corpora_dir / "vulbench-table")
    assert [pair.id for pair in corpus.pairs] == ["big-vul/Big-Vul_7", "magma/JAR001"]


def test_cwe_catalog(load_fixture: Callable[..., Corpus]) -> None:
    corpus = load_fixture("cwe-catalog")
    assert [(sample.id, sample.label, sample.language) for sample in corpus.samples] == [
        ("CWE-125/1", "vulnerable", "c"),
        ("CWE-125/2", "fixed", "c"),
        ("CWE-22/1", "vulnerable", "python"),
    ]
    assert not any("```" in sample.code for sample in corpus.samples)
    assert corpus.n_rows_in == 2  # a weakness without code is none of its rows


def test_cwe_catalog_as_single_files(tmp_path: Path, corpora_dir: Path) -> None:
    (tmp_path / "json_repo" / "W").mkdir(parents=True)
    for line in (corpora_dir / "cwe-catalog" / "weaknesses.jsonl").read_text().splitlines():
        row = json.loads(line)
        (tmp_path / "json_repo" / "W" / f"{row['ID']}.json").write_text(json.dumps({"Weaknesses": [row]}, indent=1))
    assert len(load_corpus("cwe-catalog", tmp_path).samples) == 3


def test_hub(load_fixture: Callable[..., Corpus]) -> None:
    corpus = load_fixture("hub")
    assert [(sample.id, sample.split, sample.label) for sample in corpus.samples] == [
        ("data/test-00000-of-00001:1", "test", "vulnerable"),
        ("data/train-00000-of-00001:2", "train", "vulnerable"),
        ("data/train-00000-of-00001:4", "train", "fixed"),
        ("data/validation:1", "val", "fixed"),
    ]
    assert {sample.language for sample in corpus.samples} == {"python"}


@pytest.mark.parametrize(
    ("name", "split"),
    [("data/train-0-of-1.parquet", "train"), ("test/x.jsonl", "test"), ("valid.csv", "val"), ("latest.csv", None)],
)
def test_splits_by_name(name: str, split: str | None) -> None:
    assert name_split(name) == split


@pytest.mark.parametrize(
    ("name", "counts"),
    [
        ("cwe-catalog", (538, 538, 1361, 0)),
        ("juliet", (1666, 1660, 3320, 1660)),
        ("safecoder", (548, 548, 1096, 548)),
        ("securityeval", (121, 121, 121, 0)),
        ("vulbench", (453, 453, 1219, 136)),
    ],
)
def test_real_counts(name: str, counts: tuple[int, ...], load_real: Callable[[str], Corpus]) -> None:
    corpus = load_real(name)
    assert (corpus.n_rows_in, corpus.n_rows_out, len(corpus.samples), len(corpus.pairs)) == counts
    assert corpus.n_rows_in == corpus.n_rows_out + len(corpus.bad_rows)
