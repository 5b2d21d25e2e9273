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
from vulnscope.corpora.get.fetch import digest_files, get_corpus
from vulnscope.corpora.get.receipt import Receipt
from vulnscope.corpora.get.sources import BY_HAND, SOURCES, find_source
from vulnscope.errors import CorruptData, InputError, MissingPrerequisite
from vulnscope.registry import list_names


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "corpora"


@pytest.fixture
def copied(tmp_path: Path, corpora_dir: Path) -> Path:
    return Path(shutil.copytree(corpora_dir / "sven", tmp_path / "copied"))


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
        assert source.revision is not None or source.kind == "hub"
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


def test_another_revision_is_refused_and_moved_to_on_purpose(
    repository: Path, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = git(repository, "rev-parse", "v1"), git(repository, "rev-parse", "main")
    monkeypatch.setitem(SOURCES, "sven", SOURCES["sven"]._replace(address=repository.as_uri(), revision=first))
    get_corpus("sven", root)
    with pytest.raises(
        InputError, match=f"revision {first}, not {second}; move on purpose with: .*--revision {second}$"
    ):
        get_corpus("sven", root, revision=second)
    assert get_corpus("sven", root, revision=second, is_replaced=True).revision == second
    with pytest.raises(
        InputError, match=f"not {first} that this version pins; .*, or keep it with --revision {second}$"
    ):
        get_corpus("sven", root)
    assert get_corpus("sven", root, revision=second[:9]).revision == second


def test_a_branch_or_tag_is_remembered(repository: Path, root: Path) -> None:
    receipt = get_corpus("sven", root, origin=repository.as_uri(), revision="v1")
    git(repository, "tag", "--force", "v1", "main")
    assert get_corpus("sven", root, origin=repository.as_uri(), revision="v1") == receipt


def test_a_revision_of_a_local_checkout(repository: Path, copied: Path, root: Path) -> None:
    receipt = get_corpus("sven", root, origin=str(repository), revision="v1")
    assert (receipt.kind, receipt.revision) == ("git", git(repository, "rev-parse", "v1"))
    with pytest.raises(InputError, match=r"--revision v1: .*copied is no git repository and has no revisions"):
        get_corpus("sven", root, origin=str(copied), revision="v1", is_replaced=True)


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
        with pytest.raises(InputError, match=f"is there with SHA-256 {good}, not abc; move on purpose with: "):
            get_corpus("sven", root, sha256="abc")

    def test_files_changed_since(self, root: Path, corpora_dir: Path) -> None:
        receipt = get_corpus("sven", root, origin=str(corpora_dir / "sven"))
        (Path(receipt.folder) / "more.txt").write_text("x")
        with pytest.raises(
            CorruptData, match=r"are not those that were got: .*; get the same again with: .* sven --replace"
        ):
            get_corpus("sven", root)
        with pytest.raises(CorruptData, match="are not those that were got"):
            default_data_dir("sven", {"VULNSCOPE_CACHE": str(root.parent)})
        assert get_corpus("sven", root, is_replaced=True) == receipt
        assert default_data_dir("sven", {"VULNSCOPE_CACHE": str(root.parent)}) == Path(receipt.folder)

    def test_another_origin_than_what_is_there(self, root: Path, corpora_dir: Path) -> None:
        get_corpus("sven", root, origin=str(corpora_dir / "sven"))
        with pytest.raises(
            InputError, match=r"is there with origin .*sven, not .*folder; move on purpose with: .*--replace --from"
        ):
            get_corpus("sven", root, origin=str(corpora_dir / "folder"))
        moved = get_corpus("sven", root, origin=str(corpora_dir / "safecoder"), is_replaced=True)
        assert moved.address == str(corpora_dir / "safecoder")
        assert os.listdir(root) == ["sven"]

    def test_a_copy_that_is_gone_or_another_cannot_be_got_again(self, root: Path, copied: Path) -> None:
        receipt = get_corpus("sven", root, origin=str(copied))
        (copied / "more.txt").write_text("x")
        with pytest.raises(CorruptData, match=f"not {receipt.sha256}; nothing was kept"):
            get_corpus("sven", root, is_replaced=True)
        shutil.rmtree(copied)
        with pytest.raises(InputError, match="is not there any more; name another copy with --from"):
            get_corpus("sven", root, is_replaced=True)
        assert get_corpus("sven", root) == receipt  # what was there stays

    def test_a_receipt_that_is_broken(self, root: Path, corpora_dir: Path) -> None:
        get_corpus("sven", root, origin=str(corpora_dir / "sven"))
        (root / "sven" / "receipt.json").write_text("{")
        with pytest.raises(CorruptData, match=r"receipt\.json cannot be read: "):
            get_corpus("sven", root)


class StandIn:
    """A Hub dataset: files by commit, the last one the newest."""

    def __init__(self, files: Path) -> None:
        self.folders = {"a" * 40: files, "b" * 40: files}
        self.asked: list[dict[str, object]] = []

    def dataset_info(self, _: object, __: str, revision: str | None = None) -> object:
        self.asked.append({"info": revision})
        commit = list(self.folders)[-1] if revision in (None, "main") else revision
        return type("Info", (), {"sha": commit})()

    def download(self, _: str, **options: object) -> None:
        self.asked.append(options)
        shutil.copytree(self.folders[str(options["revision"])], Path(str(options["local_dir"])))


class TestHub:
    @pytest.fixture
    def hub(self, monkeypatch: pytest.MonkeyPatch, corpora_dir: Path) -> StandIn:
        hub = StandIn(corpora_dir / "crossvul")
        monkeypatch.setattr(
            huggingface_hub.HfApi, "dataset_info", lambda *args, **options: hub.dataset_info(*args, **options)
        )
        monkeypatch.setattr(huggingface_hub, "snapshot_download", hub.download)
        return hub

    def test_tables_only_at_the_newest_commit_where_none_is_pinned(self, root: Path, hub: StandIn) -> None:
        receipt = get_corpus("crossvul", root)
        assert (receipt.kind, receipt.address, receipt.revision) == ("hub", "hitoshura25/crossvul", "b" * 40)
        info, download = hub.asked
        assert info == {"info": None}
        assert (download["repo_type"], download["revision"]) == ("dataset", "b" * 40)
        patterns = download["allow_patterns"]
        assert isinstance(patterns, list)
        assert not [pattern for pattern in patterns if pattern.endswith((".py", ".pkl", "*"))]
        assert len(load_corpus("crossvul", receipt.folder).pairs) == 3

    def test_everyone_is_held_to_the_first_commit(self, root: Path, hub: StandIn) -> None:
        first = get_corpus("crossvul", root)
        hub.folders["c" * 40] = hub.folders["b" * 40]
        hub.asked.clear()
        assert get_corpus("crossvul", root) == first == get_corpus("crossvul", root, revision="b" * 40)
        with pytest.raises(
            InputError, match=f"is there with revision {'b' * 40}, not {'c' * 40}; move on purpose with: "
        ):
            get_corpus("crossvul", root, revision="c" * 40)
        assert not hub.asked  # no network for any of it
        assert get_corpus("crossvul", root, is_replaced=True).revision == "b" * 40  # the same again, not the newest
        assert get_corpus("crossvul", root, revision="main", is_replaced=True).revision == "c" * 40

    def test_other_files_under_the_same_commit_are_refused(self, root: Path, hub: StandIn, copied: Path) -> None:
        first = get_corpus("crossvul", root)
        hub.folders["b" * 40] = copied
        with pytest.raises(CorruptData, match=f"not {first.sha256}; nothing was kept"):
            get_corpus("crossvul", root, is_replaced=True)
        assert get_corpus("crossvul", root) == first

    def test_a_pinned_commit_is_the_one_asked_for(
        self, root: Path, hub: StandIn, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        pinned = SOURCES["security-dpo"].revision
        assert pinned is not None
        hub.folders[pinned] = hub.folders["b" * 40]
        assert get_corpus("security-dpo", root).revision == pinned
        monkeypatch.setattr(huggingface_hub.HfApi, "dataset_info", lambda *_, **__: hub.dataset_info(0, "x"))
        hub.folders["d" * 40] = hub.folders["b" * 40]
        with pytest.raises(CorruptData, match=f"gave commit {'d' * 40}, not {'a' * 40}; nothing was kept"):
            get_corpus("crossvul", root, revision="a" * 40)
        assert os.listdir(root) == ["security-dpo"]

    def test_no_network(self, root: Path, corpora_dir: Path) -> None:
        with pytest.raises(MissingPrerequisite, match=r"cannot get owner/name from the Hub: .*--from FOLDER"):
            get_corpus("hub", root, origin="owner/name")
        assert os.listdir(root) == []
        receipt = get_corpus("crossvul", root, origin=str(corpora_dir / "crossvul"))
        assert len(load_corpus("crossvul", receipt.folder).pairs) == 3
