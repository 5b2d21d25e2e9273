"""The verbs of steering: fit vectors, sweep them beside their controls, apply what was chosen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vulnscope.api.requests import StudyRequest, build_requests, load_requested, open_requested, opened_run
from vulnscope.records.steer import Outcome, SteerRecord, VectorFile, VectorInfo
from vulnscope.steer.config import SteerConfig

if TYPE_CHECKING:
    from vulnscope.interventions import Vectors
    from vulnscope.records.steer import Agreement

Stage = Callable[[str, int, int], None]


class SteerRequest(StudyRequest):
    """Everything a steering study is asked to do."""

    steer: SteerConfig = SteerConfig()


@dataclass(frozen=True)
class SteerResult:
    """A finished steering study: its record and the folder it lies in, with vectors and interventions."""

    record: SteerRecord
    folder: Path

    @property
    def report(self) -> Path:
        """Path of the HTML report."""
        return self.folder / "report.html"


def steer(model: str, corpus: str = "synthetic", *, runs_dir: str | Path = "runs", **options: Any) -> SteerResult:
    """What steering does to the answers of `model` on groups of `corpus` that neither fitted nor chose anything.

    `options` are the fields of `SubjectRequest`, `data_dir`, `skip_bad` and `corpus_options` of the corpus, and the
    fields of `SteerConfig`.
    """
    subject, source, settings = build_requests(model, corpus, options)
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
    from vulnscope.steer import check_steering, run_steering

    corpus = load_requested(request.corpus)
    check_steering(corpus, request.steer)
    subject = open_requested(request.subject)
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
        run.write_result(record)
        run.write_report(render_steer(record))
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


def apply_steering(request: SteerRequest, folder: Path) -> Outcome:
    """What the intervention in `folder` does to the answers on the whole corpus of `request`."""
    from vulnscope.steer import apply_intervention

    corpus = load_requested(request.corpus)
    subject = open_requested(request.subject)
    return apply_intervention(subject, corpus, request.steer, folder, is_forced=request.steer.is_forced)


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
