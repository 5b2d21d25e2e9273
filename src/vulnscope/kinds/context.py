"""What a study works with: the model and the corpus, opened when first asked for, and the run that holds its rows."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar, cast

from vulnscope import corpora, store
from vulnscope.errors import Interrupted
from vulnscope.records.base import Record

if TYPE_CHECKING:
    from vulnscope.corpora import Corpus
    from vulnscope.kinds.kind import Kind
    from vulnscope.models import Subject
    from vulnscope.records.requests import CorpusRequest, SubjectRequest
    from vulnscope.store import AnswerCache, Run

T = TypeVar("T")
Config = TypeVar("Config", bound=Record)
Stage = Callable[[str, int, int], None]
"""Hears the name of a stage, how much of it is done, and how much there is."""
NOTHING = ("none", "none")


@dataclass
class Context(Generic[Config]):
    """One request on its way: checked, opened, carried out. `check` may settle it, `run` reads it."""

    kind: Kind
    request: Any
    runs_dir: Path = Path("runs")
    resume: str | Path | None = None
    is_cached: bool = True
    command: str = ""
    progress: Stage | None = None
    note: Callable[[Any], None] | None = None
    """Hears what is found under way, before there is a result."""
    checked: Any = None
    """What the kind's check found."""
    identity: tuple[str, str] | None = None
    """Digest and device of whatever answers, where that is not the one model asked for."""
    words: Mapping[str, Any] = field(default_factory=dict)
    """Options of the command that are no fields of the request."""
    _kept: ExitStack = field(default_factory=ExitStack, repr=False)
    _run: Run | None = field(default=None, repr=False)

    @property
    def settings(self) -> Config:
        """What is asked of this kind beside model and corpus."""
        return cast(Config, self.kind.settings_of(self.request))

    def settle(self, settings: Config) -> None:
        """Replace the settings before the run is made, which stores them."""
        place = self.kind.place
        self.request = self.request.model_copy(update={place: settings}) if place else settings

    @cached_property
    def corpus(self) -> Corpus:
        """The corpus that is asked for."""
        return load_requested(self.request.corpus)

    @cached_property
    def subject(self) -> Subject:
        """The model that is asked for, self-checked; raises `InputError` for one behind an endpoint."""
        return open_requested(self.request.subject)

    @cached_property
    def cache(self) -> AnswerCache | None:
        """The answers of earlier runs; None where they are not to be taken."""
        return open_cache() if self.is_cached else None

    @property
    def run(self) -> Run:
        """The run that holds the rows."""
        assert self._run is not None, "a run is made after the check"
        return self._run

    def keep(self, held: AbstractContextManager[T]) -> T:
        """Enter something that is left when the run is finished or given up."""
        return self._kept.enter_context(held)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._kept.close()

    def tell(self, stage: str, done: int, total: int) -> None:
        """Tell how much of a stage is done."""
        if self.progress is not None:
            self.progress(stage, done, total)

    @contextmanager
    def opened(self) -> Iterator[Run]:
        """A new run, or the one that is continued; Ctrl-C says what is kept and how to go on."""
        is_local = "subject" in self.kind.inputs
        digest, device = self.identity or ((self.subject.digest, str(self.subject.device)) if is_local else NOTHING)
        opened = store.open_run(
            self.runs_dir,
            self.kind.name,
            self.request,
            subject_digest=digest,
            corpus_digest=self.corpus.content_digest if {"corpus", "run"} & set(self.kind.inputs) else NOTHING[0],
            seed=getattr(self.settings, "seed", 0),
            device=device,
            command=self.command,
            resume=self.resume,
        )
        guard = nullcontext() if self.kind.resumes == "not" else interruptible(opened)
        with guard, opened as self._run:
            yield opened


@contextmanager
def interruptible(run: Run) -> Iterator[None]:
    """Ctrl-C inside says what `run` keeps and how to go on."""
    try:
        yield
    except KeyboardInterrupt as error:
        raise Interrupted(
            f"interrupted; {run.n_rows_within()} finished rows are kept. Continue with: {run.resume_command}"
        ) from error


def open_requested(request: SubjectRequest) -> Subject:
    """The model that is asked for, self-checked; raises `InputError` for one behind an endpoint."""
    from vulnscope import models

    return models.open_subject(**request.local_options())


def load_corpus(name: str, data_dir: str | Path | None = None, *, skip_bad: bool = False, **options: Any) -> Corpus:
    """The corpus `name`, from `data_dir` or `$VULNSCOPE_DATA/NAME`; options are the loader's own."""
    found = Path(data_dir) if data_dir is not None else corpora.default_data_dir(name, os.environ)
    return corpora.load_corpus(name, found, skip_bad=skip_bad, **options)


def load_requested(request: CorpusRequest) -> Corpus:
    """The corpus that is asked."""
    return load_corpus(request.name, request.data_dir, skip_bad=request.skip_bad, **dict(request.options))


def open_cache() -> AnswerCache:
    """The answers of earlier runs."""
    return store.AnswerCache(store.cache_dir() / "answers.sqlite")
