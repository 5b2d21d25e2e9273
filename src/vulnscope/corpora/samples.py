"""The one schema of all corpora: a unit of code, where it comes from, and its twin."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any, Literal, NamedTuple

from pydantic import Field, computed_field, model_validator

from vulnscope.records.base import Record

Label = Literal["vulnerable", "fixed", "unlabelled"]


class Origin(Record):
    """Where a sample comes from, as far as the corpus says."""

    project: str | None = None
    cve: str | None = None
    commit: str | None = None
    path: str = Field(default="", description="file inside the corpus, with the line for row formats")


class Augmentation(Record):
    """A variant of another sample: which transformation, of which base, before (0) or after (1) it."""

    kind: str
    base_id: str | None = None
    version: str = ""


class Sample(Record):
    """One unit of code. `changed_lines` are 1-based lines of `code` that its twin does not have."""

    id: str = Field(min_length=1, description="unique within the corpus")
    corpus: str
    language: str = Field(description="c, cpp, python, java, javascript, go, ruby, ... or 'unknown'")
    cwes: tuple[str, ...] = Field(default=(), description="normalised, e.g. CWE-89; () where unknown")
    label: Label
    code: str
    part: str | None = Field(default=None, description="section of the corpus, e.g. hand-crafted or real-world")
    pair_id: str | None = None
    group_keys: tuple[str, ...] = Field(
        default=(),
        description="samples sharing any key (commit:, cve:, scenario:, template:, near:, ...) form one group; "
        "group: holds its id once the whole corpus is known",
    )
    split: str | None = Field(default=None, description="split of the publisher, if any: train, val, test")
    difficulty: str | None = None
    augmentation: Augmentation | None = None
    reason: str | None = Field(default=None, description="reference explanation")
    changed_lines: tuple[int, ...] = ()
    origin: Origin = Origin()
    notes: tuple[str, ...] = Field(default=(), description="known defects, kept beside the upstream label")
    licence: str = "unknown"

    @model_validator(mode="before")
    @classmethod
    def _check_stored_hash(cls, data: Any) -> Any:
        """A sample read back from JSON brings its hash along; code that was changed since is refused."""
        if not isinstance(data, dict) or "sha256" not in data:
            return data
        fields = {name: value for name, value in data.items() if name != "sha256"}
        if _hash(str(fields.get("code"))) != data["sha256"]:
            raise ValueError("the code does not have the SHA-256 that is stored with it")
        return fields

    @computed_field  # type: ignore[prop-decorator]
    @property
    def sha256(self) -> str:
        """SHA-256 of the code's UTF-8 bytes."""
        return _hash(self.code)


def _hash(code: str) -> str:
    return hashlib.sha256(code.encode("utf-8", "surrogatepass")).hexdigest()


def add_twin(
    vulnerable: Sample, fixed_id: str, code: str, changed_lines: tuple[int, ...] = ()
) -> tuple[Sample, Sample]:
    """A vulnerable sample and its fixed twin, which shares all else with it."""
    fixed = {"id": fixed_id, "label": "fixed", "code": code, "changed_lines": changed_lines}
    return vulnerable, vulnerable.model_copy(update=fixed)


def name_groups(**keys: str | None) -> tuple[str, ...]:
    """Group keys such as `cve:CVE-2020-1`, of those that are known."""
    return tuple(f"{kind}:{value}" for kind, value in keys.items() if value)


class Pair(NamedTuple):
    """A vulnerable sample and its fixed twin."""

    id: str
    vulnerable: Sample
    fixed: Sample


def find_pairs(samples: Iterable[Sample]) -> tuple[Pair, ...]:
    """Pairs with both twins among `samples`, in order of first appearance."""
    sides: dict[str, dict[str, Sample]] = {}
    for sample in samples:
        if sample.pair_id is not None and sample.label != "unlabelled":
            sides.setdefault(sample.pair_id, {})[sample.label] = sample
    return tuple(Pair(pair_id, both["vulnerable"], both["fixed"]) for pair_id, both in sides.items() if len(both) == 2)
