"""The verb that studies two models on the same samples."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from vulnscope.api.requests import AgainstRequest, Stage, WholeStudyRequest, sketch_requested, within_budget
from vulnscope.errors import InputError
from vulnscope.kinds.context import interruptible, load_requested, open_cache, open_requested
from vulnscope.kinds.kind import Finished
from vulnscope.records.against import AgainstEstimate, AgainstRecord
from vulnscope.records.base import digest_text
from vulnscope.records.requests import SubjectRequest

if TYPE_CHECKING:
    from vulnscope.corpora import Corpus
    from vulnscope.models.subject.sketch import Sketch
    from vulnscope.steer.config import SteerConfig
    from vulnscope.study.against import Side

KIND = "against"


class AgainstResult(Finished[AgainstRecord]):
    """Two finished studies: their record and the folder it lies in, with a folder per study."""


def run_against_request(
    request: AgainstRequest,
    *,
    runs_dir: Path,
    resume: str | Path | None = None,
    is_cached: bool = True,
    command: str = "",
    progress: Stage | None = None,
) -> AgainstResult:
    """Carry out `request` in a new run, or in the run `resume`. `is_cached` reuses known answers.

    Both models are found, and told apart, before the first is opened.
    """
    from vulnscope import store
    from vulnscope.report.against_panels import render_against
    from vulnscope.study.against import run_against

    corpus, sketches = _check(request, is_estimated=request.study.budget_minutes is not None)
    if request.study.budget_minutes is not None and resume is None:
        fitting = within_budget(sketches, corpus, request.study)
        request = request.model_copy(update={"study": fitting})
    sides = (
        _side(request, request.subject, str(sketches[0].device)),
        _side(request, request.against, str(sketches[1].device)),
    )
    is_alike = sketches[0].dtype == sketches[1].dtype
    if is_alike and sides[0].digest == sides[1].digest:
        raise InputError(_same(request, sides[0].digest))
    _check_vectors(request.study.steer, sides, sketches)
    opened = store.open_run(
        runs_dir,
        KIND,
        request,
        subject_digest=digest_text("\n".join(side.digest for side in sides)),
        corpus_digest=corpus.content_digest,
        seed=request.study.seed,
        device=sides[0].device,
        command=command,
        resume=resume,
    )
    with interruptible(opened), opened as run:
        record = run_against(
            sides,
            corpus,
            request.study,
            run,
            corpus_request=request.corpus.model_dump(mode="json"),
            cache=open_cache() if is_cached else None,
            command=run.manifest.command,
            progress=progress,
        )
        run.write_report(render_against(record))
        run.write_result(record)
    return AgainstResult(record=record, folder=run.path)


def estimate_against_request(request: AgainstRequest) -> AgainstEstimate:
    """What both studies would take, from the configs of the models; weights are neither downloaded nor loaded."""
    from vulnscope.study.estimate import estimate_study

    corpus, sketches = _check(request, is_estimated=True)
    config = within_budget(sketches, corpus, request.study)
    first, second = (estimate_study(sketch, corpus, config) for sketch in sketches)
    return AgainstEstimate(
        first=first,
        second=second,
        memory_bytes=max(first.memory_bytes, second.memory_bytes),
        seconds=first.seconds + second.seconds,
        disk_bytes=first.disk_bytes + second.disk_bytes,
    )


def _check(request: AgainstRequest, *, is_estimated: bool) -> tuple[Corpus, list[Sketch]]:
    """The corpus and the shapes of both models, with which every stage can work.

    Adapters, which have no shapes of their own, are refused only where times are estimated.
    """
    from vulnscope.study import check_study
    from vulnscope.study.checks import check_shapes

    if request.subject == request.against:
        raise InputError(_same(request))
    corpus = load_requested(request.corpus)
    check_study(corpus, request.study)
    subjects = (request.subject, request.against)
    bare = [each if is_estimated else each.model_copy(update={"adapter": None}) for each in subjects]
    sketches = [sketch_requested(each) for each in bare]
    for sketch in sketches:
        check_shapes(sketch, request.study)
    return corpus, sketches


def _check_vectors(config: SteerConfig, sides: tuple[Side, Side], sketches: list[Sketch]) -> None:
    """Raise `InputError` where a vector file can only be of one of the two models."""
    if config.vector_file is None:
        return
    is_one_width = sketches[0].architecture.d_model == sketches[1].architecture.d_model
    if not is_one_width or (sides[0].digest != sides[1].digest and not config.is_forced):
        forced = ", or force them (is_forced) if you know better" if is_one_width else ""
        raise InputError(
            f"the vectors in {config.vector_file} belong to one model, and two are studied: study each by itself with "
            f"vectors of its own{forced}"
        )


def _same(request: AgainstRequest, digest: str | None = None) -> str:
    names = list(dict.fromkeys((request.subject.name, request.against.name)))
    what = f"{' and '.join(map(repr, names))} {'are' if len(names) > 1 else 'is'} the same model"
    return (
        f"{what}{f' (digest {digest})' if digest else ' opened the same way'}: nothing would differ. Name another with "
        "--against, or open it otherwise with --against-revision, --against-dtype, --against-quantize or "
        "--against-adapter"
    )


def _side(request: AgainstRequest, subject: SubjectRequest, device: str) -> Side:
    from vulnscope.models.subject.files import digest_files, locate_model
    from vulnscope.study.against import Side

    located, adapter = locate_model(
        subject.name, subject.revision, subject.quantize, subject.adapter, trust_remote_code=subject.trust_remote_code
    )
    digest = digest_files(located.path, adapter, subject.quantize, located.variant)
    own = WholeStudyRequest(subject=subject, corpus=request.corpus, study=request.study)
    return Side(own, digest, device, lambda: open_requested(subject))
