"""The public verbs, thin: open a run, call the room, write result and report."""

from __future__ import annotations

import csv
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

from pydantic import Field

from vulnscope.audit.config import AuditConfig
from vulnscope.corpora import Corpus, default_data_dir
from vulnscope.corpora import load_corpus as _load_corpus
from vulnscope.errors import InputError, Interrupted, MissingPrerequisite
from vulnscope.records.audit import AuditRecord
from vulnscope.records.base import Record
from vulnscope.records.rows import VerdictRow

if TYPE_CHECKING:
    import pandas

    from vulnscope.models import Activations, Edit, Item, Selector, Shards, Site, Subject
    from vulnscope.models.activations import Reduction
    from vulnscope.models.subject import Backend
    from vulnscope.records.audit import AuditEstimate
    from vulnscope.records.machine import MachineReport
    from vulnscope.records.subject import SubjectReport
    from vulnscope.store import Run

Progress = Callable[[int, int], None]


class SubjectRequest(Record):
    """Which model to open and how."""

    name: str = Field(description="Hub id, local folder, or 'organism'")
    revision: str | None = Field(default=None, description="branch, tag or commit of a Hub model")
    dtype: str = Field(default="auto", description="auto | float32 | bfloat16 | float16")
    device: str = Field(default="auto", description="auto | cpu | cuda | cuda:1 | mps")
    quantize: str | None = Field(default=None, description="nf4, or None")
    adapter: str | None = Field(default=None, description="folder or Hub id of a PEFT adapter")
    trust_remote_code: bool = Field(default=False, description="run code that comes with the model")
    layers_path: str | None = Field(default=None, description="path of the decoder layers where the rule cannot decide")


class CorpusRequest(Record):
    """Which corpus to load and how."""

    name: str = Field(description="a registered corpus")
    data_dir: str | None = Field(default=None, description="its folder or file, in the published layout")
    skip_bad: bool = Field(default=False, description="leave malformed rows out, counted and listed")
    options: tuple[tuple[str, str], ...] = Field(default=(), description="loader options, e.g. a column map")


class AuditRequest(Record):
    """Everything an audit is asked to do; stored in the run, so that `resume_audit` needs only the run."""

    subject: SubjectRequest
    corpus: CorpusRequest
    audit: AuditConfig = AuditConfig()


@dataclass(frozen=True)
class AuditResult:
    """A finished audit: its record, its rows, its corpus, and the folder they lie in."""

    record: AuditRecord
    rows: tuple[VerdictRow, ...]
    corpus: Corpus
    folder: Path

    @property
    def report(self) -> Path:
        """Path of the HTML report."""
        return self.folder / "report.html"

    def to_rows(self) -> list[dict[str, Any]]:
        """One flat dict per sample: margins in nats, positive towards vulnerable."""
        samples = {sample.id: sample for sample in self.corpus.samples}
        return [
            {
                "sample": row.sample,
                "label": samples[row.sample].label,
                "pair": samples[row.sample].pair_id,
                "group": self.corpus.groups[row.sample],
                "cwe": " ".join(samples[row.sample].cwes),
                "language": samples[row.sample].language,
                "difficulty": samples[row.sample].difficulty,
                "says": row.says,
                "margin": row.margin,
                "acquiescence": row.acquiescence,
                "mean_margin": row.mean_margin,
                "n_prompt_tokens": row.n_prompt_tokens,
                "cut": row.cut.kind if row.cut else None,
            }
            for row in self.rows
        ]

    def to_frame(self) -> pandas.DataFrame:
        """`to_rows` as a pandas frame; raises `MissingPrerequisite` without the extra [tables]."""
        try:
            import pandas
        except ImportError as error:
            raise MissingPrerequisite("to_frame needs pandas: pip install 'vulnscope[tables]'") from error
        return pandas.DataFrame(self.to_rows())

    def export(self, path: str | Path) -> Path:
        """Write `to_rows` to a .csv or .parquet file (the latter needs the extra [tables]); returns the path."""
        path = Path(path)
        if path.suffix == ".csv":
            rows = self.to_rows()
            with path.open("w", newline="", encoding="utf-8") as file:
                writer = csv.DictWriter(file, fieldnames=list(rows[0]))
                writer.writeheader()
                writer.writerows(rows)
        elif path.suffix == ".parquet":
            self.to_frame().to_parquet(path, index=False)
        else:
            raise InputError(f"cannot export to {path.name!r}; choose a name that ends in .csv or .parquet")
        return path


def open_subject(name: str, *, backend: Backend = "hooks", **options: Any) -> Subject:
    """The model `name` (Hub id, local folder, or "organism"), opened and self-checked; options of `SubjectRequest`.

    With `backend="nnsight"` captures and added vectors run by nnsight, a slow check of our own hooks.
    """
    from vulnscope import models

    return models.open_subject(**SubjectRequest(name=name, **options).model_dump(), backend=backend)


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


def load_corpus(name: str, data_dir: str | Path | None = None, *, skip_bad: bool = False, **options: Any) -> Corpus:
    """The corpus `name`, from `data_dir` or `$VULNSCOPE_DATA/NAME`; options are the loader's own."""
    found = Path(data_dir) if data_dir is not None else default_data_dir(name, os.environ)
    return _load_corpus(name, found, skip_bad=skip_bad, **options)


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
    runs_dir: str | Path = "runs",
    **settings: Any,
) -> AuditResult:
    """What `model` says about `corpus`, measured and reported; `settings` are the fields of `AuditConfig`."""
    subject = SubjectRequest(
        name=model,
        revision=revision,
        dtype=dtype,
        device=device,
        quantize=quantize,
        adapter=adapter,
        trust_remote_code=trust_remote_code,
        layers_path=layers_path,
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

    corpus = _load_requested(request.corpus)
    background = load_background(corpus, request.audit)
    subject = open_subject(**request.subject.model_dump())
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

    corpus = _load_requested(request.corpus)
    check_audit(corpus, request.audit)
    background = load_background(corpus, request.audit)
    baseline_corpus = load_corpus(request.audit.baseline_corpus) if request.audit.baseline_corpus else None
    subject = open_subject(**request.subject.model_dump())
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
        rows = tuple(VerdictRow.model_validate(row) for row in run.iter_rows())
    return AuditResult(record=record, rows=rows, corpus=corpus, folder=run.path)


@contextmanager
def _explain_interrupt(run: Run) -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt as error:
        raise Interrupted(
            f"interrupted; {run.n_rows} finished rows are kept. Continue with: {run.resume_command}"
        ) from error


def _load_requested(request: CorpusRequest) -> Corpus:
    return load_corpus(request.name, request.data_dir, skip_bad=request.skip_bad, **dict(request.options))


def inspect_model(name: str, *, batch: int = 8, length: int = 1024, **options: Any) -> SubjectReport:
    """Layers, streams and memory of the model `name`, and what its self-check proved; options of `SubjectRequest`."""
    from vulnscope import models

    return models.inspect_subject(open_subject(name, **options), batch=batch, length=length)


def inspect_machine(runs_dir: str | Path = "runs") -> MachineReport:
    """What works on this machine and what would help."""
    from vulnscope.models.machine import inspect_machine as inspect

    return inspect(Path(runs_dir))
