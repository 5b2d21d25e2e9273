"""The demonstrative examples of MITRE's CWE catalogue: short code marked Bad or Good.

Layout: the catalogue as https://github.com/CWE-CAPEC/REST-API-wg publishes it, `weaknesses.jsonl` or the files of
`json_repo/W/`, one weakness each, or the XML `cwec_v*.xml` of https://cwe.mitre.org/data/downloads.html; names,
definitions and the tree CWE-1000 of the same files are read by `vulnscope.corpora.cwe.weaknesses`. A row is a weakness
that has code. Its code entries with Nature "Bad" are vulnerable, "Good" fixed; attacks, results and informative
entries are passed over. Bad and Good are not twins: a Good entry may rewrite more than the flaw. Groups: the example,
which several weaknesses may share, and the weakness.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from vulnscope.corpora.code.text import RowError, name_language
from vulnscope.corpora.corpus import Corpus
from vulnscope.corpora.cwe.weaknesses import find_catalogue, read_weaknesses
from vulnscope.corpora.samples import Label, Origin, Sample
from vulnscope.corpora.tables.assembly import Row, read_row
from vulnscope.corpora.tables.layout import Layout
from vulnscope.corpora.tables.tables import TableRow
from vulnscope.cwe import normalise_cwe

NAME = "cwe-catalog"
LICENCE = "CWE terms of use (MITRE)"
LAYOUT = Layout(
    NAME,
    "weaknesses.jsonl, or the files of json_repo/W/, of https://github.com/CWE-CAPEC/REST-API-wg; "
    "or cwec_v*.xml of https://cwe.mitre.org/data/downloads.html",
)
LABELS: dict[str, Label] = {"Bad": "vulnerable", "Good": "fixed"}
OTHER_NATURES = ("Attack", "Result", "Informative", "Mitigation")


class _Entry(BaseModel):
    model_config = ConfigDict(extra="ignore")

    nature: str | None = Field(default=None, alias="Nature")
    language: str | None = Field(default=None, alias="Language")
    code: str | None = Field(default=None, alias="ExampleCode")


class _Example(BaseModel):
    model_config = ConfigDict(extra="ignore")

    id: str | None = Field(default=None, alias="ID")
    entries: tuple[_Entry, ...] = Field(default=(), alias="Entries")


class _Weakness(BaseModel):
    """What is read of a weakness."""

    model_config = ConfigDict(extra="ignore", coerce_numbers_to_str=True)

    id: str = Field(alias="ID")
    name: str = Field(alias="Name")
    examples: tuple[_Example, ...] = Field(default=(), alias="DemonstrativeExamples")


def load_cwe_catalog(data_dir: Path | None = None, *, skip_bad: bool = False) -> Corpus:
    """The CWE catalogue's demonstrative examples, marked Bad or Good, in many languages (MITRE's terms of use)."""
    return LAYOUT.load(data_dir, _read_with_code, skip_bad=skip_bad)


def _read_with_code(root: Path) -> Iterator[Row]:
    for path in find_catalogue(root):
        for found in read_weaknesses(path):
            row = read_row(path.name, found.line, partial(_read_weakness, path.name, found))
            if row.samples or row.problem is not None:
                yield row


def _read_weakness(name: str, row: TableRow) -> tuple[Sample, ...]:
    weakness = _Weakness.model_validate(row.parse())
    cwe = normalise_cwe(weakness.id)
    samples: list[Sample] = []
    for example in weakness.examples:
        for entry in example.entries:
            if entry.code is not None and entry.nature not in OTHER_NATURES:
                samples.append(_make_sample(cwe, len(samples) + 1, example, entry, f"{name}:{row.line}"))
    return tuple(samples)


def _make_sample(cwe: str, number: int, example: _Example, entry: _Entry, path: str) -> Sample:
    if entry.nature not in LABELS:
        raise RowError(f"nature {entry.nature!r} is outside the set: {', '.join((*LABELS, *OTHER_NATURES))}")
    return Sample(
        id=f"{cwe}/{number}",
        corpus=NAME,
        language=name_language(entry.language or ""),
        cwes=(cwe,),
        label=LABELS[entry.nature],
        code=_unfence(entry.code or ""),
        group_keys=(f"weakness:{cwe}", *([f"example:{example.id}"] if example.id else [])),
        origin=Origin(path=path),
        licence=LICENCE,
    )


def _unfence(code: str) -> str:
    """Code without the fence that the catalogue puts around it."""
    text = code.strip("\n")
    if text.startswith("```") and text.rstrip().endswith("```") and "\n" in text:
        return text.rstrip().removesuffix("```").partition("\n")[2]
    return text
