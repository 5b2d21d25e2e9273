"""Finished runs read again and put side by side or together; no model is opened."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vulnscope.ask.figures.slices import JudgedSample, group_items
from vulnscope.ask.preparing import describe_corpus
from vulnscope.audit.again.comparison import Both, Compared, compare_items, list_items, match_items
from vulnscope.audit.again.config import CombineConfig, CompareConfig, How
from vulnscope.audit.again.ensemble import combine_answers, match_runs
from vulnscope.audit.config import AuditConfig
from vulnscope.audit.figures.judgement import Case, ProtocolInfo, judge
from vulnscope.audit.figures.shares import estimate_mean
from vulnscope.errors import InputError, RunError
from vulnscope.records.answers import read_row
from vulnscope.records.audit import AuditRecord, SubjectInfo
from vulnscope.records.base import NotMeasured, Number, digest_text
from vulnscope.records.comparison import ComparedRun, ComparisonRecord
from vulnscope.report.format import format_change, format_change_interval, format_p
from vulnscope.stats import IMPOSSIBLE, Bootstrap, cohen_kappa, is_impossible

if TYPE_CHECKING:
    from vulnscope.corpora import Corpus
    from vulnscope.records.comparison import Change
    from vulnscope.store import Run, StoredRun

# What decides no answer about a sample of the corpus.
_IRRELEVANT = (
    "protocol",
    "check_leaks",
    "background",
    "background_limit",
    "prevalence",
    "max_pairs_shown",
    "n_bootstrap",
)
_IDENTITY = ("name", "dtype", "quantization", "adapter", "chat_template")
_DIGESTED = {"name", "quantization", "adapter"}
"""What a subject's digest differs with: it is told by itself only where none of these says why."""


@dataclass(frozen=True)
class Answered:
    """A finished run with its answers joined to the corpus."""

    run: StoredRun
    record: AuditRecord
    items: tuple[JudgedSample, ...]


def read_answers(run: StoredRun, corpus: Corpus) -> Answered:
    """The answers of `run` about labelled samples of `corpus`.

    Raises `RunError` where the run is not finished, or the corpus is no longer the one it answered.
    """
    record = run.result(AuditRecord)
    if record.corpus.corpus_digest != corpus.content_digest:
        raise RunError(
            f"run {run.id} answered another version of corpus {corpus.name!r} (digest {record.corpus.corpus_digest}, "
            f"here {corpus.content_digest}); give it the data it was run on, or run it again"
        )
    samples = {sample.id: sample for sample in corpus.samples if sample.label != "unlabelled"}
    rows = list(run.read_rows(read_row, lambda row: row["sample"] in samples))
    items = [JudgedSample(samples[row.sample], row, corpus.groups[row.sample], place) for place, row in enumerate(rows)]
    return Answered(run, record, tuple(items))


def compare_runs(
    before: Answered, after: Answered, corpus: Corpus, config: CompareConfig, run: Run
) -> ComparisonRecord:
    """What changed from `before` to `after` on the items that both answered; raises `InputError` without any."""
    both = match_items(before.items, after.items)
    if not both:
        raise InputError(f"runs {before.run.id} and {after.run.id} have no sample in common; nothing to compare")
    bootstrap = Bootstrap(n_draws=config.n_bootstrap, seed=config.seed)
    # Votes do not subtract from nats, and among themselves they are verdicts over again.
    is_one_unit = before.record.readout == after.record.readout == "log-odds"
    found = compare_items(both, bootstrap, is_one_unit=is_one_unit)
    firsts = [each.before for each in both]
    return ComparisonRecord(
        sentence=write_sentence(found, both),
        before=_describe(before),
        after=_describe(after),
        differences=list_differences(before.record, after.record),
        corpus=describe_corpus(corpus, [item.sample for item in firsts]),
        n_only_before=len(before.items) - len(both),
        n_only_after=len(after.items) - len(both),
        is_one_unit=is_one_unit,
        agreement=estimate_mean([not each.is_flipped for each in both], group_items(firsts), bootstrap),
        kappa=cohen_kappa([item.row.says for item in firsts], [each.after.row.says for each in both]),
        overall=found.overall,
        slices=found.slices,
        items=list_items(both, config.max_code_shown),
        **run.provenance(config),
    )


