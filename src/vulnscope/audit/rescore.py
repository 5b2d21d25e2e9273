"""Rows measured without a model: a finished run under another parser, and answers that others published."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from pydantic import Field, ValidationError

from vulnscope import registry
from vulnscope.ask.worded.reading import Reader, make_row, read_row_again
from vulnscope.audit.background import Source
from vulnscope.audit.ordinary import restore_functions
from vulnscope.audit.record import Asked, Beside, ProtocolInfo, make_record
from vulnscope.corpora.code.text import keep_lines
from vulnscope.errors import CorruptData, InputError
from vulnscope.records.answers import AnswerRow, Expectation, TextAnswer
from vulnscope.records.audit import AuditRecord, LeftOut, SubjectInfo
from vulnscope.records.base import Record

if TYPE_CHECKING:
    from vulnscope.audit.config import AuditConfig
    from vulnscope.corpora import Corpus, Sample
    from vulnscope.corpora.cwe.weaknesses import Weaknesses
    from vulnscope.store import Run, StoredRun

COLUMNS = ("model", "item", "prompt", "answer")
IMPORTED_FORMS = ("verdict", "yes-no", "weakness", "lines")
_EXAMPLES = 5
_MOST_CELL_BYTES = 16 << 20


class PublishedAnswer(Record):
    """One line of a table of answers."""

    model: str = Field(min_length=1)
    item: str = Field(min_length=1, description="id of a sample of the corpus")
    prompt: str = Field(min_length=1)
    answer: str


class Imported(NamedTuple):
    """The answers of one model, and what could not be used."""

    rows: tuple[AnswerRow, ...]
    prompts: tuple[str, ...]
    left_out: tuple[LeftOut, ...]


def open_reader(parser: str, weaknesses: Weaknesses | None) -> Reader:
    """The parser of this name; raises `InputError` listing the names."""
    return Reader(parser, registry.resolve("parser", parser), weaknesses)


def read_text_rows(stored: StoredRun) -> tuple[AnswerRow, ...]:
    """The rows of a finished run in words; raises `InputError` where it holds no texts to read again."""
    if stored.status != "finished":
        raise InputError(f"run {stored.id} is {stored.status}; finish it first: {stored.resume_command}")
    rows = list(stored.iter_rows())
    texts = tuple(AnswerRow.model_validate(row) for row in rows if "answers" in row)
    if len(texts) < len(rows) or not any(answer.turns for row in texts for answer in row.answers):
        raise InputError(
            f"run {stored.id} holds scores but no answers in words, so there is nothing to parse again; "
            "protocols such as free-text or secllmholmes keep what the model wrote"
        )
    return texts


def rescore(
    rows: Sequence[AnswerRow],
    record: AuditRecord,
    corpus: Corpus,
    config: AuditConfig,
    reader: Reader,
    run: Run,
    *,
    baseline_corpus: Corpus | None = None,
    command: str = "",
) -> AuditRecord:
    """The stored `rows` parsed and measured anew, and written to `run`; `record` is their first result."""
    functions = restore_functions(rows, record.background)
    aside = {item.sample.id: item.sample for item in functions}
    read_aside = {row.sample: read_row_again(row, aside[row.sample], reader) for row in rows if row.sample in aside}
    functions = [item._replace(row=read_aside[item.sample.id]) for item in functions]
    rows = [row for row in rows if row.sample not in aside]
    samples = _match_samples(rows, corpus)
    again = [read_row_again(row, sample, reader) for row, sample in zip(rows, samples, strict=True)]
    if run.n_rows == 0:
        run.append([*again, *(item.row for item in functions)])
    stored = record.background
    return make_record(
        Asked([_as_seen(row, sample) for row, sample in zip(rows, samples, strict=True)], again, record.left_out),
        record.subject,
        ProtocolInfo(record.protocol, record.prompts, record.canonical_prompt),
        corpus,
        config,
        run,
        baseline_corpus=baseline_corpus,
        beside=None
        if stored is None
        else Beside(functions, Source(stored.folder, stored.functions_digest, stored.left_out, stored.asked)),
        command=command,
    )


def read_table(path: Path) -> tuple[PublishedAnswer, ...]:
    """The lines of a CSV or JSON-lines table with the columns model, item, prompt and answer; others are ignored."""
    try:
        lines = list(_read_jsonl(path) if path.suffix.lower() in (".jsonl", ".json") else _read_csv(path))
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot read the table of answers: {error}") from error
    if not lines:
        raise InputError(f"{path} holds no answers; its columns are {', '.join(COLUMNS)}")
    return tuple(lines)


def import_answers(
    answers: Sequence[PublishedAnswer], corpus: Corpus, reader: Reader, expects: Expectation
) -> Imported:
    """One row per sample from the answers of one model, in corpus order; the first prompt of the table is canonical.

    Several answers to one prompt about one item are repeats. Items that the corpus does not have are left out, as are
    samples without an answer to the canonical prompt.
    """
    prompts = tuple(dict.fromkeys(answer.prompt for answer in answers))
    samples = {sample.id: sample for sample in corpus.samples if sample.label != "unlabelled"}
    unknown = tuple(dict.fromkeys(answer.item for answer in answers if answer.item not in samples))
    by_item: dict[str, list[PublishedAnswer]] = {}
    for answer in answers:
        by_item.setdefault(answer.item, []).append(answer)
    rows, headless = [], []
    for sample in samples.values():
        found = sorted(by_item.get(sample.id, ()), key=lambda answer: prompts.index(answer.prompt))
        if found and found[0].prompt != prompts[0]:
            headless.append(sample.id)
        elif found:
            read = [_read_published(answer, sample, reader, expects) for answer in _number(found)]
            rows.append(make_row(sample, read, protocol="imported", parser=reader.name, counterpart=None))
    notes = (
        ("items that the corpus does not have", unknown),
        (f"no answer to the first prompt, {prompts[0]}", tuple(headless)),
    )
    left_out = [LeftOut(reason=reason, n=len(ids), examples=ids[:_EXAMPLES]) for reason, ids in notes if ids]
    if not rows:
        raise InputError(
            f"no item of the table is a labelled sample of corpus {corpus.name!r}; items: {', '.join(unknown[:3])}; "
            f"samples: {', '.join(list(samples)[:3])}"
        )
    return Imported(tuple(rows), prompts, tuple(left_out))


def measure_import(
    imported: Imported,
    subject: SubjectInfo,
    corpus: Corpus,
    config: AuditConfig,
    run: Run,
    *,
    baseline_corpus: Corpus | None = None,
    command: str = "",
) -> AuditRecord:
    """The figures of one model's published answers, measured like our own."""
    run.append(imported.rows)
    prompt = f"as published: prompt {imported.prompts[0]}"
    return make_record(
        Asked(_match_samples(imported.rows, corpus), imported.rows, imported.left_out),
        subject,
        ProtocolInfo("imported", imported.prompts, prompt),
        corpus,
        config,
        run,
        baseline_corpus=baseline_corpus,
        command=command,
    )


