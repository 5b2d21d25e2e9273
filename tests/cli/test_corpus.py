"""The corpus commands: results on stdout, messages on stderr, JSON that is the record."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from vulnscope.cli.corpus import app
from vulnscope.corpora import Corpus
from vulnscope.corpora.get.receipt import Receipt
from vulnscope.errors import CorruptData, InputError, VulnscopeError
from vulnscope.records.corpus import CorpusListing, CorpusStats
from vulnscope.records.leaks import LeakRecord
from vulnscope.registry import list_names


@pytest.fixture(autouse=True)
def _wide_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")


@pytest.fixture
def corpora_dir(fixtures_dir: Path) -> Path:
    return fixtures_dir / "corpora"


def run(*arguments: str | Path) -> Result:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if isinstance(result.exception, VulnscopeError):
        raise result.exception
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def test_list_names_every_corpus_with_a_line_about_it() -> None:
    text = run("list").stdout
    listing = CorpusListing.model_validate_json(run("list", "--json").stdout)
    assert [entry.name for entry in listing.corpora] == list(list_names("corpus"))
    assert all(entry.description.endswith(".") for entry in listing.corpora)
    assert all(entry.name in text for entry in listing.corpora)


def test_stats_as_json_are_the_record(corpora_dir: Path) -> None:
    result = run("stats", "secllmholmes", "--data-dir", corpora_dir / "secllmholmes", "--json")
    stats = CorpusStats.model_validate_json(result.stdout)
    assert stats.parts == {"hand-crafted": 6, "trivial": 2, "non-trivial": 6, "real-world": 2}
    assert stats.n_noted == 4


def test_stats_as_a_table(corpora_dir: Path) -> None:
    text = run("stats", "sven", "--data-dir", corpora_dir / "sven").stdout
    assert "6 / 6 / 0" in text
    assert "CWE-125" in text


def test_the_environment_names_the_data(corpora_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VULNSCOPE_DATA", str(corpora_dir))
    assert json.loads(run("stats", "sven", "--json").stdout)["n_pairs"] == 6


def test_show_a_corpus_under_filters(corpora_dir: Path) -> None:
    options = ("--data-dir", corpora_dir / "sven", "--cwe", "89", "--language", "python", "--limit", "2")
    text = run("show", "sven", *options).stdout
    assert len(text.splitlines()) == 3
    corpus = json.loads(run("show", "sven", *options, "--json").stdout)
    assert len(corpus["samples"]) == 2


@pytest.mark.parametrize("wanted", ["train/cwe-125/1", "train/cwe-125/1/fixed"])
def test_show_a_pair_with_its_difference(wanted: str, corpora_dir: Path) -> None:
    text = run("show", "sven", wanted, "--data-dir", corpora_dir / "sven").stdout
    lines = text.splitlines()
    assert "train/cwe-125/1/vulnerable  vulnerable" in lines
    assert "train/cwe-125/1/fixed  fixed" in lines
    assert "          4 + \t\treturn -1;".expandtabs() in [line.expandtabs() for line in lines]
    assert any(line.startswith("    3     5   ") for line in lines)


def test_show_a_sample_without_a_twin(corpora_dir: Path) -> None:
    result = run("show", "secllmholmes", "non-trivial/A3_1/CWE-89/1", "--data-dir", corpora_dir / "secllmholmes")
    assert "find_plant_safely" in result.stdout
    assert "non-trivial/A3 of non-trivial/A3_0/CWE-89/1" in result.stdout
    assert "hand-crafted/CWE-89/1 " not in result.stdout


def test_show_obeys_nothing_in_the_code(corpora_dir: Path) -> None:
    text = run("show", "folder", "hostile", "--data-dir", corpora_dir / "folder").stdout
    assert not {"\x1b", "\u202e", "\x0c", "\u2028"} & set(text)
    assert "␛[31mred␛[0m <U+202E> reversed" in text
    assert "[bold]markup[/bold]" in text


def test_show_as_json_is_a_corpus(corpora_dir: Path) -> None:
    text = run("show", "folder", "off-by-one", "--data-dir", corpora_dir / "folder", "--json").stdout
    assert [pair.id for pair in Corpus.model_validate_json(text).pairs] == ["off-by-one"]


def test_an_id_that_is_not_there_names_near_ones(corpora_dir: Path) -> None:
    with pytest.raises(InputError, match=r"no sample or pair 'CWE-787/2'; for example: hand-crafted/CWE-787/2$"):
        run("show", "secllmholmes", "CWE-787/2", "--data-dir", corpora_dir / "secllmholmes")


def test_bad_rows_stop_or_are_named_on_stderr(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("func,label\nx = 1,1\nx = 2,maybe\n")
    arguments = ("stats", "table", "--data-dir", path, "--option", "columns=code=func")
    with pytest.raises(CorruptData, match=r"rows\.csv:3: label 'maybe'"):
        run(*arguments)
    result = run(*arguments, "--skip-bad")
    assert "left out rows.csv:3: label 'maybe' is outside the set" in result.stderr
    assert "2 / 1 / 1" in result.stdout


def test_a_limit_of_none_is_refused_as_usage(corpora_dir: Path) -> None:
    assert run("stats", "sven", "--data-dir", corpora_dir / "sven", "--limit", "0").exit_code == 2


class TestCheck:
    def test_a_leak_is_a_finding(self, corpora_dir: Path, tmp_path: Path) -> None:
        card = tmp_path / "card.md"
        result = run("check", "sven", "--data-dir", corpora_dir / "sven", "--card", card)
        assert result.exit_code == 1
        assert "1 of 2 commits of 'val' are also in 'train'" in result.stdout
        assert "1 of 2 commits of 'val'" in card.read_text()

    def test_the_record(self, corpora_dir: Path) -> None:
        result = run("check", "sven", "--data-dir", corpora_dir / "sven", "--json")
        record = LeakRecord.model_validate_json(result.stdout)
        assert record.corpus == "sven"
        assert record.overlaps[0].is_leak

    def test_against_another_corpus(self, corpora_dir: Path) -> None:
        other = f"folder={corpora_dir / 'folder'}"
        result = run("check", "securityeval", "--data-dir", corpora_dir / "securityeval", "--against", other)
        assert result.exit_code == 0
        assert "folder" in result.stdout

    def test_a_folder_for_the_card_that_is_not_there(self, corpora_dir: Path, tmp_path: Path) -> None:
        with pytest.raises(InputError, match=r"--card: the folder .*nowhere does not exist"):
            run("check", "sven", "--data-dir", corpora_dir / "sven", "--card", tmp_path / "nowhere" / "card.md")


class TestGet:
    def test_from_a_folder_and_then_by_name(
        self, corpora_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("VULNSCOPE_CACHE", str(tmp_path))
        result = run("get", "sven", "--from", corpora_dir / "sven")
        assert "use it by name: vulnscope corpus stats sven" in result.stderr
        receipt = Receipt.model_validate_json(run("get", "sven", "--json").stdout)
        assert receipt.sha256 in result.stdout
        assert json.loads(run("stats", "sven", "--json").stdout)["n_pairs"] == 6

    def test_an_unknown_corpus(self) -> None:
        with pytest.raises(InputError, match="unknown corpus 'svn'"):
            run("get", "svn")
