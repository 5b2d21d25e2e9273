"""SecLLMHolmes (Ullah et al. 2024, "LLMs Cannot Reliably Identify and Reason About Security Vulnerabilities (Yet?)").

Layout: a checkout of https://github.com/ai4cloudops/SecLLMHolmes or its `datasets/` folder, of which three parts are
read: `hand-crafted`, `augmented` (as the parts "trivial" and "non-trivial") and `real-world`. `N.c` is vulnerable,
`p_N.c` its patch; scenarios 1, 2, 3 are easy, medium, hard. The pickles that upstream keeps beside the code
(`embeddings/`, and `vuln` and `patch` without suffix) are walked past and never opened.

Groups: one per scenario (CWE and number) with all its augmentations, since every augmented file is a variant of the
hand-crafted file of the same CWE and number (the `_0` bases of the non-trivial part mostly byte for byte, the others
rewritten); one per CVE. Near-duplicates join scenarios further, such as CWE-476/3 and CWE-787/3.

Twelve files of the non-trivial augmentation A6 are called patched but come with a reason for an out-of-bounds write;
they keep the upstream label and carry a note.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

from vulnscope.corpora.code.text import LANGUAGES, RowError, language_of, read_text
from vulnscope.corpora.corpus import Corpus
from vulnscope.corpora.samples import Augmentation, Label, Origin, Sample
from vulnscope.corpora.tables.assembly import Row, read_row
from vulnscope.corpora.tables.folders import files, subfolders, wrong_layout
from vulnscope.corpora.tables.layout import Layout
from vulnscope.cwe import normalise_cwe
from vulnscope.errors import CorruptData

NAME = "secllmholmes"
LICENCE = "GPL-3.0"
LAYOUT = Layout(
    NAME,
    "a checkout of https://github.com/ai4cloudops/SecLLMHolmes or its datasets/ folder, "
    "with hand-crafted/, augmented/ and real-world/",
    parts=("hand-crafted", "augmented/trivial", "augmented/non-trivial", "real-world"),
    inner="datasets",
    rows="source files such as hand-crafted/dataset/CWE-787/1.c",
)
DIFFICULTIES = {"1": "easy", "2": "medium", "3": "hard"}
TRUTH_FOLDERS = ("ground-truth", "ground_truth")
NOTES = {
    "CWE-787": "label: upstream calls this file patched; its reference reason describes an out-of-bounds write",
    "CWE-22": "label: upstream calls this file patched; its reference reason is one for CWE-787",
}
"""Notes on the patched files of the non-trivial augmentation A6, by CWE."""

_SCENARIO = re.compile(r"(p_)?([123])")
_KIND = re.compile(r"A\d+")
_VERSION = re.compile(r"(?P<kind>A\d+)_(?P<version>[01])")
_CVE = re.compile(r"CVE-\d{4}-\d+")


class _Shelf(NamedTuple):
    """One `dataset` folder: the part it belongs to and, for augmentations, their kind and version."""

    part: str
    folder: Path
    kind: str | None = None
    version: str = ""

    @property
    def prefix(self) -> str:
        variant = f"{self.kind}_{self.version}" if self.version else self.kind
        return f"{self.part}/{variant}" if variant else self.part


def load_secllmholmes(data_dir: Path | None = None, *, skip_bad: bool = False) -> Corpus:
    """SecLLMHolmes: hand-crafted, augmented and real-world C and Python with reference reasons (GPL-3.0)."""
    return LAYOUT.load(data_dir, _read, skip_bad=skip_bad)


def _read(root: Path) -> Iterator[Row]:
    for shelf in _find_shelves(root):
        yield from _read_shelf(root, shelf)
    yield from _read_real_world(root)


def _find_shelves(root: Path) -> Iterator[_Shelf]:
    yield _Shelf("hand-crafted", root / "hand-crafted")
    for folder in subfolders(root / "augmented" / "trivial"):
        if _KIND.fullmatch(folder.name):
            yield _Shelf("trivial", folder, folder.name)
    for kind in subfolders(root / "augmented" / "non-trivial"):
        for folder in subfolders(kind):
            if match := _VERSION.fullmatch(folder.name):
                yield _Shelf("non-trivial", folder, match["kind"], match["version"])


def _read_shelf(root: Path, shelf: _Shelf) -> Iterator[Row]:
    dataset = shelf.folder / "dataset"
    if not dataset.is_dir():
        raise wrong_layout(NAME, shelf.folder, "a folder dataset/")
    for folder in sorted(subfolders(dataset), key=_by_number):
        if not folder.name.upper().startswith("CWE"):
            continue
        for path in sorted(_sources(folder), key=lambda path: (path.stem[-1:], path.stem)):
            yield read_row(_name(root, path), None, partial(_read_scenario, root, shelf, path))


def _read_scenario(root: Path, shelf: _Shelf, path: Path) -> tuple[Sample]:
    match = _SCENARIO.fullmatch(path.stem)
    if match is None:
        raise RowError("expected a name such as 1.c or p_1.c, with a number from 1 to 3")
    is_patched, number = match[1] is not None, match[2]
    cwe = normalise_cwe(path.parent.name)
    scenario = f"{cwe}/{number}"
    twin = path.with_stem(number if is_patched else f"p_{number}")
    is_doubted = shelf.part == "non-trivial" and shelf.kind == "A6" and is_patched and cwe in NOTES
    sample = Sample(
        id=f"{shelf.prefix}/{cwe}/{path.stem}",
        corpus=NAME,
        language=language_of(path.suffix),
        cwes=(cwe,),
        label="fixed" if is_patched else "vulnerable",
        code=read_text(path),
        part=shelf.part,
        pair_id=f"{shelf.prefix}/{scenario}" if twin.is_file() else None,
        group_keys=(f"scenario:{scenario}",),
        difficulty=DIFFICULTIES[number],
        augmentation=_augmentation(shelf, f"{cwe}/{path.stem}"),
        reason=_read_reason(shelf.folder, path),
        origin=Origin(path=_name(root, path)),
        notes=(NOTES[cwe],) if is_doubted else (),
        licence=LICENCE,
    )
    return (sample,)


def _augmentation(shelf: _Shelf, name: str) -> Augmentation | None:
    if shelf.kind is None:
        return None
    # Version 1 is made from version 0, and both version 0 and the trivial ones from the hand-crafted file.
    base = f"{shelf.part}/{shelf.kind}_0/{name}" if shelf.version == "1" else f"hand-crafted/{name}"
    return Augmentation(kind=f"{shelf.part}/{shelf.kind}", base_id=base, version=shelf.version)


def _read_reason(folder: Path, path: Path) -> str | None:
    for truth in TRUTH_FOLDERS:
        reason = folder / truth / path.parent.name / f"{path.stem}.txt"
        if reason.is_file():
            return _read_beside(reason)
    return None


def _read_real_world(root: Path) -> Iterator[Row]:
    details = _read_details(root)
    for project in subfolders(root / "real-world"):
        for folder in subfolders(project):
            if not _CVE.fullmatch(folder.name):
                continue
            for path in sorted(_sources(folder), reverse=True):
                cwe = details.get(project.name, {}).get(folder.name)
                yield read_row(_name(root, path), None, partial(_read_cve, root, path, cwe))


def _read_cve(root: Path, path: Path, cwe: str | None) -> tuple[Sample]:
    labels: dict[str, Label] = {"vuln": "vulnerable", "patch": "fixed"}
    if path.stem not in labels:
        raise RowError("expected the name vuln.c or patch.c")
    project, cve = path.parts[-3:-1]
    if cwe is None:
        raise RowError(f"{cve} of project {project} has no CWE in real-world/cve_details.json")
    reason = path.with_suffix(".txt")
    sample = Sample(
        id=f"real-world/{project}/{cve}/{path.stem}",
        corpus=NAME,
        language=language_of(path.suffix),
        cwes=(normalise_cwe(cwe),),
        label=labels[path.stem],
        code=read_text(path),
        part="real-world",
        pair_id=f"real-world/{project}/{cve}",
        group_keys=(f"cve:{cve}",),
        reason=_read_beside(reason) if reason.is_file() else None,
        origin=Origin(project=project, cve=cve, path=_name(root, path)),
        licence=LICENCE,
    )
    return (sample,)


def _read_details(root: Path) -> dict[str, dict[str, str]]:
    """CWE by project and CVE."""
    path = root / "real-world" / "cve_details.json"
    if not path.is_file():
        raise wrong_layout(NAME, path.parent, "a file cve_details.json")
    try:
        projects = json.loads(read_text(path))
        return {
            project: {cve: str(details["cwe"]) for cve, details in cves.items()} for project, cves in projects.items()
        }
    except (RowError, ValueError, RecursionError, AttributeError, KeyError, TypeError) as error:
        raise CorruptData(f"corpus {NAME!r}: {path} is not the expected JSON of projects and CVEs: {error}") from error


def _read_beside(path: Path) -> str:
    try:
        return read_text(path).strip()
    except RowError as error:
        raise RowError(f"its reason {path.name} is {error}") from error


def _sources(folder: Path) -> list[Path]:
    return [path for path in files(folder) if path.suffix.lower() in LANGUAGES]


def _name(root: Path, path: Path) -> str:
    return path.relative_to(root).as_posix()


def _by_number(path: Path) -> tuple[int, str]:
    digits = "".join(character for character in path.name if character.isdigit())
    return int(digits or 0), path.name
