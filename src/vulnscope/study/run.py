"""The study: audit, harmless changes, probe, patch and steering sweep in one resumable run, and one diagnosis.

Every stage is a run of its own inside the study's folder, so that an interruption loses at most one batch of one stage
and every stage has its own page.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from vulnscope.ask.preparing import select_samples
from vulnscope.audit.run import run_audit
from vulnscope.corpora import Corpus
from vulnscope.corpora.transformations import augment
from vulnscope.errors import InputError
from vulnscope.patch.patching import run_patching
from vulnscope.patch.record import PatchRecord
from vulnscope.probe.run import run_probe
from vulnscope.records.audit import AuditRecord
from vulnscope.records.base import Record
from vulnscope.records.probe import ProbeRecord
from vulnscope.records.rows import VerdictRow
from vulnscope.records.steer import SteerRecord
from vulnscope.stats import Bootstrap
from vulnscope.steer.run import run_steering
from vulnscope.study.budget import explain_budget
from vulnscope.study.diagnosis import diagnose
from vulnscope.study.evidence import Known, Told, gather_evidence, measure_change
from vulnscope.study.flips import count_flips, list_flips
from vulnscope.study.record import ChangeEvidence, Evidence, StudyRecord, Verdict
from vulnscope.study.sentence import write_sentence
from vulnscope.study.stages import finish_run

if TYPE_CHECKING:
    from vulnscope.models import Subject
    from vulnscope.store import AnswerCache, Run, StoredRun
    from vulnscope.study.config import StudyConfig

Stage = Callable[[str, str, int, int], None]
"""Hears of a stage, what it is doing, how much is done, and of how much."""
R = TypeVar("R", bound=Record)

STAGES = "stages"


def run_study(
    subject: Subject,
    corpus: Corpus,
    config: StudyConfig,
    run: Run,
    *,
    cache: AnswerCache | None = None,
    progress: Stage | None = None,
) -> StudyRecord:
    """What `subject` says about `corpus`, what it knows, and what closes the gap.

    Stages already finished in `run` are read, not repeated. Neither result nor report of the study is written: the
    caller does; those of its stages are.
    """
    found = diagnose_subject(subject, corpus, config, run, cache=cache, progress=progress)
    stages = _Stages(subject, config, run, progress)
    patch, _ = stages.carry_out(
        "patch", "patch", PatchRecord, corpus, config.of_stage(config.patch),
        lambda own, stage: run_patching(
            subject, corpus, own, stage, progress=stages.listener("patch")
        ),
    )  # fmt: skip
    steer, _ = stages.carry_out(
        "steer", "steer", SteerRecord, corpus, config.of_stage(config.steer),
        lambda own, stage: run_steering(
            subject, corpus, own, stage, progress=stages.listener("steer")
        ),
    )  # fmt: skip
    return StudyRecord(
        sentence=write_sentence(found.verdict, found.evidence, found.audit, steer),
        verdict=found.verdict,
        evidence=found.evidence,
        subject=found.audit.subject,
        corpus=found.audit.corpus,
        audit=found.audit,
        probe=found.probe,
        patch=patch,
        steer=steer,
        flip_counts=count_flips(steer, corpus),
        flips=list_flips(steer, corpus),
        notes=(*explain_budget(corpus, config), *found.notes),
        **run.provenance(config),
    )


class Diagnosed(NamedTuple):
    """What a diagnosis rests on: the stages before patching and steering."""

    audit: AuditRecord
    probe: ProbeRecord
    evidence: Evidence
    verdict: Verdict
    notes: tuple[str, ...]


def diagnose_subject(
    subject: Subject,
    corpus: Corpus,
    config: StudyConfig,
    run: Run,
    *,
    cache: AnswerCache | None = None,
    progress: Stage | None = None,
) -> Diagnosed:
    """What `subject` says, what it knows, and the verdict: audit, harmless changes and probe, each a stage in `run`."""
    stages = _Stages(subject, config, run, progress)

    def tell(stage: str) -> Callable[[int, int], None]:
        return lambda done, total: stages.tell(stage, "asking", done, total)

    audit, rows = stages.carry_out(
        "audit", "audit", AuditRecord, corpus, config.of_stage(config.audit),
        lambda own, stage: run_audit(
            subject, corpus, own, stage, cache=cache, progress=tell("audit")
        ),
    )  # fmt: skip
    changes, notes = _study_changes(stages, corpus, cache, tell("changes"))
    probe, _ = stages.carry_out(
        "probe", "probe", ProbeRecord, corpus, config.of_stage(config.probe),
        lambda own, stage: run_probe(
            subject, corpus, own, stage, cache=cache, progress=stages.listener("probe")
        ),
    )  # fmt: skip
    read = {each.sample for each in probe.held_out} or {row.sample for row in rows}
    told = Told.of([row for row in rows if row.sample in read], corpus)
    evidence = gather_evidence(audit, Known.of(probe), told, changes, _bootstrap(config))
    return Diagnosed(audit, probe, evidence, diagnose(evidence, config.limits), notes)


class _Stages:
    """The stages of one study, each a run inside the study's own."""

    def __init__(self, subject: Subject, config: StudyConfig, run: Run, progress: Stage | None) -> None:
        self.subject = subject
        self.config = config
        self._run = run
        self._progress = progress

    def tell(self, stage: str, what: str, done: int, total: int) -> None:
        if self._progress is not None:
            self._progress(stage, what, done, total)

    def listener(self, stage: str) -> Callable[[str, int, int], None]:
        return lambda what, done, total: self.tell(stage, what, done, total)

    def carry_out(
        self,
        name: str,
        kind: str,
        record: type[R],
        corpus: Corpus,
        config: Record,
        work: Callable[..., R],
    ) -> tuple[R, tuple[VerdictRow, ...]]:
        """The record of a stage and, of an audit, its rows; finished ones are read."""

        def begin(stage: Run) -> R:
            self.tell(name, "starting", 0, 1)
            return work(config, stage)

        result, stage = finish_run(
            self._run, f"{STAGES}/{name}", kind, record, config, begin,
            digests=(self.subject.digest, corpus.content_digest), seed=self.config.seed,
            device=str(self.subject.device),
        )  # fmt: skip
        return result, _read_rows(stage, kind)


