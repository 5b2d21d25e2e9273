"""A plain folder of twins, so that a user's own code needs no loader.

Layout: `ID/vulnerable.EXT` and `ID/fixed.EXT`, the language by suffix, and optionally `ID/meta.json` with any of the
fields of `Meta`. Folders without such files are walked past; a source file by another name beside them is reported.
Groups: the pair, and where given the CVE, the commit and the group.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from pydantic import Field, ValidationError

from vulnscope.corpora.code.text import LANGUAGES, RowError, language_of, read_text
from vulnscope.corpora.corpus import Corpus
from vulnscope.corpora.samples import Label, Origin, Sample, name_groups
from vulnscope.corpora.tables.assembly import Row, explain, read_row
from vulnscope.corpora.tables.folders import files, subfolders
from vulnscope.corpora.tables.layout import Layout
from vulnscope.cwe import normalise_cwe
from vulnscope.records.base import Record

NAME = "folder"
LABELS: tuple[Label, ...] = ("vulnerable", "fixed")
LAYOUT = Layout(NAME, "twins such as ID/vulnerable.c and ID/fixed.c")


class Meta(Record):
    """What `meta.json` may say about a pair."""

    cwe: str | tuple[str, ...] = Field(default=(), description="CWE-89, or a list")
    language: str | None = Field(default=None, description="where the suffix does not tell")
    reason: str | dict[Label, str] = Field(default="", description="reference explanation, for both twins or by label")
    project: str | None = None
    cve: str | None = None
    commit: str | None = None
    group: str | None = Field(default=None, description="pairs with the same value are not independent")
    split: str | None = Field(default=None, description="train, val or test")
    difficulty: str | None = None
    licence: str = "unknown"


def load_folder(data_dir: Path | None = None, *, skip_bad: bool = False) -> Corpus:
    """Your own twins: DIR/ID/vulnerable.EXT and DIR/ID/fixed.EXT, with an optional ID/meta.json."""
    return LAYOUT.load(data_dir, _read_pairs, skip_bad=skip_bad)


def _read_pairs(root: Path) -> Iterator[Row]:
    for folder in subfolders(root):
        for path in sorted(filter(_is_source, files(folder)), key=lambda path: (path.stem != "vulnerable", path.name)):
            yield read_row(f"{folder.name}/{path.name}", None, partial(_read_twin, path))


def _is_source(path: Path) -> bool:
    return bool(path.stem in LABELS and path.suffix) or path.suffix.lower() in LANGUAGES


def _read_twin(path: Path) -> tuple[Sample]:
    label = next((label for label in LABELS if label == path.stem), None)
    if label is None:
        raise RowError(f"expected the name vulnerable{path.suffix} or fixed{path.suffix}")
    meta = _read_meta(path.with_name("meta.json"))
    pair_id = path.parent.name
    sample = Sample(
        id=f"{pair_id}/{label}",
        corpus=NAME,
        language=meta.language or language_of(path.suffix),
        cwes=tuple(normalise_cwe(cwe) for cwe in ((meta.cwe,) if isinstance(meta.cwe, str) else meta.cwe)),
        label=label,
        code=read_text(path),
        pair_id=pair_id,
        group_keys=name_groups(cve=meta.cve, commit=meta.commit, set=meta.group),
        split=meta.split,
        difficulty=meta.difficulty,
        reason=(meta.reason if isinstance(meta.reason, str) else meta.reason.get(label)) or None,
        origin=Origin(project=meta.project, cve=meta.cve, commit=meta.commit, path=f"{pair_id}/{path.name}"),
        licence=meta.licence,
    )
    return (sample,)


def _read_meta(path: Path) -> Meta:
    if not path.is_file():
        return Meta()
    try:
        return Meta.model_validate(json.loads(read_text(path)))
    except ValidationError as error:
        raise RowError(f"its meta.json: {explain(error)}") from error
    except (RowError, ValueError, RecursionError) as error:
        raise RowError(f"its meta.json is not JSON that can be read: {error}") from error
