"""The verbs on finished runs: compare two, combine several. No model is opened."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vulnscope.api.carry_out import carry_out
from vulnscope.audit.again.config import HOWS, CombineConfig, CompareConfig
from vulnscope.audit.config import AuditConfig
from vulnscope.errors import InputError
from vulnscope.kinds.context import Context
from vulnscope.kinds.find import find_kind

if TYPE_CHECKING:
    from vulnscope.records.audit import AuditRecord
    from vulnscope.records.base import Record
    from vulnscope.records.comparison import ComparisonRecord


def compare_runs(
    before: str | Path, after: str | Path, runs_dir: str | Path = "runs", *, seed: int = 0, command: str = ""
) -> tuple[ComparisonRecord, Path]:
    """What changed between two finished runs on the items both answered, and the folder it is written to."""
    return _read_again("compare", CompareConfig(before=str(before), after=str(after), seed=seed), runs_dir, command)


def combine_runs(
    runs: Sequence[str | Path],
    how: str = "mean",
    runs_dir: str | Path = "runs",
    *,
    seed: int = 0,
    command: str = "",
) -> tuple[AuditRecord, Path]:
    """An ensemble of finished runs judged like one model, and the folder it is written to.

    `how`: "mean" of margins, majority "vote", or "stacked" on other groups.
    """
    if how not in HOWS:
        raise InputError(f"runs cannot be combined by {how!r}; choose one of: {', '.join(HOWS)}")
    if len(runs) < 2:
        raise InputError(f"an ensemble needs at least two runs, {len(runs)} given")
    judged = AuditConfig(protocol="combined", seed=seed)
    return _read_again("combine", CombineConfig(runs=tuple(map(str, runs)), how=how, audit=judged), runs_dir, command)


def _read_again(name: str, config: Record, runs_dir: str | Path, command: str) -> tuple[Any, Path]:
    done = carry_out(Context(find_kind(name), config, Path(runs_dir), command=command))
    return done.record, done.folder
