"""Getting a corpus into the cache: from a git repository, the Hub, a folder or an archive, with a checksum.

Everything is made in a folder beside the final one and moved there in one step, so that what has a receipt is whole.
Of a git repository only the files of one commit are kept: no history, no submodules, no links, and no hook or filter
of the repository is run. Of a Hub dataset only tables and the card are fetched, never scripts or pickles. Of a folder
or an archive plain files are taken, no links.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias

from pydantic import ValidationError

from vulnscope.corpora.get.receipt import Kind, Receipt
from vulnscope.corpora.get.sources import SOURCES, Source, find_source
from vulnscope.corpora.get.unpack import ARCHIVES, unpack
from vulnscope.corpora.tables.folders import walk_files
from vulnscope.errors import CorruptData, InputError, MissingPrerequisite
from vulnscope.store.environment import cache_dir
from vulnscope.store.files import write_atomic

RECEIPT = "receipt.json"
DATA = "data"
HUB_PATTERNS = ("*.parquet", "*.jsonl", "*.json", "*.csv", "*.jsonl.gz", "README.md")

Place: TypeAlias = tuple[Kind, str, str | None]
"""Kind, address and revision."""

_MIN_ABBREVIATION = 7
_COMMIT = re.compile(r"[0-9a-f]{40}")
_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")
_GIT_OPTIONS = ("core.symlinks=false", "core.hooksPath=/dev/null", "core.fsmonitor=false", "protocol.ext.allow=never")


def corpora_dir(environ: Mapping[str, str] = os.environ) -> Path:
    """The folder of the cache that holds the corpora got."""
    return cache_dir(environ) / "corpora"


def get_corpus(
    name: str,
    root: Path,
    *,
    origin: str | None = None,
    revision: str | None = None,
    sha256: str | None = None,
    is_replaced: bool = False,
) -> Receipt:
    """The receipt of corpus `name` in `root`; fetched where it is not there, else checked against its receipt.

    `origin` is a local folder or archive, a git address (`https://...`, `file://...`), or for `hub` OWNER/NAME; the
    default is the published source at its pinned commit, and where none is pinned at its newest, which the receipt
    then holds everyone to. `sha256` is what the files must have. `is_replaced` fetches in place of what is there: the
    same again, or what `origin` and `revision` name. Raises `CorruptData` on files that do not have their checksum,
    `InputError` where something else is there than is asked for.
    """
    home = root / name
    if (home / RECEIPT).is_file():
        if not is_replaced:
            receipt = verify_corpus(home)
            _hold(receipt, origin, revision, sha256)
            return receipt
        if origin is None and revision is None:
            old = _read_receipt(home)
            return _fetch(home, (old.kind, old.address, old.revision), sha256 or old.sha256)
    return _fetch(home, _read_origin(name, origin, revision), sha256)


def verify_corpus(home: Path) -> Receipt:
    """The receipt in `home`; raises `CorruptData` where the files beside it are not those that were got."""
    receipt = _read_receipt(home)
    digest = digest_files(home / DATA)[0]
    if digest != receipt.sha256:
        raise CorruptData(
            f"the files in {home / DATA} are not those that were got: SHA-256 {digest}, not {receipt.sha256}; "
            f"{_advise(receipt.corpus, 'get the same again')}"
        )
    return receipt


def digest_files(folder: Path) -> tuple[str, int, int]:
    """SHA-256 over names and contents of all plain files in `folder`, how many they are, and their bytes."""
    total, n_files, n_bytes = hashlib.sha256(), 0, 0
    for path, name in walk_files(folder):
        with path.open("rb") as file:
            content = hashlib.file_digest(file, "sha256").hexdigest()
        total.update(f"{name}\0{content}\n".encode("utf-8", "surrogateescape"))
        n_files += 1
        n_bytes += path.stat().st_size
    return total.hexdigest(), n_files, n_bytes


def _read_receipt(home: Path) -> Receipt:
    try:
        return Receipt.model_validate_json((home / RECEIPT).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, ValidationError) as error:
        problem = " ".join(str(error).split())
        raise CorruptData(
            f"{home / RECEIPT} cannot be read: {problem}; remove {home}, then: vulnscope corpus get {home.name}"
        ) from error


def _hold(receipt: Receipt, origin: str | None, revision: str | None, sha256: str | None) -> None:
    """Raise `InputError` where something else is asked for, by option or by the pin of this version, than is there."""
    name, wanted = receipt.corpus, revision
    if origin is not None:
        address = _read_origin(name, origin, None)[1]
        if address != receipt.address:
            move = _advise(name, "move on purpose", f" --from {origin}")
            raise InputError(f"corpus {name!r} is there with origin {receipt.address}, not {address}; {move}")
    elif name in SOURCES and SOURCES[name].address == receipt.address:
        wanted = revision or SOURCES[name].revision
    if wanted is not None and wanted != receipt.asked and not _is_same(receipt.revision, wanted):
        source = "" if revision else " that this version pins"
        keep = "" if revision else f", or keep it with --revision {receipt.revision}"
        move = _advise(name, "move on purpose", f" --revision {wanted}")
        there = receipt.revision or "none"
        raise InputError(f"corpus {name!r} is there with revision {there}, not {wanted}{source}; {move}{keep}")
    if sha256 is not None and sha256.lower() != receipt.sha256:
        move = _advise(name, "move on purpose", f" --revision REVISION --sha256 {sha256}")
        raise InputError(f"corpus {name!r} is there with SHA-256 {receipt.sha256}, not {sha256}; {move}")


def _is_same(there: str | None, wanted: str) -> bool:
    """Whether a revision is the commit that is there, or the beginning of its name."""
    return there is not None and len(wanted) >= _MIN_ABBREVIATION and there.startswith(wanted.lower())


def _advise(name: str, purpose: str, options: str = "") -> str:
    return f"{purpose} with: vulnscope corpus get {name} --replace{options}"


def _fetch(home: Path, source: Place, sha256: str | None) -> Receipt:
    """Fetch into a folder aside, check it, and put it where `home` is or was."""
    name = home.name
    with _staging(home.parent, name) as stage:
        found = _fill(stage / DATA, source)
        digest, n_files, n_bytes = digest_files(stage / DATA)
        if n_files == 0:
            raise InputError(f"corpus {name!r}: {source[1]} holds no files")
        if sha256 is not None and digest != sha256.lower():
            raise CorruptData(f"corpus {name!r}: {source[1]} has SHA-256 {digest}, not {sha256}; nothing was kept")
        receipt = Receipt(
            corpus=name,
            kind=source[0],
            address=source[1],
            revision=found,
            asked=source[2],
            sha256=digest,
            n_files=n_files,
            n_bytes=n_bytes,
            folder=str(home / DATA),
        )
        write_atomic(stage / RECEIPT, receipt.model_dump_json(indent=2) + "\n")
        with _staging(home.parent, name) as aside:
            if home.exists():
                home.rename(aside / "old")
            stage.rename(home)
    return receipt


def _read_origin(name: str, origin: str | None, revision: str | None) -> Place:
    """Kind, address and pinned revision of where to get from."""
    if (origin or "").startswith("-") or (revision or "").startswith("-"):
        raise InputError("--from and --revision: no address or revision begins with '-'")
    if origin is None:
        source: Source = find_source(name)
        return source.kind, source.address, revision or source.revision
    path = Path(origin)
    if path.exists():
        if revision is not None and (path / ".git").exists():
            return "git", path.absolute().as_uri(), revision
        if revision is not None:
            raise InputError(f"--revision {revision}: {origin} is no git repository and has no revisions; leave it out")
        is_archive = path.is_file() and path.name.lower().endswith(ARCHIVES)
        return ("archive" if is_archive else "folder"), str(path.absolute()), None
    if "://" in origin or origin.startswith("git@"):
        return "git", origin, revision
    if name in ("hub", "crossvul", "security-dpo", "primevul") and _HUB_ID.fullmatch(origin):
        return "hub", origin, revision
    raise InputError(f"--from {origin!r} is no file or folder here, no address with ://, and no OWNER/NAME of the Hub")


def _fill(folder: Path, source: Place) -> str | None:
    """Put the files into `folder`, which is not there yet; the commit they are of, where there is one."""
    kind, address, revision = source
    if kind == "git":
        return _clone(address, revision, folder)
    if kind == "hub":
        return _download(address, revision, folder)
    if not Path(address).exists():
        raise InputError(f"{address} is not there any more; name another copy with --from")
    if kind == "archive":
        _unpack(Path(address), folder)
    else:
        _copy(Path(address), folder)
    return None


def _copy(origin: Path, folder: Path) -> None:
    for path, name in walk_files(origin):
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)


def _unpack(archive: Path, folder: Path) -> None:
    """Unpack into a folder aside first, so that only plain files inside it come over."""
    with tempfile.TemporaryDirectory(dir=folder.parent) as aside:
        unpack(archive, Path(aside))
        _copy(Path(aside), folder)


def _clone(address: str, revision: str | None, folder: Path) -> str:
    """The files of one commit; the default branch where no revision is given."""
    wanted = revision or "HEAD"
    with tempfile.TemporaryDirectory(dir=folder.parent) as aside:
        _git(aside, "init", "--quiet")
        # Servers hand out single commits by name, most local repositories do not.
        if not _git(aside, "fetch", "--quiet", "--depth=1", "--no-tags", "--", address, wanted, is_sure=False):
            _git(aside, "fetch", "--quiet", "--no-tags", "--", address, "+refs/*:refs/got/*")
            _git(aside, "update-ref", "FETCH_HEAD", _resolve(aside, wanted))
        commit = _git(aside, "rev-parse", "--verify", "FETCH_HEAD^{commit}").strip()
        if _COMMIT.fullmatch(wanted) and commit != wanted:
            raise CorruptData(f"{address} gave commit {commit}, not {wanted}; nothing was kept")
        _git(aside, "checkout", "--quiet", "--detach", commit)
        _copy(Path(aside), folder)
    return commit


def _resolve(repository: str, wanted: str) -> str:
    for name in (wanted, f"refs/got/heads/{wanted}", f"refs/got/tags/{wanted}"):
        if found := _git(repository, "rev-parse", "--quiet", "--verify", f"{name}^{{commit}}", is_sure=False).strip():
            return found
    raise InputError(f"revision {wanted!r} is not in the repository")


def _git(folder: str, *arguments: str, is_sure: bool = True) -> str:
    """What git prints; "" where it fails and may."""
    options = [word for option in _GIT_OPTIONS for word in ("-c", option)]
    environment = {**os.environ, "GIT_TERMINAL_PROMPT": "0", "GIT_LFS_SKIP_SMUDGE": "1", "LC_ALL": "C"}
    try:
        done = subprocess.run(
            ["git", "-C", folder, *options, *arguments], env=environment, capture_output=True, text=True, check=False
        )
    except FileNotFoundError as error:
        raise MissingPrerequisite("getting a corpus needs git: install it, or give --from FOLDER") from error
    if done.returncode == 0:
        return done.stdout or "done"
    if not is_sure:
        return ""
    problem = done.stderr.strip().partition("\n")[0].removeprefix("fatal: ") or f"status {done.returncode}"
    raise MissingPrerequisite(f"git {arguments[0]} failed: {problem}; without a network give a copy with --from FOLDER")


def _download(address: str, revision: str | None, folder: Path) -> str:
    """Tables and card of a Hub dataset at one commit."""
    from huggingface_hub import HfApi, snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled

    try:
        commit = HfApi().dataset_info(address, revision=revision).sha or ""
        if _COMMIT.fullmatch(revision or "") and commit != revision:
            raise CorruptData(f"{address} gave commit {commit or 'none'}, not {revision}; nothing was kept")
        snapshot_download(
            address, repo_type="dataset", revision=commit, local_dir=folder, allow_patterns=list(HUB_PATTERNS)
        )
    except (HfHubHTTPError, OfflineModeIsEnabled, OSError) as error:
        raise MissingPrerequisite(
            f"cannot get {address} from the Hub: {error}; without a network give a copy with --from FOLDER"
        ) from error
    shutil.rmtree(folder / ".cache", ignore_errors=True)
    return commit


@contextmanager
def _staging(root: Path, name: str) -> Iterator[Path]:
    """A folder beside the final one, gone afterwards unless it was moved."""
    root.mkdir(parents=True, exist_ok=True)
    stage = Path(tempfile.mkdtemp(prefix=f".{name}-", dir=root))
    try:
        yield stage
    finally:
        shutil.rmtree(stage, ignore_errors=True)
