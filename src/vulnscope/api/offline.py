"""The verbs on finished runs: compare two, combine several. No model is opened."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vulnscope.audit.config import AuditConfig
from vulnscope.errors import InputError
from vulnscope.kinds.context import load_requested
from vulnscope.records.base import digest_text
from vulnscope.records.requests import CorpusRequest

if TYPE_CHECKING:
    from vulnscope.corpora import Corpus
    from vulnscope.records.audit import AuditRecord
    from vulnscope.records.base import Record
    from vulnscope.records.comparison import ComparisonRecord
    from vulnscope.store import Run, StoredRun


def compare_runs(
    before: str | Path, after: str | Path, runs_dir: str | Path = "runs", *, seed: int = 0, command: str = ""
) -> tuple[ComparisonRecord, Path]:
    """What changed between two finished runs on the items both answered, and the folder it is written to."""
    from vulnscope import report
    from vulnscope.audit.again.offline import CompareConfig, compare_runs, read_answers

    runs, corpus = _open_answered((before, after), Path(runs_dir))
    config = CompareConfig(before=runs[0].id, after=runs[1].id, corpus=_stored_corpus(runs[0]), seed=seed)
    answered = [read_answers(run, corpus) for run in runs]
    with _open_run("compare", config, runs, corpus, Path(runs_dir), seed, command) as run:
        record = compare_runs(answered[0], answered[1], corpus, config, run, command)
        run.write_report(report.render_html(record))
        run.write_result(record)
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
    from vulnscope import report
    from vulnscope.audit.again.ensemble import HOWS
    from vulnscope.audit.again.offline import CombineConfig, combine_runs, read_answers

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
    with _open_run("combine", config, stored, corpus, Path(runs_dir), seed, command) as run:
        record = combine_runs(answered, corpus, config, run, command)
        run.write_report(report.render_html(record))
        run.write_result(record)
    return record, run.path


def _open_run(
    kind: str, config: Record, runs: Sequence[StoredRun], corpus: Corpus, runs_dir: Path, seed: int, command: str
) -> Run:
    """A run made from finished ones; its subject is all of theirs."""
    from vulnscope import store

    return store.open_run(
        runs_dir,
        kind,
        config,
        subject_digest=digest_text("\n".join(run.manifest.digests["subject"] for run in runs)),
        corpus_digest=corpus.content_digest,
        seed=seed,
        device="none",
        command=command,
    )


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
    return runs, load_requested(source)


def _stored_corpus(run: StoredRun) -> dict[str, Any]:
    corpus = run.manifest.config["corpus"]
    return dict(corpus) if isinstance(corpus, dict) else {}
