"""Two studies on the same items in one resumable run, one subject open at a time, and what differs between them.

Each study is a run of its own inside the run, with all its stages; so is the comparison of the answers.
"""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from vulnscope.audit.again.comparison import match_items
from vulnscope.audit.again.config import CompareConfig
from vulnscope.audit.again.offline import compare_runs, read_answers
from vulnscope.errors import InputError, RunError
from vulnscope.records.base import digest_text
from vulnscope.records.comparison import ComparisonRecord
from vulnscope.stats import Bootstrap
from vulnscope.study.record import StudyRecord
from vulnscope.study.run import STAGES, run_study
from vulnscope.study.stages import find_run, finish_run
from vulnscope.study.two.differences import (
    compare_answers,
    compare_interventions,
    compare_probes,
    correct_figures,
    correct_interventions,
    name_tests,
)
from vulnscope.study.two.record import AgainstRecord
from vulnscope.study.two.words import name_sides, write_sentence

if TYPE_CHECKING:
    from vulnscope.corpora import Corpus
    from vulnscope.models import Subject
    from vulnscope.records.base import Record
    from vulnscope.store import AnswerCache, Run, StoredRun
    from vulnscope.study.config import StudyConfig
    from vulnscope.study.run import Stage

LETTERS = ("a", "b")
"""Folders of the two studies inside the run, and what pages call the two subjects."""
_ANSWERS = "answers"


class Side(NamedTuple):
    """One of the two subjects: what its own study is asked, how its files digest, and how to open it."""

    request: Record
    digest: str
    device: str
    open: Callable[[], Subject]


def run_against(
    sides: tuple[Side, Side],
    corpus: Corpus,
    config: StudyConfig,
    run: Run,
    *,
    corpus_request: dict[str, object],
    cache: AnswerCache | None = None,
    progress: Stage | None = None,
) -> AgainstRecord:
    """The studies of both subjects on `corpus`, and every difference between them.

    A subject is opened only where its study is not finished, and let go before the other one is opened. Neither result
    nor report of the whole is written: the caller does; those of the studies and of the comparison of answers are.
    """
    studied = [
        _study_side(letter, side, corpus, config, run, cache, progress)
        for letter, side in zip(LETTERS, sides, strict=True)
    ]
    (first, one), (second, other) = studied

    def tell(what: str, done: int) -> None:
        if progress is not None:
            progress("comparison", what, done, 3)

    answers, pages = _compare_answers((one, other), sides, corpus, config, run, corpus_request, tell)
    tell("figures", 1)
    bootstrap = Bootstrap(n_draws=config.n_bootstrap, seed=config.seed)
    both = match_items(*(read_answers(_audit_of(own), corpus).items for own in (one, other)))
    probed, n_probed = compare_probes(first.probe, second.probe, corpus, bootstrap, n_folds=config.probe.n_folds)
    figures = correct_figures((*compare_answers(both, answers.overall, bootstrap), *probed))
    tell("interventions", 2)
    rows, n_steered = compare_interventions(first.steer, second.steer, corpus, bootstrap)
    interventions = correct_interventions(rows)
    names = name_sides(first.subject, second.subject)
    return AgainstRecord(
        sentence=write_sentence((first, second), names, figures, answers.overall.n_items),
        names=names,
        first=first,
        second=second,
        answers=answers,
        figures=figures,
        correction=name_tests([row.difference for row in figures]),
        interventions=interventions,
        interventions_correction=name_tests([own for row in interventions for own in (row.pair_correct, row.auroc)]),
        n_probed=n_probed,
        n_steered=n_steered,
        pages=pages,
        notes=_list_notes(answers, first, second, n_probed),
        **run.provenance(config),
    )


def _study_side(
    letter: str,
    side: Side,
    corpus: Corpus,
    config: StudyConfig,
    run: Run,
    cache: AnswerCache | None,
    progress: Stage | None,
) -> tuple[StudyRecord, StoredRun]:
    def tell(stage: str, what: str, done: int, total: int) -> None:
        if progress is not None:
            progress(f"{letter.upper()}, {stage}", what, done, total)

    def work(own: Run) -> StudyRecord:
        tell("opening", "weights", 0, 1)
        subject = side.open()
        if subject.digest != side.digest:
            raise RunError(f"the files of {subject.name} changed while this run was being made; start it again")
        return run_study(subject, corpus, config, own, cache=cache, progress=tell)

    found = finish_run(
        run, letter, "study", StudyRecord, side.request, work,
        digests=(side.digest, corpus.content_digest), seed=config.seed, device=side.device,
    )  # fmt: skip
    # Weights sit in cycles of modules and hooks; the next subject needs their memory.
    gc.collect()
    return found


def _compare_answers(
    runs: tuple[StoredRun, StoredRun],
    sides: tuple[Side, Side],
    corpus: Corpus,
    config: StudyConfig,
    run: Run,
    corpus_request: dict[str, object],
    tell: Callable[[str, int], None],
) -> tuple[ComparisonRecord, dict[str, str]]:
    """The comparison of both audits, and the pages it and the studies have inside the folder of `run`."""
    audits = tuple(_audit_of(own) for own in runs)
    asked = CompareConfig(
        before=audits[0].id, after=audits[1].id, corpus=corpus_request, seed=config.seed, n_bootstrap=config.n_bootstrap
    )

    def work(own: Run) -> ComparisonRecord:
        tell("answers", 0)
        answered = [read_answers(audit, corpus) for audit in audits]
        if not match_items(answered[0].items, answered[1].items):
            raise InputError(
                "A and B have no sample in common: what fits the context of one fits not that of the other; choose "
                "shorter samples, or models with longer contexts"
            )
        return compare_runs(answered[0], answered[1], corpus, asked, own)

    record, compared = finish_run(
        run, _ANSWERS, "compare", ComparisonRecord, asked, work,
        digests=(digest_text("\n".join(side.digest for side in sides)), corpus.content_digest),
        seed=config.seed, device="none",
    )  # fmt: skip
    found = {"A": runs[0], "B": runs[1], "answers": compared}
    return record, {name: own.report_path.relative_to(run.path).as_posix() for name, own in found.items()}


def _audit_of(study: StoredRun) -> StoredRun:
    found = find_run(study.path / STAGES / "audit")
    assert found is not None, "a finished study has an audit"
    return found


def _list_notes(answers: ComparisonRecord, first: StudyRecord, second: StudyRecord, n_probed: int) -> tuple[str, ...]:
    """What is in no difference, and what each study left out."""
    notes = []
    if answers.n_only_before or answers.n_only_after:
        notes.append(
            f"samples answered by one only and in no difference: {answers.n_only_before} by A, {answers.n_only_after} "
            "by B"
        )
    if n_probed < answers.overall.n_items:
        notes.append(
            f"hidden states are compared on {n_probed} of {answers.overall.n_items} samples: the others were cut "
            "around their change to fit a context, which is an oracle"
        )
    missing = {each.name for each in first.steer.outcomes} ^ {each.name for each in second.steer.outcomes}
    if missing:
        notes.append(f"interventions of one study only, not compared: {', '.join(sorted(missing))}")
    for letter, record in zip("AB", (first, second), strict=True):
        notes += [f"{letter}: {note}" for note in record.notes]
    return tuple(notes)