def _study_changes(
    stages: _Stages, corpus: Corpus, cache: AnswerCache | None, progress: Callable[[int, int], None]
) -> tuple[tuple[ChangeEvidence, ...], tuple[str, ...]]:
    """The answers on harmlessly changed code, kind by kind; a kind that changes nothing here is a note."""
    config = stages.config
    limit = min(config.changes_limit, config.limit or config.changes_limit)
    own = config.of_stage(config.audit).model_copy(update={"limit": limit})
    chosen = select_samples(corpus, own)
    found, notes = [], []
    for kind in config.changes:
        try:
            changed = augment(chosen, [kind], config.seed)
        except InputError as error:
            notes.append(str(error))
            continue
        _, rows = stages.carry_out(
            f"changes-{kind}", "audit", AuditRecord, changed, own.model_copy(update={"limit": None}),
            lambda asked, stage, changed=changed: run_audit(
                stages.subject, changed, asked, stage, cache=cache, progress=progress
            ),
        )  # fmt: skip
        found.append(measure_change(kind, rows, changed, _bootstrap(config)))
    return tuple(found), tuple(notes)


def _read_rows(run: StoredRun, kind: str) -> tuple[VerdictRow, ...]:
    return tuple(run.read_rows(VerdictRow.model_validate)) if kind == "audit" else ()


def _bootstrap(config: StudyConfig) -> Bootstrap:
    return Bootstrap(n_draws=config.n_bootstrap, seed=config.seed)
