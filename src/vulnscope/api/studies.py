"""The verb that ties all others together: the study of one model on one corpus."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from vulnscope.api.carry_out import split_options
from vulnscope.api.requests import AgainstRequest, Stage, WholeStudyRequest, opened_run, sketch_requested, within_budget
from vulnscope.kinds.context import load_requested, open_cache, open_requested
from vulnscope.kinds.kind import Finished
from vulnscope.records.requests import SubjectRequest
from vulnscope.records.study import StudyEstimate, StudyRecord
from vulnscope.study.config import StudyConfig

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vulnscope.api.against import AgainstResult


class StudyResult(Finished[StudyRecord]):
    """A finished study: its record and the folder it lies in, with a folder per stage."""


@overload
def study(
    model: str, corpus: str = "synthetic", *, against: None = None, runs_dir: str | Path = "runs", **options: Any
) -> StudyResult: ...


@overload
def study(
    model: str,
    corpus: str = "synthetic",
    *,
    against: str | Mapping[str, Any],
    runs_dir: str | Path = "runs",
    **options: Any,
) -> AgainstResult: ...


def study(
    model: str,
    corpus: str = "synthetic",
    *,
    against: str | Mapping[str, Any] | None = None,
    runs_dir: str | Path = "runs",
    **options: Any,
) -> StudyResult | AgainstResult:
    """What `model` says about `corpus`, what it knows, what closes the gap, and one diagnosis.

    `options` are the fields of `SubjectRequest`, `data_dir`, `skip_bad` and `corpus_options` of the corpus, and the
    fields of `StudyConfig`. With `against`, a second model is studied on the same samples and every figure is compared:
    its name, opened with the dtype and on the device of the first, or its own fields of `SubjectRequest`.
    """
    subject, source, settings = split_options(model, corpus, options)
    request = WholeStudyRequest(subject=subject, corpus=source, study=StudyConfig(**settings))
    if against is None:
        return run_study_request(request, runs_dir=Path(runs_dir))
    from vulnscope.api.against import run_against_request

    shared = {name: getattr(subject, name) for name in ("dtype", "device", "trust_remote_code")}
    named = {"name": against} if isinstance(against, str) else dict(against)
    other = SubjectRequest.model_validate({**shared, **named})
    asked = AgainstRequest(subject=subject, corpus=source, study=request.study, against=other)
    return run_against_request(asked, runs_dir=Path(runs_dir))


def run_study_request(
    request: WholeStudyRequest,
    *,
    runs_dir: Path,
    resume: str | Path | None = None,
    is_cached: bool = True,
    command: str = "",
    progress: Stage | None = None,
) -> StudyResult:
    """Carry out `request` in a new run, or in the run `resume`. `is_cached` reuses known answers."""
    from vulnscope.report.study_panels import render_study
    from vulnscope.study import check_study, check_subject, run_study

    corpus = load_requested(request.corpus)
    check_study(corpus, request.study)
    if request.study.budget_minutes is not None and resume is None:
        # The run stores the limit, so that resuming it studies the same pairs on any machine.
        fitting = within_budget([sketch_requested(request.subject)], corpus, request.study)
        request = request.model_copy(update={"study": fitting})
    subject = open_requested(request.subject)
    check_subject(subject, request.study)
    with opened_run(
        "study", request, subject, corpus, request.study.seed, runs_dir=runs_dir, resume=resume, command=command
    ) as run:
        record = run_study(
            subject,
            corpus,
            request.study,
            run,
            cache=open_cache() if is_cached else None,
            command=run.manifest.command,
            progress=progress,
        )
        run.write_report(render_study(record))
        run.write_result(record)
    return StudyResult(record=record, folder=run.path)


def estimate_study_request(request: WholeStudyRequest) -> StudyEstimate:
    """What `request` would take, from the config of its model; weights are neither downloaded nor loaded."""
    from vulnscope.study import check_study
    from vulnscope.study.estimate import estimate_study

    corpus = load_requested(request.corpus)
    check_study(corpus, request.study)
    sketch = sketch_requested(request.subject)
    return estimate_study(sketch, corpus, within_budget([sketch], corpus, request.study))