class _Numbered(NamedTuple):
    answer: PublishedAnswer
    repeat: int


def _number(answers: Sequence[PublishedAnswer]) -> Iterator[_Numbered]:
    seen: dict[str, int] = {}
    for answer in answers:
        yield _Numbered(answer, seen.get(answer.prompt, 0))
        seen[answer.prompt] = seen.get(answer.prompt, 0) + 1


def _read_published(numbered: _Numbered, sample: Sample, reader: Reader, expects: Expectation) -> TextAnswer:
    unread = TextAnswer(
        prompt=numbered.answer.prompt,
        repeat=numbered.repeat,
        turns=(numbered.answer.answer,),
        expects=expects,
        state="unparsed",
        says="unparsed",
        n_prompt_tokens=0,
    )
    return reader.read_again(sample, unread)


def _match_samples(rows: Sequence[AnswerRow], corpus: Corpus) -> list[Sample]:
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


def _read_csv(path: Path) -> Iterator[PublishedAnswer]:
    csv.field_size_limit(_MOST_CELL_BYTES)
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file, strict=True)
        missing = [column for column in COLUMNS if column not in (reader.fieldnames or ())]
        if missing:
            raise InputError(f"{path} has no column {', '.join(missing)}; it needs {', '.join(COLUMNS)}")
        try:
            for row in reader:
                yield _read_line(path, reader.line_num, row)
        except csv.Error as error:
            raise CorruptData(f"{path}:{reader.line_num}: not valid CSV: {error}") from error


def _read_jsonl(path: Path) -> Iterator[PublishedAnswer]:
    with path.open(encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            if line.strip():
                try:
                    row = json.loads(line)
                except (ValueError, RecursionError) as error:
                    raise CorruptData(f"{path}:{number}: not valid JSON: {error}") from error
                yield _read_line(path, number, row)


def _read_line(path: Path, number: int, row: object) -> PublishedAnswer:
    values = {column: row[column] for column in COLUMNS if column in row} if isinstance(row, dict) else {}
    try:
        return PublishedAnswer.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise CorruptData(f"{path}:{number}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from error
