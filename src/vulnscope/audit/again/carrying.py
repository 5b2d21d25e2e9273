"""What the kinds that read finished runs check before a run is made, and do in it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from vulnscope import store
from vulnscope.audit.again.offline import Answered, combine_runs, compare_runs, read_answers
from vulnscope.audit.again.published import Imported, measure_import
from vulnscope.audit.again.rescore import open_reader, read_text_rows, rescore
from vulnscope.audit.answerers import describe_unseen
from vulnscope.audit.case import load_baseline, make_case
from vulnscope.audit.requests import find_weaknesses
from vulnscope.errors import InputError
from vulnscope.kinds.context import load_requested
from vulnscope.records.audit import AuditRecord
from vulnscope.records.base import digest_text
from vulnscope.records.requests import CorpusRequest

if TYPE_CHECKING:
    from vulnscope.ask.worded.answers_to_rows import Reader
    from vulnscope.audit.again.config import CombineConfig, CompareConfig
    from vulnscope.audit.config import AuditConfig
    from vulnscope.corpora import Corpus
    from vulnscope.kinds.context import Context
    from vulnscope.records.answers import AnswerRow
    from vulnscope.records.comparison import ComparisonRecord
    from vulnscope.store import StoredRun

_NO_DEVICE = "none"


class Rescored(NamedTuple):
    """The rows of a finished run, its first result, who reads the rows again, and what trains the baselines."""

    rows: tuple[AnswerRow, ...]
    record: AuditRecord
    reader: Reader
    baseline_corpus: Corpus | None


def check_compare(context: Context[CompareConfig]) -> list[Answered]:
    """Both runs with their answers about the corpus that both were asked about."""
    asked = context.settings
    runs = _open_answered(context, (asked.before, asked.after))
    found = {"before": runs[0].id, "after": runs[1].id, "corpus": _stored_corpus(runs[0])}
    context.settle(asked.model_copy(update=found))
    return [read_answers(run, context.corpus) for run in runs]


def run_compare(context: Context[CompareConfig]) -> ComparisonRecord:
    """What changed from one run to the other."""
    before, after = context.checked
    return compare_runs(before, after, context.corpus, context.settings, context.run)


def check_combine(context: Context[CombineConfig]) -> list[Answered]:
    """All runs with their answers about the corpus that all were asked about."""
    runs = _open_answered(context, context.settings.runs)
    found = {"runs": tuple(run.id for run in runs), "corpus": _stored_corpus(runs[0])}
    context.settle(context.settings.model_copy(update=found))
    return [read_answers(run, context.corpus) for run in runs]


def run_combine(context: Context[CombineConfig]) -> AuditRecord:
    """The ensemble, judged like one model."""
    return combine_runs(context.checked, context.corpus, context.settings, context.run)


def check_rescore(context: Context[AuditConfig]) -> Rescored:
    """The rows of the finished run `context.words["run"]`, and who reads them again."""
    stored: StoredRun = context.words["run"]
    baseline_corpus = load_baseline(context)
    weaknesses = find_weaknesses(context.request)
    rows, record = read_text_rows(stored), stored.result(AuditRecord)
    context.identity = record.subject.subject_digest, _NO_DEVICE
    return Rescored(rows, record, open_reader(context.settings.parser, weaknesses), baseline_corpus)


def run_rescore(context: Context[AuditConfig]) -> AuditRecord:
    """The rows parsed and measured anew."""
    again: Rescored = context.checked
    case = make_case(context, again.baseline_corpus)
    return rescore(again.rows, again.record, again.reader, context.run, case)


def check_import(context: Context[AuditConfig]) -> Corpus | None:
    """What trains the baselines; `context.words` hold one model and its answers as read from a table."""
    context.identity = digest_text(f"published\0{context.words['model']}"), _NO_DEVICE
    return load_baseline(context)


def run_import(context: Context[AuditConfig]) -> AuditRecord:
    """The published answers of one model, measured like our own."""
    assert context.identity is not None, "the check says whose answers they are"
    imported: Imported = context.words["imported"]
    subject = describe_unseen(context.words["model"], "published answers", _NO_DEVICE, context.identity[0])
    return measure_import(imported, subject, context.run, make_case(context, context.checked))


def _open_answered(context: Context[Any], names: Sequence[str]) -> list[StoredRun]:
    """The runs; the corpus they all answered becomes that of `context`, and all of theirs its subject."""
    runs = [store.load_run(name, context.runs_dir) for name in names]
    first = runs[0]
    for run in runs:
        if "corpus" not in run.manifest.config:
            raise InputError(f"run {run.id} is a {run.manifest.kind} run: it holds no answers about a corpus")
        if run.manifest.digests["corpus"] != first.manifest.digests["corpus"]:
            raise InputError(
                f"runs {first.id} and {run.id} answered different corpora "
                f"({_stored_corpus(first)['name']} and {_stored_corpus(run)['name']}, or other versions or options)"
            )
    context.corpus = load_requested(CorpusRequest.model_validate(_stored_corpus(first)))
    context.identity = digest_text("\n".join(run.manifest.digests["subject"] for run in runs)), _NO_DEVICE
    return runs


def _stored_corpus(run: StoredRun) -> dict[str, Any]:
    corpus = run.manifest.config["corpus"]
    return dict(corpus) if isinstance(corpus, dict) else {}
