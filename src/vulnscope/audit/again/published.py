"""Answers that others published, read and measured like our own."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from pydantic import Field, ValidationError

from vulnscope.ask.windows import note_left_out
from vulnscope.ask.worded.answers_to_rows import Reader, make_row
from vulnscope.audit.again.rescore import match_samples
from vulnscope.audit.figures.record import AskedSamples, ProtocolInfo, make_record
from vulnscope.errors import CorruptData, InputError
from vulnscope.records.answers import AnswerRow, Expectation, TextAnswer
from vulnscope.records.audit import AuditRecord, LeftOut, SubjectInfo
from vulnscope.records.base import Record

if TYPE_CHECKING:
    from vulnscope.audit.figures.judgement import Case
    from vulnscope.corpora import Corpus, Sample
    from vulnscope.store import Run

COLUMNS = ("model", "item", "prompt", "answer")
IMPORTED_FORMS = ("verdict", "yes-no", "weakness", "lines")
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
    unknown = list(dict.fromkeys(answer.item for answer in answers if answer.item not in samples))
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
    notes = {
        "items that the corpus does not have": unknown,
        f"no answer to the first prompt, {prompts[0]}": headless,
    }
    if not rows:
        raise InputError(
            f"no item of the table is a labelled sample of corpus {corpus.name!r}; items: {', '.join(unknown[:3])}; "
            f"samples: {', '.join(list(samples)[:3])}"
        )
    return Imported(tuple(rows), prompts, note_left_out(notes))


def measure_import(imported: Imported, subject: SubjectInfo, run: Run, case: Case) -> AuditRecord:
    """The figures of one model's published answers, measured like our own."""
    run.append(imported.rows)
    prompt = f"as published: prompt {imported.prompts[0]}"
    return make_record(
        AskedSamples(match_samples(imported.rows, case.corpus), imported.rows, imported.left_out),
        subject,
        ProtocolInfo("imported", imported.prompts, prompt),
        case,
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


def sort_table(
    answers: Sequence[PublishedAnswer], corpus: Corpus, reader: Reader, expects: Expectation
) -> dict[str, Imported]:
    """The answers of each model in the table, about samples of `corpus`."""
    models = tuple(dict.fromkeys(answer.model for answer in answers))
    return {
        model: import_answers([a for a in answers if a.model == model], corpus, reader, expects) for model in models
    }
