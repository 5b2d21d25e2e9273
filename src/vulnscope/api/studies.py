"""The verb that ties all others together: the study of one model, or of two on the same samples."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack, overload

from vulnscope.api.carry_out import ask, build_request, carry_out
from vulnscope.api.verbs import StudyOptions, StudyResult
from vulnscope.kinds.context import Context
from vulnscope.kinds.find import find_kind
from vulnscope.kinds.kind import Finished
from vulnscope.records.requests import SubjectRequest
from vulnscope.study.two.record import AgainstRecord

if TYPE_CHECKING:
    from vulnscope.study.requests import WholeStudyRequest


class AgainstResult(Finished[AgainstRecord]):
    """Two finished studies: their record and the folder it lies in, with a folder per study."""


@overload
def study(
    model: str,
    corpus: str = "synthetic",
    *,
    against: None = None,
    runs_dir: str | Path = "runs",
    **options: Unpack[StudyOptions],
) -> StudyResult: ...


@overload
def study(
    model: str,
    corpus: str = "synthetic",
    *,
    against: str | Mapping[str, Any],
    runs_dir: str | Path = "runs",
    **options: Unpack[StudyOptions],
) -> AgainstResult: ...


def study(
    model: str,
    corpus: str = "synthetic",
    *,
    against: str | Mapping[str, Any] | None = None,
    runs_dir: str | Path = "runs",
    **options: Unpack[StudyOptions],
) -> StudyResult | AgainstResult:
    """What `model` says about `corpus`, what it knows, what closes the gap, and one diagnosis.

    With `against`, a second model is studied on the same samples and every figure is compared: its name, opened with
    the dtype and on the device of the first, or its own fields of `SubjectRequest`.
    """
    if against is None:
        return ask("study", StudyResult, model, corpus, runs_dir, options)
    first: WholeStudyRequest = build_request(find_kind("study"), model, corpus, options)
    shared = {name: getattr(first.subject, name) for name in ("dtype", "device", "trust_remote_code")}
    named = {"name": against} if isinstance(against, str) else dict(against)
    both = find_kind("against")
    request = both.request.model_validate({**dict(first), "against": SubjectRequest(**{**shared, **named})})
    done = carry_out(Context(both, request, Path(runs_dir)))
    return AgainstResult(record=done.record, folder=done.folder)
