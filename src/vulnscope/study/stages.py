"""Runs inside a run: each is carried out once, continued where it stopped, and read where it is finished."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from vulnscope import store
from vulnscope.kinds.find import find_kind
from vulnscope.records.base import Record

if TYPE_CHECKING:
    from vulnscope.store import Run, StoredRun

R = TypeVar("R", bound=Record)


def finish_run(
    whole: Run,
    name: str,
    kind: str,
    record: type[R],
    config: Record,
    work: Callable[[Run], R],
    *,
    digests: tuple[str, str],
    seed: int,
    device: str,
) -> tuple[R, StoredRun]:
    """The result of the one run in the folder `name` of `whole`, and the run; `work` is done where it has none yet.

    `digests` are those of subject and corpus. Report and result are written here; the result comes last, so that a run
    with a result is finished.
    """
    folder = whole.path / name
    found = find_run(folder)
    if found is not None and found.result_path.is_file():
        return found.result(record), found
    with store.open_run(
        folder,
        kind,
        config,
        subject_digest=digests[0],
        corpus_digest=digests[1],
        seed=seed,
        device=device,
        resume=None if found is None else found.path,
    ) as run:
        run.command = whole.command
        result = work(run)
        run.write_report(find_kind(kind).render(result))
        run.write_result(result)
        return result, run


def find_run(folder: Path) -> StoredRun | None:
    """The one run in `folder`, finished or not."""
    paths = sorted(path.parent for path in folder.glob("*/manifest.json"))
    return store.load_run(paths[0], folder) if paths else None
