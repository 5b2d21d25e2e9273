"""A finished run in words parsed anew and measured again; no model is opened."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from vulnscope import registry
from vulnscope.ask.worded.answers_to_rows import Reader, read_row_again
from vulnscope.audit.figures.background import Source
from vulnscope.audit.figures.record import AskedSamples, Beside, ProtocolInfo, make_record
from vulnscope.audit.ordinary import restore_functions
from vulnscope.corpora.code.text import keep_lines
from vulnscope.errors import InputError
from vulnscope.records.answers import AnswerRow
from vulnscope.records.audit import AuditRecord

if TYPE_CHECKING:
    from vulnscope.audit.figures.judgement import Case
    from vulnscope.corpora import Corpus, Sample
    from vulnscope.corpora.cwe.weaknesses import Weaknesses
    from vulnscope.store import Run, StoredRun


def open_reader(parser: str, weaknesses: Weaknesses | None) -> Reader:
    """The parser of this name; raises `InputError` listing the names."""
    return Reader(parser, registry.resolve("parser", parser), weaknesses)


def read_text_rows(stored: StoredRun) -> tuple[AnswerRow, ...]:
    """The rows of a finished run in words; raises `InputError` where it holds no texts to read again."""
    if stored.status != "finished":
        raise InputError(f"run {stored.id} is {stored.status}; finish it first: {stored.resume_command}")
    texts = tuple(stored.read_rows(AnswerRow.model_validate, lambda row: "answers" in row))
    if len(texts) < len(stored.rows()) or not any(answer.turns for row in texts for answer in row.answers):
        raise InputError(
            f"run {stored.id} holds scores but no answers in words, so there is nothing to parse again; "
            "protocols such as free-text or secllmholmes keep what the model wrote"
        )
    return texts


def rescore(rows: Sequence[AnswerRow], record: AuditRecord, reader: Reader, run: Run, case: Case) -> AuditRecord:
    """The stored `rows` parsed and measured anew, and written to `run`; `record` is their first result."""
    functions = restore_functions(rows, record.background)
    aside = {item.sample.id: item.sample for item in functions}
    read_aside = {row.sample: read_row_again(row, aside[row.sample], reader) for row in rows if row.sample in aside}
    functions = [item._replace(row=read_aside[item.sample.id]) for item in functions]
    rows = [row for row in rows if row.sample not in aside]
    samples = match_samples(rows, case.corpus)
    again = [read_row_again(row, sample, reader) for row, sample in zip(rows, samples, strict=True)]
    run.append([*again, *(item.row for item in functions)])
    stored = record.background
    return make_record(
        AskedSamples(
            [_as_seen(row, sample) for row, sample in zip(rows, samples, strict=True)], again, record.left_out
        ),
        record.subject,
        ProtocolInfo(record.protocol, record.prompts, record.canonical_prompt),
        case,
        None
        if stored is None
        else Beside(functions, Source(stored.folder, stored.functions_digest, stored.left_out, stored.asked)),
    )


def match_samples(rows: Sequence[AnswerRow], corpus: Corpus) -> list[Sample]:
    """The sample that each row is about; raises `InputError` where `corpus` does not have them all."""
    samples = {sample.id: sample for sample in corpus.samples}
    if missing := [row.sample for row in rows if row.sample not in samples]:
        raise InputError(
            f"corpus {corpus.name!r} has no sample {missing[0]!r} any more, nor {len(missing) - 1} others of the run; "
            "load the corpus that was asked"
        )
    return [samples[row.sample] for row in rows]


def _as_seen(row: AnswerRow, sample: Sample) -> Sample:
    """The sample with its code as the model saw it under the canonical prompt."""
    if row.cut is None:
        return sample
    return sample.model_copy(update={"code": keep_lines(sample.code, row.cut.first_line, row.cut.last_line)})