def combine_runs(answered: Sequence[Answered], corpus: Corpus, config: CombineConfig, run: Run) -> AuditRecord:
    """The ensemble's answers, appended to `run` and judged like those of one model.

    Raises `InputError` where the runs have no sample in common.
    """
    answers = match_runs([each.items for each in answered])
    if not answers:
        raise InputError(f"runs {', '.join(each.run.id for each in answered)} have no sample in common")
    rows = combine_answers(answers, config.how, seed=config.audit.seed)
    run.append(rows)
    items = [
        JudgedSample(each[0].sample, row, each[0].group, place)
        for place, (each, row) in enumerate(zip(answers, rows, strict=True))
    ]
    return judge(
        items,
        Case(corpus, config.audit, run),
        ProtocolInfo("combined", (config.how,), f"{config.how} of the runs {', '.join(config.runs)}"),
        _describe_ensemble(answered, config.how),
    )


def list_differences(before: AuditRecord, after: AuditRecord) -> tuple[str, ...]:
    """Settings in which two runs differ, as `name: this → that`; a comparison should have one."""
    pairs: list[tuple[str, object, object]] = [
        (name, getattr(before.subject, name), getattr(after.subject, name)) for name in _IDENTITY
    ]
    if not any(one != other for name, one, other in pairs if name in _DIGESTED):
        pairs.append(("subject_digest", before.subject.subject_digest, after.subject.subject_digest))
    pairs += [
        ("protocol", before.protocol, after.protocol),
        ("intervention", before.intervention, after.intervention),
        ("prompts", ", ".join(before.prompts), ", ".join(after.prompts)),
    ]
    # What a run of an earlier version was not asked, it did as is the default now.
    defaults = AuditConfig().model_dump(mode="json")
    pairs += [
        (name, before.config.get(name, defaults.get(name)), after.config.get(name, defaults.get(name)))
        for name in dict.fromkeys((*before.config, *after.config))
        if name not in _IRRELEVANT
    ]
    return tuple(f"{name}: {one} → {other}" for name, one, other in pairs if one != other)


def write_sentence(found: Compared, both: Sequence[Both]) -> str:
    """The comparison in one sentence, from its figures and nothing else.

    An answer that is none counts as wrong, so a change of their share stands beside that of accuracy.
    """
    overall = found.overall
    changes = {change.measure: change for change in overall.changes}
    accuracy = changes["accuracy"]
    parts = [
        f"{overall.n_flipped} of {len(both)} answers differ",
        f"{overall.n_gained} became right and {overall.n_lost} wrong",
        f"accuracy {_points(accuracy)}",
    ]
    if changes["unparsed"].change.value != 0:
        parts.append(f"no clear answer {_points(changes['unparsed'])}")
    if "pair-rank" in changes:
        parts.append(f"twins ranked right {_points(changes['pair-rank'])}")
    return "; ".join(parts)


def _points(change: Change) -> str:
    """`+3.2 points [+0.4, +6.1], p = 0.030`, and what could have been shown where nothing was."""
    value = change.change.value
    if isinstance(value, NotMeasured):
        return f"not measured ({value.reason})"
    text = f"{format_change(value, 'rate')} points {format_change_interval(change.change, 'rate')}".rstrip()
    if is_impossible(change.p_corrected):
        return f"{text}, which {IMPOSSIBLE}"
    if isinstance(change.p, NotMeasured):
        return text
    p = format_p(change.p)
    text += f", p {p}" if p.startswith("<") else f", p = {p}"
    if change.p > 0.05 and not isinstance(change.detectable, NotMeasured):
        text += f" (could have shown {100 * change.detectable:.1f})"
    return text


def _describe(answered: Answered) -> ComparedRun:
    record, manifest = answered.record, answered.run.manifest
    return ComparedRun(
        run=answered.run.id,
        kind=manifest.kind,
        model=record.subject.name,
        subject_digest=record.subject.subject_digest,
        protocol=record.protocol,
        intervention=record.intervention,
        n_items=len(answered.items),
        command=manifest.command,
    )


def _describe_ensemble(answered: Sequence[Answered], how: How) -> SubjectInfo:
    subjects = [each.record.subject for each in answered]
    noise: Number = NotMeasured(reason="an ensemble of finished runs is computed, not asked")
    return SubjectInfo(
        name=f"{how} of {', '.join(subject.name for subject in subjects)}",
        revision=None,
        subject_digest=digest_text("\n".join((how, *(subject.subject_digest for subject in subjects)))),
        architecture="ensemble",
        n_layers=None,
        d_model=None,
        n_parameters=_sum_known([subject.n_parameters for subject in subjects]),
        dtype=", ".join(dict.fromkeys(subject.dtype for subject in subjects)),
        device="none",
        chat_template=False,
        noise_floor_nats=noise,
    )


def _sum_known(counts: Sequence[int | None]) -> int | None:
    """The sum, None where any is unknown."""
    known = [count for count in counts if count is not None]
    return sum(known) if len(known) == len(counts) else None
