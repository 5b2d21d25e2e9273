"""Ordinary functions of a folder of source code: nobody's examples of anything, hence without label.

Every outermost function and method of every file whose language has a grammar. A group is a file. Copies of a function
are kept once. Nothing is built or run, links are not followed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from vulnscope.corpora.code.functions import function_lines
from vulnscope.corpora.code.syntax import GRAMMARS
from vulnscope.corpora.code.text import LANGUAGES, RowError, keep_lines, language_of, read_text
from vulnscope.corpora.corpus import Corpus
from vulnscope.corpora.samples import Origin, Sample
from vulnscope.corpora.splits import hash_group
from vulnscope.errors import InputError
from vulnscope.records.base import digest_text
from vulnscope.records.corpus import BadRow

NAME = "background"
_MAX_FILE_BYTES = 2_000_000


class OrdinaryCode(NamedTuple):
    """The functions drawn, and in words what of the folder is not among them."""

    corpus: Corpus
    left_out: tuple[str, ...]


def load_ordinary(
    folder: Path, *, languages: Collection[str] = (), without: Iterable[str] = (), limit: int, seed: int = 0
) -> OrdinaryCode:
    """At most `limit` functions under `folder`, drawn by `seed`, in `languages` (() takes all that have a grammar).

    `without` is code to leave out, whatever blank space surrounds it. Raises `InputError` where nothing is left.
    """
    if not folder.is_dir():
        raise InputError(f"--background {folder} is not a folder; give one that holds source files")
    known = {digest_text(code.strip()) for code in without}
    reasons: Counter[str] = Counter()
    bad_rows: list[BadRow] = []
    found: dict[str, Sample] = {}
    for path in _source_files(folder):
        name = path.relative_to(folder).as_posix()
        language = language_of(path.suffix)
        if reason := _refuse(path, language, languages):
            reasons[f"files: {reason}"] += 1
            continue
        try:
            code = read_text(path)
        except RowError as error:
            bad_rows.append(BadRow(path=name, reason=str(error)))
            continue
        for sample in _read_functions(name, language, code):
            if digest_text(sample.code.strip()) in known:
                reasons["functions: the same code is in the corpus"] += 1
            elif found.setdefault(sample.sha256, sample) is not sample:
                reasons["functions: copies of others"] += 1
    if bad_rows:
        reasons["files: cannot be read as UTF-8"] = len(bad_rows)
    drawn = _draw(list(found.values()), limit, seed)
    if len(drawn) < len(found):
        reasons["functions: not drawn"] = len(found) - len(drawn)
    left_out = tuple(f"{n:,} {reason}" for reason, n in reasons.items())
    if not drawn:
        raise InputError(
            f"--background {folder} holds no function that can be asked about "
            f"({'; '.join(left_out) or 'no source files'}); languages taken: {', '.join(languages or GRAMMARS)}"
        )
    n_rows = len(drawn)
    corpus = Corpus(
        name=NAME,
        version="folder",
        samples=tuple(drawn),
        bad_rows=tuple(bad_rows),
        n_rows_in=n_rows + len(bad_rows),
        n_rows_out=n_rows,
    )
    return OrdinaryCode(corpus, left_out)


def rebuild_function(sample_id: str) -> Sample | None:
    """An ordinary function without its code, from nothing but its id; None where it is the id of something else."""
    place = sample_id.removeprefix(f"{NAME}/")
    name, _, line = place.rpartition(":")
    if place == sample_id or not line.isdecimal():
        return None
    return _make_function(name, language_of(PurePosixPath(name).suffix), int(line), "")


def _source_files(folder: Path) -> Iterator[Path]:
    """Files of known languages by name, hidden folders and links left out."""
    for entry in sorted(folder.iterdir(), key=lambda path: path.name):
        if entry.name.startswith(".") or entry.is_symlink():
            continue
        if entry.is_dir():
            yield from _source_files(entry)
        elif entry.suffix.lower() in LANGUAGES:
            yield entry


def _refuse(path: Path, language: str, languages: Collection[str]) -> str | None:
    if language not in GRAMMARS:
        return f"functions of {language} cannot be found (no grammar)"
    if languages and language not in languages:
        return f"{language} is no language of the corpus"
    if path.stat().st_size > _MAX_FILE_BYTES:
        return f"larger than {_MAX_FILE_BYTES // 1_000_000} MB"
    return None


def _read_functions(name: str, language: str, code: str) -> Iterator[Sample]:
    for lines in function_lines(code, language):
        yield _make_function(name, language, lines.start, keep_lines(code, lines.start, lines.stop - 1))


def _make_function(name: str, language: str, line: int, code: str) -> Sample:
    return Sample(
        id=f"{NAME}/{name}:{line}",
        corpus=NAME,
        language=language,
        label="unlabelled",
        code=code,
        group_keys=(f"file:{name}",),
        origin=Origin(path=f"{name}:{line}"),
    )


def _draw(samples: Sequence[Sample], limit: int, seed: int) -> list[Sample]:
    """`limit` of the functions, in the order of the folder."""
    chosen = sorted(samples, key=lambda sample: hash_group(sample.id, seed))[:limit]
    kept = {sample.id for sample in chosen}
    return [sample for sample in samples if sample.id in kept]
