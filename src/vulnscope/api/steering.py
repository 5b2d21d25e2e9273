"""The verbs of steering: fit vectors, sweep them beside their controls, apply what was chosen or stored."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vulnscope.api.carry_out import split_options
from vulnscope.api.requests import opened_run
from vulnscope.kinds.context import load_requested, open_requested
from vulnscope.kinds.kind import Finished
from vulnscope.records.apply import ApplyRecord, SteeredText
from vulnscope.records.requests import StudyRequest
from vulnscope.records.steer import SteerRecord, VectorFile, VectorInfo
from vulnscope.steer.config import ApplyConfig, SteerConfig

if TYPE_CHECKING:
    from vulnscope.interventions import Stored, Vectors
    from vulnscope.records.steer import Agreement

Stage = Callable[[str, int, int], None]
_INTERVENTION = "intervention"


class SteerRequest(StudyRequest):
    """Everything a steering study is asked to do."""

    steer: SteerConfig = SteerConfig()


class ApplyRequest(StudyRequest):
    """Everything the applying of an intervention is asked to do."""

    apply: ApplyConfig = ApplyConfig()


class SteerResult(Finished[SteerRecord]):
    """A finished steering study: its record and the folder it lies in, with vectors and interventions."""


class ApplyResult(Finished[ApplyRecord]):
    """A finished applying: its record and the folder it lies in, with a copy of the intervention."""


def steer(model: str, corpus: str = "synthetic", *, runs_dir: str | Path = "runs", **options: Any) -> SteerResult:
    """What steering does to the answers of `model` on groups of `corpus` that neither fitted nor chose anything.

    `options` are the fields of `SubjectRequest`, `data_dir`, `skip_bad` and `corpus_options` of the corpus, and the
    fields of `SteerConfig`.
    """
    subject, source, settings = split_options(model, corpus, options)
    request = SteerRequest(subject=subject, corpus=source, steer=SteerConfig(**settings))
    return run_steer_request(request, runs_dir=Path(runs_dir))


def run_steer_request(
    request: SteerRequest,
    *,
    runs_dir: Path,
    resume: str | Path | None = None,
    command: str = "",
    progress: Stage | None = None,
    on_agreement: Callable[[tuple[Agreement, ...]], None] | None = None,
) -> SteerResult:
    """Carry out `request` in a new run, or in the run `resume`. `on_agreement` hears how far pair differences agree."""
    from vulnscope.report.steer_panels import render_steer
    from vulnscope.steer import check_steered, check_steering, run_steering

    corpus = load_requested(request.corpus)
    check_steering(corpus, request.steer)
    subject = open_requested(request.subject)
    check_steered(subject, request.steer)
    with opened_run(
        "steer", request, subject, corpus, request.steer.seed, runs_dir=runs_dir, resume=resume, command=command
    ) as run:
        record = run_steering(
            subject,
            corpus,
            request.steer,
            run,
            command=run.manifest.command,
            progress=progress,
            on_agreement=on_agreement,
        )
        run.write_report(render_steer(record))
        run.write_result(record)
    return SteerResult(record=record, folder=run.path)


def fit_vectors(request: SteerRequest, path: Path) -> VectorFile:
    """Fit every method of `request` on the fit groups and write the vectors to `path`."""
    from vulnscope.interventions import save_vectors
    from vulnscope.steer import check_steering, fit_steering, prepare_splits

    corpus = load_requested(request.corpus)
    check_steering(corpus, request.steer)
    subject = open_requested(request.subject)
    vectors, agreement, _ = fit_steering(subject, corpus, request.steer, prepare_splits(subject, corpus, request.steer))
    save_vectors(path, vectors)
    return _describe(path, vectors, agreement)


def show_vectors(path: Path) -> VectorFile:
    """What a vector file says about itself; for a folder, its `vectors.safetensors`."""
    from vulnscope.interventions import load_vectors

    found = path / "vectors.safetensors" if path.is_dir() else path
    return _describe(found, load_vectors(found), ())


def run_apply_request(
    request: ApplyRequest,
    *,
    runs_dir: Path,
    resume: str | Path | None = None,
    command: str = "",
    progress: Stage | None = None,
) -> ApplyResult:
    """Carry out `request` in a new run, or in the run `resume`, which holds a copy of the intervention."""
    from vulnscope.interventions import save_intervention
    from vulnscope.report.apply_panels import render_apply
    from vulnscope.steer import check_applying, run_applying

    stored = _stored(request, resume, runs_dir)
    corpus = load_requested(request.corpus)
    check_applying(corpus, request.apply)
    subject = open_requested(request.subject)
    if stored.vectors is not None:
        stored.vectors.check_subject(subject, is_forced=request.apply.is_forced)
    with opened_run(
        "apply", request, subject, corpus, request.apply.seed, runs_dir=runs_dir, resume=resume, command=command
    ) as run:
        save_intervention(run.path / _INTERVENTION, stored.intervention, stored.vectors)
        record = run_applying(
            subject, corpus, request.apply, stored, run, command=run.manifest.command, progress=progress
        )
        run.write_report(render_apply(record))
        run.write_result(record)
    return ApplyResult(record=record, folder=run.path)


def write_steered(request: ApplyRequest, text: str, n_tokens: int) -> SteeredText:
    """What the model of `request` writes after `text`, un-steered and steered; the corpus is not read."""
    from vulnscope.steer import read_source, write_both

    stored = read_source(request.apply)
    subject = open_requested(request.subject)
    return write_both(subject, stored, text, n_tokens, is_forced=request.apply.is_forced)


def _stored(request: ApplyRequest, resume: str | Path | None, runs_dir: Path) -> Stored:
    """The intervention asked for; of a run that is continued, its own copy."""
    from vulnscope import store
    from vulnscope.interventions import load_intervention
    from vulnscope.steer import read_source

    if resume is not None and (own := store.load_run(resume, runs_dir).path / _INTERVENTION).is_dir():
        return load_intervention(own)
    return read_source(request.apply)


def _describe(path: Path, vectors: Vectors, agreement: tuple[Agreement, ...]) -> VectorFile:
    origin = vectors.origin
    return VectorFile(
        path=str(path),
        file_digest=vectors.digest(),
        subject=origin.subject,
        subject_digest=origin.subject_digest,
        method=origin.method,
        corpus=origin.corpus,
        corpus_digest=origin.corpus_digest,
        seed=origin.seed,
        settings=dict(origin.settings),
        vectors=tuple(
            VectorInfo(
                name=name,
                site=origin.sites[name].site,
                norm=float(vector.norm()),
                unit=None if (unit := origin.sites[name].unit) is None else unit.value,
            )
            for name, vector in vectors.values.items()
        ),
        agreement=agreement,
    )
