"""Getting corpora from folders, archives and local git repositories; the Hub is stood in for."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import tarfile
import zipfile
from pathlib import Path

import huggingface_hub
import pytest

from vulnscope.corpora import default_data_dir, load_corpus
from vulnscope.corpora.fetch import digest_files, get_corpus
from vulnscope.corpora.sources import BY_HAND, SOURCES, find_source
from vulnscope.errors import CorruptData, InputError, MissingPrerequisite
from vulnscope.records.sources import Receipt
from vulnscope.registry import list_names


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "corpora"


def git(folder: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false")
    command = ["git", "-C", str(folder), *identity, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def repository(tmp_path: Path, corpora_dir: Path) -> Path:
    """Two commits of a corpus; the second has a row less, a link out, and a hook."""
    folder = Path(shutil.copytree(corpora_dir / "sven", tmp_path / "upstream"))
    git(folder, "init", "--quiet", "--initial-branch=main")
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "--message=one")
    git(folder, "tag", "v1")
    (folder / "data_train_val" / "val" / "cwe-089.jsonl").unlink()
    (folder / "link").symlink_to("/etc/passwd")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message=two")
    return folder


def test_every_published_corpus_has_a_source() -> None:
    own = {"folder", "hub", "synthetic", "table"}
    assert set(list_names("corpus")) - own == set(SOURCES) | set(BY_HAND)
    for source in SOURCES.values():
        assert (source.kind == "git") == (source.revision is not None)
        assert source.revision is None or len(source.revision) == 40
    with pytest.raises(InputError, match=r"'primevul' has no address to fetch from: download .* then give --from"):
        find_source("primevul")
    with pytest.raises(InputError, match=r"'table' has no source of its own: give one with --from"):
        find_source("table")


def test_from_a_folder(root: Path, corpora_dir: Path) -> None:
    receipt = get_corpus("sven", root, origin=str(corpora_dir / "sven"))
    assert (receipt.kind, receipt.revision) == ("folder", None)
    assert digest_files(Path(receipt.folder)) == (receipt.sha256, receipt.n_files, receipt.n_bytes)
    assert load_corpus("sven", receipt.folder) == load_corpus("sven", corpora_dir / "sven")
    assert Receipt.model_validate_json((root / "sven" / "receipt.json").read_text()) == receipt
    assert os.listdir(root) == ["sven"]


def test_what_was_got_is_found_by_name(root: Path, corpora_dir: Path, tmp_path: Path) -> None:
    receipt = get_corpus("sven", root, origin=str(corpora_dir / "sven"))
    environ = {"VULNSCOPE_CACHE": str(tmp_path / "cache")}
    assert default_data_dir("sven", environ) == Path(receipt.folder)
    assert default_data_dir("safecoder", environ) is None
    assert default_data_dir("sven", {**environ, "VULNSCOPE_DATA": str(corpora_dir)}) == corpora_dir / "sven"


@pytest.mark.parametrize("revision", ["v1", "commit"])
def test_one_revision_of_a_repository(revision: str, repository: Path, root: Path) -> None:
    first = git(repository, "rev-parse", "v1")
    wanted = first if revision == "commit" else revision
    receipt = get_corpus("sven", root, origin=repository.as_uri(), revision=wanted)
    assert (receipt.kind, receipt.revision) == ("git", first)
    assert (Path(receipt.folder) / "data_train_val" / "val" / "cwe-089.jsonl").is_file()
    assert not (Path(receipt.folder) / ".git").exists()


def test_the_default_branch_is_pinned_at_the_first_get(repository: Path, root: Path) -> None:
    receipt = get_corpus("sven", root, origin=repository.as_uri())
    assert receipt.revision == git(repository, "rev-parse", "main")
    assert not (Path(receipt.folder) / "data_train_val" / "val" / "cwe-089.jsonl").exists()
    shown = Path(receipt.folder) / "link"
    assert not shown.is_symlink()
    assert shown.read_text() == "/etc/passwd"  # a link of the repository is the text of its target


def test_a_published_source_is_fetched_at_its_pin(
    repository: Path, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pin = git(repository, "rev-parse", "v1")
    monkeypatch.setitem(SOURCES, "sven", SOURCES["sven"]._replace(address=repository.as_uri(), revision=pin))
    assert get_corpus("sven", root).revision == pin
    shutil.rmtree(repository)
    assert get_corpus("sven", root).revision == pin  # offline: what is there is checked and used


@pytest.mark.parametrize("revision", ["v9", "0" * 40])
def test_a_revision_that_is_not_there(revision: str, repository: Path, root: Path) -> None:
    with pytest.raises(InputError, match=f"revision '{revision}' is not in the repository"):
        get_corpus("sven", root, origin=repository.as_uri(), revision=revision)
    assert os.listdir(root) == []


def test_a_repository_that_is_not_there(root: Path, tmp_path: Path) -> None:
    with pytest.raises(MissingPrerequisite, match=r"git fetch failed: .*; without a network give a copy with --from"):
        get_corpus("sven", root, origin=(tmp_path / "nowhere").as_uri())
    assert os.listdir(root) == []


@pytest.mark.parametrize("origin", ["--upload-pack=touch /tmp/x", "nowhere", "owner/name"])
def test_an_origin_that_is_none(origin: str, root: Path) -> None:
    with pytest.raises(InputError, match="--from "):
        get_corpus("sven", root, origin=origin)


def make_archive(folder: Path, path: Path) -> Path:
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
            for file in sorted(folder.rglob("*")):
                packed.write(file, file.relative_to(folder))
    else:
        with tarfile.open(path, "w:gz") as packed_tar:
            packed_tar.add(folder, arcname=".")
    return path


@pytest.mark.parametrize("name", ["sven.zip", "sven.tar.gz"])
class TestArchives:
    def test_unpacked(self, name: str, root: Path, tmp_path: Path, corpora_dir: Path) -> None:
        path = make_archive(corpora_dir / "sven", tmp_path / name)
        receipt = get_corpus("sven", root, origin=str(path))
        assert receipt.kind == "archive"
        assert receipt.sha256 == digest_files(corpora_dir / "sven")[0]

    def test_truncated(self, name: str, root: Path, tmp_path: Path, corpora_dir: Path) -> None:
        path = make_archive(corpora_dir / "sven", tmp_path / name)
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        with pytest.raises(CorruptData, match=r"is not a whole archive: .*; get it again"):
            get_corpus("sven", root, origin=str(path))
        assert os.listdir(root) == []


def test_an_archive_cannot_write_outside(root: Path, tmp_path: Path) -> None:
    path = tmp_path / "evil.tar"
    with tarfile.open(path, "w") as packed:
        member = tarfile.TarInfo("../../escaped")
        member.size = 1
        packed.addfile(member, io.BytesIO(b"x"))
    with pytest.raises(CorruptData, match="is not a whole archive"):
        get_corpus("sven", root, origin=str(path))
    assert not list(tmp_path.rglob("escaped"))


def test_links_of_a_folder_stay_out(root: Path, tmp_path: Path) -> None:
    folder = tmp_path / "own"
    folder.mkdir()
    (folder / "a.jsonl").write_text("{}\n")
    (folder / "b.jsonl").symlink_to("/etc/passwd")
    assert get_corpus("hub", root, origin=str(folder)).n_files == 1


def test_an_empty_folder(root: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no files"):
        get_corpus("hub", root, origin=str(tmp_path))


class TestChecksum:
    def test_another_than_asked_for(self, root: Path, corpora_dir: Path) -> None:
        origin = str(corpora_dir / "sven")
        with pytest.raises(CorruptData, match=r"has SHA-256 [0-9a-f]{64}, not abc; nothing was kept"):
            get_corpus("sven", root, origin=origin, sha256="abc")
        assert os.listdir(root) == []
        good = get_corpus("sven", root, origin=origin).sha256
        assert get_corpus("sven", root, sha256=good.upper()).sha256 == good
        with pytest.raises(InputError, match=f"is there with SHA-256 {good}, not abc; remove "):
            get_corpus("sven", root, sha256="abc")

    def test_files_changed_since(self, root: Path, corpora_dir: Path) -> None:
        receipt = get_corpus("sven", root, origin=str(corpora_dir / "sven"))
        (Path(receipt.folder) / "more.txt").write_text("x")
        with pytest.raises(CorruptData, match=r"are not those that were got .*; remove .* and get it again"):
            get_corpus("sven", root)

    def test_another_origin_than_what_is_there(self, root: Path, corpora_dir: Path) -> None:
        get_corpus("sven", root, origin=str(corpora_dir / "sven"))
        with pytest.raises(InputError, match=r"is there with origin .*sven, not .*folder; remove"):
            get_corpus("sven", root, origin=str(corpora_dir / "folder"))

    def test_a_receipt_that_is_broken(self, root: Path, corpora_dir: Path) -> None:
        get_corpus("sven", root, origin=str(corpora_dir / "sven"))
        (root / "sven" / "receipt.json").write_text("{")
        with pytest.raises(CorruptData, match=r"receipt\.json cannot be read: "):
            get_corpus("sven", root)


class TestHub:
    def test_tables_only_at_one_commit(self, root: Path, monkeypatch: pytest.MonkeyPatch, corpora_dir: Path) -> None:
        asked = {}

        def download(repo: str, **options: object) -> None:
            asked.update(options, repo=repo)
            shutil.copytree(corpora_dir / "crossvul", Path(str(options["local_dir"])))

        class Info:
            sha = "c" * 40

        monkeypatch.setattr(huggingface_hub.HfApi, "dataset_info", lambda *_, **__: Info())
        monkeypatch.setattr(huggingface_hub, "snapshot_download", download)
        receipt = get_corpus("crossvul", root)
        assert (receipt.kind, receipt.address, receipt.revision) == ("hub", "hitoshura25/crossvul", "c" * 40)
        assert (asked["repo_type"], asked["revision"]) == ("dataset", "c" * 40)
        assert not [pattern for pattern in asked["allow_patterns"] if pattern.endswith((".py", ".pkl", "*"))]
        assert len(load_corpus("crossvul", receipt.folder).pairs) == 3

    def test_no_network(self, root: Path) -> None:
        with pytest.raises(MissingPrerequisite, match=r"cannot get owner/name from the Hub: .*--from FOLDER"):
            get_corpus("hub", root, origin="owner/name")
        assert os.listdir(root) == []
