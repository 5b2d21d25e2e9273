"""What a study of two models checks before a run is made, and does in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vulnscope.errors import InputError
from vulnscope.kinds.context import open_requested
from vulnscope.models.subject.files import digest_files, locate_model
from vulnscope.records.base import digest_text
from vulnscope.study.budget import fit_budget
from vulnscope.study.carrying import sketch_requested, tell_stages
from vulnscope.study.checks import check_shapes, check_study
from vulnscope.study.forecast import estimate_study
from vulnscope.study.requests import WholeStudyRequest
from vulnscope.study.two.against import Side, run_against
from vulnscope.study.two.record import AgainstForecast, AgainstRecord

if TYPE_CHECKING:
    from vulnscope.kinds.context import Context
    from vulnscope.models.subject.sketch import Sketch
    from vulnscope.records.requests import SubjectRequest
    from vulnscope.steer.config import SteerConfig
    from vulnscope.study.config import StudyConfig
    from vulnscope.study.requests import AgainstRequest


def check(context: Context[StudyConfig]) -> tuple[Side, Side]:
    """The two sides of the study. Both models are found, and told apart, before the first is opened."""
    is_budgeted = context.settings.budget_minutes is not None
    sketches = _check_shapes(context, is_estimated=is_budgeted)
    if is_budgeted and context.resume is None:
        context.settle(fit_budget(sketches, context.corpus, context.settings))
    request: AgainstRequest = context.request
    sides = (
        _side(request, request.subject, str(sketches[0].device)),
        _side(request, request.against, str(sketches[1].device)),
    )
    if sketches[0].dtype == sketches[1].dtype and sides[0].digest == sides[1].digest:
        raise InputError(_same(request, sides[0].digest))
    _check_vectors(context.settings.steer, sides, sketches)
    context.identity = digest_text("\n".join(side.digest for side in sides)), sides[0].device
    return sides


def run(context: Context[StudyConfig]) -> AgainstRecord:
    """Both studies, one model open at a time, and every difference between them."""
    return run_against(
        context.checked,
        context.corpus,
        context.settings,
        context.run,
        corpus_request=context.request.corpus.model_dump(mode="json"),
        cache=context.cache,
        progress=tell_stages(context),
    )


def forecast(context: Context[StudyConfig]) -> AgainstForecast:
    """What both studies would take, from the configs of the models; weights are neither downloaded nor loaded."""
    sketches = _check_shapes(context, is_estimated=True)
    config = fit_budget(sketches, context.corpus, context.settings)
    first, second = (estimate_study(sketch, context.corpus, config) for sketch in sketches)
    return AgainstForecast(
        first=first,
        second=second,
        memory_bytes=max(first.memory_bytes, second.memory_bytes),
        seconds=first.seconds + second.seconds,
        disk_bytes=first.disk_bytes + second.disk_bytes,
    )


def _check_shapes(context: Context[StudyConfig], *, is_estimated: bool) -> list[Sketch]:
    """The shapes of both models, with which every stage can work.

    Adapters, which have no shapes of their own, are refused only where times are estimated.
    """
    request: AgainstRequest = context.request
    if request.subject == request.against:
        raise InputError(_same(request))
    check_study(context.corpus, context.settings)
    subjects = (request.subject, request.against)
    bare = [each if is_estimated else each.model_copy(update={"adapter": None}) for each in subjects]
    sketches = [sketch_requested(each) for each in bare]
    for sketch in sketches:
        check_shapes(sketch, context.settings)
    return sketches


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
    located, adapter = locate_model(
        subject.name, subject.revision, subject.quantize, subject.adapter, trust_remote_code=subject.trust_remote_code
    )
    digest = digest_files(located.path, adapter, subject.quantize, located.variant)
    own = WholeStudyRequest(subject=subject, corpus=request.corpus, study=request.study)
    return Side(own, digest, device, lambda: open_requested(subject))
