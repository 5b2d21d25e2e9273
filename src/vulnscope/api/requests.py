"""Requests of studies that open a model: what is asked is stored in the run, so that resuming needs only the run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from vulnscope.errors import InputError
from vulnscope.kinds.context import interruptible
from vulnscope.records.base import Record
from vulnscope.records.requests import StudyRequest, SubjectRequest
from vulnscope.study.config import StudyConfig

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vulnscope.corpora import Corpus
    from vulnscope.models import Subject
    from vulnscope.models.subject.sketch import Sketch
    from vulnscope.store import Run

Request = TypeVar("Request", bound=Record)
R = TypeVar("R", bound=Record)
Stage = Callable[[str, str, int, int], None]


class WholeStudyRequest(StudyRequest):
    """Everything a study is asked to do."""

    study: StudyConfig = StudyConfig()


class AgainstRequest(WholeStudyRequest):
    """Everything a study of two models is asked to do; both are opened as `subject` and `against` say."""

    against: SubjectRequest


@contextmanager
def opened_run(
    kind: str,
    request: Record,
    subject: Subject,
    corpus: Corpus,
    seed: int,
    *,
    runs_dir: Path,
    resume: str | Path | None,
    command: str,
) -> Iterator[Run]:
    """A new run under `runs_dir`, or `resume` continued; Ctrl-C says what is kept and how to go on."""
    from vulnscope import store

    opened = store.open_run(
        runs_dir,
        kind,
        request,
        subject_digest=subject.digest,
        corpus_digest=corpus.content_digest,
        seed=seed,
        device=str(subject.device),
        command=command,
        resume=resume,
    )
    with interruptible(opened), opened as run:
        yield run


def sketch_requested(request: SubjectRequest) -> Sketch:
    """The shapes of the model that is asked for; raises `InputError` with an adapter, which has none of its own."""
    from vulnscope.models.subject.sketch import sketch_model

    options = request.local_options()
    if options.pop("adapter") is not None:
        raise InputError("estimates are made from the model's config alone; leave out --adapter, or --dry-run/--budget")
    return sketch_model(**options)


def within_budget(sketches: Sequence[Sketch], corpus: Corpus, config: StudyConfig) -> StudyConfig:
    """The settings with fewer samples where the budget asks for that."""
    from vulnscope.study.budget import fit_budget

    return fit_budget(sketches, corpus, config)
