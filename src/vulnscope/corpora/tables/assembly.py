"""From the rows of a source to a corpus: every row becomes samples or is named with file, line and reason."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from pydantic import ValidationError

from vulnscope.corpora.check.duplicates import link_near_duplicates
from vulnscope.corpora.code.diff import changed_lines
from vulnscope.corpora.code.text import RowError
from vulnscope.corpora.corpus import Corpus
from vulnscope.corpora.groups import seal_groups
from vulnscope.corpora.samples import Sample, find_pairs
from vulnscope.errors import CorruptData, InputError
from vulnscope.records.base import digest_text
from vulnscope.records.corpus import BadRow

_N_SHOWN = 5


class Row(NamedTuple):
    """One row or file of a source, and the samples it became or the reason it became none."""

    path: str
    line: int | None
    samples: tuple[Sample, ...] = ()
    problem: str | None = None

    def reject(self, problem: str) -> Row:
        """The same row without its samples."""
        return self._replace(samples=(), problem=problem)


def read_row(path: str, line: int | None, build: Callable[[], tuple[Sample, ...]]) -> Row:
    """The row that `build` makes samples of; what `build` finds wrong becomes the row's problem."""
    try:
        return Row(path, line, build())
    except ValidationError as error:
        return Row(path, line, problem=explain(error))
    except (RowError, InputError) as error:
        return Row(path, line, problem=str(error))


def explain(error: ValidationError) -> str:
    """The first complaint of pydantic on one line, with the field it is about."""
    first = error.errors(include_url=False)[0]
    field = ".".join(str(part) for part in first["loc"])
    return f"{field}: {first['msg']}" if field else first["msg"]


def assemble(
    name: str,
    rows: Iterable[Row],
    *,
    skip_bad: bool,
    options: Mapping[str, str | int | bool | None] | None = None,
) -> Corpus:
    """The corpus of `rows`: checked, with changed lines by diff where a pair came without, and its groups sealed.

    Bad beside what a loader found are an id used twice, empty code, code that no UTF-8 can hold, and a pair without
    exactly one twin of each label; a bad twin takes the other along, so pairs are complete. Bad rows raise
    `CorruptData` unless `skip_bad` leaves them out; so does a corpus of which nothing is left.
    """
    checked = _check_pairs(_check_samples(rows))
    bad = tuple(BadRow(path=row.path, line=row.line, reason=row.problem) for row in checked if row.problem is not None)
    n_good = len(checked) - len(bad)
    if bad and (not skip_bad or n_good == 0):
        raise CorruptData(_complain(name, bad, len(checked)))
    if n_good == 0:
        raise InputError(f"corpus {name!r} is empty")
    filled = _fill_changed_lines([sample for row in checked for sample in row.samples])
    samples = seal_groups(filled, link_near_duplicates(filled))
    return Corpus(
        name=name,
        version=digest_text("\n".join(f"{sample.id} {sample.label} {sample.sha256}" for sample in samples)),
        samples=samples,
        bad_rows=bad,
        n_rows_in=len(checked),
        n_rows_out=n_good,
        options=dict(options or {}),
    )


def _check_samples(rows: Iterable[Row]) -> Iterator[Row]:
    seen: dict[str, str] = {}
    for row in rows:
        problem = next((problem for sample in row.samples if (problem := _find_problem(sample, seen))), None)
        if problem is not None:
            yield row.reject(problem)
            continue
        place = row.path if row.line is None else f"{row.path}:{row.line}"
        seen |= {sample.id: place for sample in row.samples}
        yield row


def _find_problem(sample: Sample, seen: Mapping[str, str]) -> str | None:
    if sample.id in seen:
        return f"id {sample.id!r} is already used by {seen[sample.id]}"
    if not sample.code.strip():
        return "the code is empty"
    try:
        sample.code.encode("utf-8")
    except UnicodeEncodeError as error:
        return f"the code holds a lone surrogate at character {error.start}, which is no text"
    return None


def _check_pairs(rows: Iterable[Row]) -> list[Row]:
    rows = list(rows)
    labels: dict[str, list[str]] = {}
    for row in rows:
        for sample in row.samples:
            if sample.pair_id is not None:
                labels.setdefault(sample.pair_id, []).append(sample.label)
    wrong = {pair: sides for pair, sides in labels.items() if sorted(sides) != ["fixed", "vulnerable"]}
    return [_reject_wrong_pair(row, wrong) for row in rows]


def _reject_wrong_pair(row: Row, wrong: Mapping[str, Sequence[str]]) -> Row:
    pair = next((sample.pair_id for sample in row.samples if sample.pair_id in wrong), None)
    if pair is None:
        return row
    return row.reject(f"pair {pair!r} needs one vulnerable and one fixed twin; it has: {', '.join(wrong[pair])}")


def _fill_changed_lines(samples: Sequence[Sample]) -> list[Sample]:
    lines: dict[str, tuple[int, ...]] = {}
    for _, vulnerable, fixed in find_pairs(samples):
        if not vulnerable.changed_lines and not fixed.changed_lines:
            lines[vulnerable.id], lines[fixed.id] = changed_lines(vulnerable.code, fixed.code)
    return [
        sample.model_copy(update={"changed_lines": lines[sample.id]}) if lines.get(sample.id) else sample
        for sample in samples
    ]


def _complain(name: str, bad: Sequence[BadRow], n_rows: int) -> str:
    shown = "; ".join(str(row) for row in bad[:_N_SHOWN])
    more = f"; and {len(bad) - _N_SHOWN} more" if len(bad) > _N_SHOWN else ""
    advice = "leave bad rows out with --skip-bad (skip_bad=True)" if len(bad) < n_rows else "nothing is left to read"
    return f"corpus {name!r}: {len(bad)} of {n_rows} rows or files cannot be used: {shown}{more}; {advice}"
