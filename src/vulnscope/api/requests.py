"""Requests of studies that open a model: what is asked is stored in the run, so that resuming needs only the run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from vulnscope.audit.requests import CorpusRequest as CorpusRequest
from vulnscope.audit.requests import SubjectRequest as SubjectRequest
from vulnscope.audit.requests import load_requested as load_requested
from vulnscope.errors import InputError, Interrupted
from vulnscope.records.base import Record
from vulnscope.study.config import StudyConfig

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vulnscope.corpora import Corpus
    from vulnscope.models import Subject
    from vulnscope.models.subject.sketch import Sketch
    from vulnscope.store import AnswerCache, Run

Request = TypeVar("Request", bound=Record)
R = TypeVar("R", bound=Record)
Stage = Callable[[str, str, int, int], None]


@dataclass(frozen=True)
class Finished(Generic[R]):
    """A finished run: its record and the folder it lies in."""

    record: R
    folder: Path

    @property
    def report(self) -> Path:
        """Path of the HTML report."""
        return self.folder / "report.html"


class StudyRequest(Record):
    """What all studies are asked; each adds its own settings."""

    subject: SubjectRequest
    corpus: CorpusRequest


class WholeStudyRequest(StudyRequest):
    """Everything a study is asked to do."""

    study: StudyConfig = StudyConfig()


class AgainstRequest(WholeStudyRequest):
    """Everything a study of two models is asked to do; both are opened as `subject` and `against` say."""

    against: SubjectRequest


def build_requests(
    model: str, corpus: str, options: Mapping[str, Any]
) -> tuple[SubjectRequest, CorpusRequest, dict[str, Any]]:
    """Requests for model and corpus out of keyword options, and the options left over."""
    rest = dict(options)
    asked = {name: rest.pop(name) for name in SubjectRequest.model_fields if name in rest}
    named = {name: rest.pop(name) for name in ("data_dir", "skip_bad", "corpus_options") if name in rest}
    source = build_corpus_request(corpus, **named)
    return SubjectRequest(**{"name": model, **asked}), source, rest


def build_corpus_request(
    name: str,
    data_dir: str | Path | None = None,
    *,
    skip_bad: bool = False,
    corpus_options: Mapping[str, Any] | None = None,
) -> CorpusRequest:
    """The corpus `name` as it is asked for; options are the loader's own."""
    return CorpusRequest(
        name=name,
        data_dir=None if data_dir is None else str(data_dir),
        skip_bad=skip_bad,
        options=tuple(sorted((key, str(value)) for key, value in (corpus_options or {}).items())),
    )


def open_requested(request: SubjectRequest) -> Subject:
    """The model that is asked for, self-checked; raises `InputError` for one behind an endpoint."""
    from vulnscope import models

    return models.open_subject(**request.local_options())


def read_stored(kind: str, request: type[Request], run: str | Path, runs_dir: Path) -> Request:
    """What the `kind` run was asked to do; raises `InputError` for a run of another kind."""
    from vulnscope import store

    manifest = store.load_run(run, runs_dir).manifest
    if manifest.kind != kind:
        raise InputError(f"run {manifest.id} is no {kind} but a {manifest.kind} run; resume it with its own command")
    return request.model_validate(manifest.config)


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


@contextmanager
def interruptible(run: Run) -> Iterator[None]:
    """Ctrl-C inside says what `run` keeps and how to go on."""
    try:
        yield
    except KeyboardInterrupt as error:
        raise Interrupted(
            f"interrupted; {run.n_rows_within()} finished rows are kept. Continue with: {run.resume_command}"
        ) from error


def open_cache() -> AnswerCache:
    """The answers of earlier runs."""
    from vulnscope import store

    return store.AnswerCache(store.cache_dir() / "answers.sqlite")


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
