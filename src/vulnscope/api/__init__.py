"""The public verbs, thin: open a run, call the room, write result and report."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

from vulnscope.api.inside import PatchResult as PatchResult
from vulnscope.api.inside import ProbeResult as ProbeResult
from vulnscope.api.inside import patch as patch
from vulnscope.api.inside import probe as probe
from vulnscope.api.steering import SteerResult as SteerResult
from vulnscope.api.steering import steer as steer
from vulnscope.api.studies import StudyResult as StudyResult
from vulnscope.api.studies import study as study
from vulnscope.audit.config import AuditConfig
from vulnscope.audit.requests import AuditRequest as AuditRequest
from vulnscope.audit.requests import AuditResult as AuditResult
from vulnscope.audit.requests import CorpusRequest as CorpusRequest
from vulnscope.audit.requests import SubjectRequest as SubjectRequest
from vulnscope.audit.requests import find_weaknesses, folder_finder, load_requested, read_result
from vulnscope.audit.requests import load_corpus as load_corpus
from vulnscope.errors import InputError, Interrupted
from vulnscope.models.remote.settings import EndpointSpec
from vulnscope.records.answers import Expectation, Form, read_row
from vulnscope.records.base import digest_text

if TYPE_CHECKING:
    from vulnscope.audit.session import Job
    from vulnscope.corpora import Corpus
    from vulnscope.models import Activations, Edit, Item, Selector, Shards, Site, Subject
    from vulnscope.models.activations import Reduction
    from vulnscope.models.subject import Backend
    from vulnscope.records.audit import AuditEstimate, AuditRecord
    from vulnscope.records.comparison import ComparisonRecord
    from vulnscope.records.machine import MachineReport
    from vulnscope.records.subject import SubjectReport
    from vulnscope.store import Run, StoredRun

Progress = Callable[[int, int], None]


def open_subject(name: str, *, backend: Backend = "hooks", **options: Any) -> Subject:
    """The model `name` (Hub id, local folder, or "organism"), opened and self-checked; options of `SubjectRequest`.

    With `backend="nnsight"` captures and added vectors run by nnsight, a slow check of our own hooks.
    """
    from vulnscope import models

    return models.open_subject(**SubjectRequest(name=name, **options).local_options(), backend=backend)


def score(subject: Subject, prompts: Sequence[str], answers: Sequence[str]) -> list[tuple[float, ...]]:
    """Log-probability in nats of each of `answers` after each prompt, as the subject's tokenizer reads the whole text.

    For token ids, several answers per prompt, or the most likely token beside them, see `vulnscope.models.scoring`.
    """
    from vulnscope import models
    from vulnscope.prompts import tokenise_with_answers

    pairs = [tokenise_with_answers(prompt, answers, subject.tokenizer) for prompt in prompts]
    results = models.score(subject, [prompt for prompt, _ in pairs], [choices for _, choices in pairs])
    return [result.log_probs for result in results]


def capture(
    subject: Subject,
    texts: Sequence[str | Sequence[int] | Item],
    sites: Iterable[Site | str | int],
    selector: str | Selector = "last",
    reduce: Reduction | None = None,
    *,
    dtype: Literal["float32", "bfloat16"] = "float32",
    max_tokens: int | None = None,
) -> Activations:
    """Activations of `texts` at `sites` such as "3.resid_post", at the tokens `selector` picks, pooled with `reduce`.

    Everything is held in memory; `capture_to` streams to disk.
    """
    from vulnscope import models

    return models.capture(subject, texts, sites, selector, reduce, dtype=dtype, max_tokens=max_tokens)


def capture_to(
    folder: str | Path,
    subject: Subject,
    texts: Sequence[str | Sequence[int] | Item],
    sites: Iterable[Site | str | int],
    selector: str | Selector = "last",
    reduce: Reduction | None = None,
    *,
    dtype: Literal["float32", "bfloat16"] = "bfloat16",
    max_tokens: int | None = None,
    progress: Progress | None = None,
) -> Shards:
    """`capture` into safetensors shards in `folder`; after a kill the same call goes on where it stopped."""
    from vulnscope import models

    return models.stream_capture(
        subject, texts, sites, Path(folder), selector, reduce, dtype=dtype, max_tokens=max_tokens, progress=progress
    )


def capture_files(
    folder: str | Path,
    subject: Subject,
    files: Sequence[str | Path],
    sites: Iterable[Site | str | int],
    selector: str | Selector = "last",
    reduce: str | None = None,
    *,
    dtype: str = "bfloat16",
    progress: Progress | None = None,
) -> Shards:
    """`capture_to` for texts in UTF-8 files, one each; error messages name the files."""
    from vulnscope import models

    items = [models.read_text(subject.tokenizer, _read_file(Path(file)), name=str(file)) for file in files]
    return models.stream_capture(
        subject,
        items,
        sites,
        Path(folder),
        selector,
        cast("Reduction | None", reduce),
        dtype=cast(Literal["float32", "bfloat16"], dtype),
        progress=progress,
    )


def _read_file(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read as UTF-8 text: {error}") from error


def edited(
    subject: Subject,
    edits: Sequence[Edit],
    texts: Sequence[str | Sequence[int] | Item] | None = None,
    *,
    check: bool = True,
) -> AbstractContextManager[Any]:
    """Run `subject` with `edits` (`add`, `clamp`, ... of `vulnscope.models`) inside the block, and as before after it.

    `score`, `capture` and `vulnscope.models.generate` bind the edits to their own texts; for calls of the model itself
    give `texts`. `check` makes sure that each edit changes a logit.
    """
    from vulnscope import models

    return models.edited(subject, edits, texts, check=check)


def audit(
    model: str,
    corpus: str = "synthetic",
    *,
    data_dir: str | Path | None = None,
    skip_bad: bool = False,
    corpus_options: dict[str, str] | None = None,
    revision: str | None = None,
    dtype: str = "auto",
    device: str = "auto",
    quantize: str | None = None,
    adapter: str | None = None,
    trust_remote_code: bool = False,
    layers_path: str | None = None,
    endpoint: str | EndpointSpec | None = None,
    runs_dir: str | Path = "runs",
    **settings: Any,
) -> AuditResult:
    """What `model` says about `corpus`, measured and reported; `settings` are the fields of `AuditConfig`.

    With `endpoint`, the base URL of an OpenAI-compatible server or its settings, `model` is the name it has there.
    """
    subject = SubjectRequest(
        name=model,
        revision=revision,
        dtype=dtype,
        device=device,
        quantize=quantize,
        adapter=adapter,
        trust_remote_code=trust_remote_code,
        layers_path=layers_path,
        endpoint=EndpointSpec(url=endpoint) if isinstance(endpoint, str) else endpoint,
    )
    source = CorpusRequest(
        name=corpus,
        data_dir=None if data_dir is None else str(data_dir),
        skip_bad=skip_bad,
        options=tuple(sorted((corpus_options or {}).items())),
    )
    request = AuditRequest(subject=subject, corpus=source, audit=AuditConfig(**settings))
    return run_audit_request(request, runs_dir=Path(runs_dir))


def resume_audit(run: str | Path, runs_dir: str | Path = "runs") -> AuditResult:
    """The interrupted audit `run` (folder, id, or a unique part of the id) carried to its end."""
    return run_audit_request(stored_request(run, Path(runs_dir)), runs_dir=Path(runs_dir), resume=run)


def stored_request(run: str | Path, runs_dir: Path) -> AuditRequest:
    """What the audit `run` was asked to do; raises `InputError` for a run of another kind."""
    from vulnscope import store

    manifest = store.load_run(run, runs_dir).manifest
    if manifest.kind != "audit":
        raise InputError(f"run {manifest.id} is no audit but a {manifest.kind} run; resume it with its own command")
    return AuditRequest.model_validate(manifest.config)


def estimate_audit(request: AuditRequest) -> AuditEstimate:
    """What the audit would ask, and the time, memory and disk it would take; asks one batch, writes nothing."""
    from vulnscope.audit import estimate_audit as estimate
    from vulnscope.audit import load_background
    from vulnscope.audit.answerers import ask_locally
    from vulnscope.audit.estimate_words import estimate_in_words
    from vulnscope.audit.texts import is_in_words, plan_text_audit

    corpus = load_requested(request.corpus)
    spec = request.subject.endpoint
    if is_in_words(request.audit, is_remote=spec is not None):
        words = plan_text_audit(corpus, request.audit, folder_finder(request))
        asked = spec or ask_locally(open_subject(**request.subject.local_options()), request.audit, None)
        return estimate_in_words(words, request.audit, asked, time.perf_counter)
    background = load_background(corpus, request.audit)
    subject = open_subject(**request.subject.local_options())
    return estimate(subject, corpus, request.audit, time.perf_counter, background)


def run_audit_request(
    request: AuditRequest,
    *,
    runs_dir: Path,
    resume: str | Path | None = None,
    is_cached: bool = True,
    command: str = "",
    progress: Progress | None = None,
) -> AuditResult:
    """Carry out `request` in a new run under `runs_dir`, or in the run `resume`. `is_cached` reuses known answers."""
    from vulnscope import report, store
    from vulnscope.audit import check_audit, load_background, run_audit
    from vulnscope.audit.session import Job, open_asked, run_in_words
    from vulnscope.audit.texts import is_in_words

    corpus = load_requested(request.corpus)
    baseline_corpus = load_corpus(request.audit.baseline_corpus) if request.audit.baseline_corpus else None
    if is_in_words(request.audit, is_remote=request.subject.endpoint is not None):
        job = Job(request, request.audit, corpus, baseline_corpus, runs_dir, command, resume, _explain_interrupt)
        with open_asked(request, is_cached=is_cached) as opening:
            return read_result(run_in_words(job, folder_finder(request), opening, progress), corpus)
    check_audit(corpus, request.audit)
    background = load_background(corpus, request.audit)
    subject = open_subject(**request.subject.local_options())
    opened = store.open_run(
        runs_dir,
        "audit",
        request,
        subject_digest=subject.digest,
        corpus_digest=corpus.content_digest,
        seed=request.audit.seed,
        device=str(subject.device),
        command=command,
        resume=resume,
    )
    with _explain_interrupt(opened), opened as run:
        cache = store.AnswerCache(store.cache_dir() / "answers.sqlite") if is_cached else None
        record = run_audit(
            subject,
            corpus,
            request.audit,
            run,
            baseline_corpus=baseline_corpus,
            background=background,
            cache=cache,
            command=run.manifest.command,
            progress=progress,
        )
        run.write_result(record)
        run.write_report(report.render_html(record))
        rows = tuple(read_row(row) for row in run.iter_rows())
    return AuditResult(record=record, rows=rows, corpus=corpus, folder=run.path)


def rescore_run(
    run: str | Path, parser: str = "strict", runs_dir: str | Path = "runs", *, command: str = ""
) -> AuditResult:
    """The finished run `run` parsed anew and measured again, as a run of its own; opens no model."""
    from vulnscope import store
    from vulnscope.audit.session import rescore_run as rescore

    stored = store.load_run(run, Path(runs_dir))
    request = AuditRequest.model_validate(stored.manifest.config)
    again = request.model_copy(update={"audit": request.audit.model_copy(update={"parser": parser})})
    job = _make_job(again, Path(runs_dir), command)
    return read_result(rescore(stored, job, parser, find_weaknesses(again)), job.corpus)


def import_answers(
    table: str | Path,
    corpus: str,
    *,
    data_dir: str | Path | None = None,
    parser: str = "strict",
    form: str = "verdict",
    runs_dir: str | Path = "runs",
    command: str = "",
    **settings: Any,
) -> tuple[AuditResult, ...]:
    """Published answers (columns model, item, prompt, answer) measured like our own, one run per model; opens none.

    `form` is the form in which answers state their verdict, where `parser` is strict. `settings` are the fields of
    `AuditConfig`.
    """
    from vulnscope.audit.rescore import IMPORTED_FORMS, read_table
    from vulnscope.audit.session import import_table

    if form not in IMPORTED_FORMS:
        raise InputError(f"answers have no form {form!r} in a table; choose one of: {', '.join(IMPORTED_FORMS)}")
    answers = read_table(Path(table))
    request = AuditRequest(
        subject=SubjectRequest(name=str(table)),
        corpus=CorpusRequest(name=corpus, data_dir=None if data_dir is None else str(data_dir)),
        audit=AuditConfig(parser=parser, protocol=f"imported:{form}", **settings),
    )
    job = _make_job(request, Path(runs_dir), command)
    folders = import_table(answers, job, Expectation(form=cast(Form, form)), find_weaknesses(request))
    return tuple(read_result(folder, job.corpus) for folder in folders)


def _make_job(request: AuditRequest, runs_dir: Path, command: str) -> Job:
    from vulnscope.audit.session import Job

    baseline_corpus = load_corpus(request.audit.baseline_corpus) if request.audit.baseline_corpus else None
    return Job(request, request.audit, load_requested(request.corpus), baseline_corpus, runs_dir, command)


@contextmanager
def _explain_interrupt(run: Run) -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt as error:
        raise Interrupted(
            f"interrupted; {run.n_rows} finished rows are kept. Continue with: {run.resume_command}"
        ) from error


def inspect_model(name: str, *, batch: int = 8, length: int = 1024, **options: Any) -> SubjectReport:
    """Layers, streams and memory of the model `name`, and what its self-check proved; options of `SubjectRequest`."""
    from vulnscope import models

    return models.inspect_subject(open_subject(name, **options), batch=batch, length=length)


def inspect_machine(runs_dir: str | Path = "runs") -> MachineReport:
    """What works on this machine and what would help."""
    from vulnscope.models.machine import inspect_machine as inspect

    return inspect(Path(runs_dir))


def compare_runs(
    before: str | Path, after: str | Path, runs_dir: str | Path = "runs", *, seed: int = 0, command: str = ""
) -> tuple[ComparisonRecord, Path]:
    """What changed between two finished runs on the items both answered, and the folder it is written to."""
    from vulnscope import report, store
    from vulnscope.audit.offline import CompareConfig, compare_runs, read_answers

    runs, corpus = _open_answered((before, after), Path(runs_dir))
    config = CompareConfig(before=runs[0].id, after=runs[1].id, corpus=_stored_corpus(runs[0]), seed=seed)
    answered = [read_answers(run, corpus) for run in runs]
    opened = store.open_run(
        Path(runs_dir),
        "compare",
        config,
        subject_digest=digest_text("\n".join(run.manifest.digests["subject"] for run in runs)),
        corpus_digest=corpus.content_digest,
        seed=seed,
        device="none",
        command=command,
    )
    with opened as run:
        record = compare_runs(answered[0], answered[1], corpus, config, run, command)
        run.write_result(record)
        run.write_report(report.render_html(record))
    return record, run.path


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
    from vulnscope import report, store
    from vulnscope.audit.ensemble import HOWS
    from vulnscope.audit.offline import CombineConfig, combine_runs, read_answers

    if how not in HOWS:
        raise InputError(f"runs cannot be combined by {how!r}; choose one of: {', '.join(HOWS)}")
    if len(runs) < 2:
        raise InputError(f"an ensemble needs at least two runs, {len(runs)} given")
    stored, corpus = _open_answered(runs, Path(runs_dir))
    config = CombineConfig(
        runs=tuple(run.id for run in stored),
        how=how,
        corpus=_stored_corpus(stored[0]),
        audit=AuditConfig(protocol="combined", seed=seed),
    )
    answered = [read_answers(run, corpus) for run in stored]
    opened = store.open_run(
        Path(runs_dir),
        "combine",
        config,
        subject_digest=digest_text("\n".join(run.manifest.digests["subject"] for run in stored)),
        corpus_digest=corpus.content_digest,
        seed=seed,
        device="none",
        command=command,
    )
    with opened as run:
        record = combine_runs(answered, corpus, config, run, command)
        run.write_result(record)
        run.write_report(report.render_html(record))
    return record, run.path


def _open_answered(names: Sequence[str | Path], runs_dir: Path) -> tuple[list[StoredRun], Corpus]:
    """The runs, and the corpus they all answered."""
    from vulnscope import store

    runs = [store.load_run(name, runs_dir) for name in names]
    first = runs[0]
    for run in runs:
        if "corpus" not in run.manifest.config:
            raise InputError(f"run {run.id} is a {run.manifest.kind} run: it holds no answers about a corpus")
        if run.manifest.digests["corpus"] != first.manifest.digests["corpus"]:
            raise InputError(
                f"runs {first.id} and {run.id} answered different corpora "
                f"({_stored_corpus(first)['name']} and {_stored_corpus(run)['name']}, or other versions or options)"
            )
    source = CorpusRequest.model_validate(_stored_corpus(first))
    return runs, load_corpus(source.name, source.data_dir, skip_bad=source.skip_bad, **dict(source.options))


def _stored_corpus(run: StoredRun) -> dict[str, Any]:
    corpus = run.manifest.config["corpus"]
    return dict(corpus) if isinstance(corpus, dict) else {}
