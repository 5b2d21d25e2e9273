"""Templates as data: a YAML file for each weakness in `families/`, read on first use and checked on reading.

A file names its `cwe` and holds templates by id, `bound` ones and `plain` ones. Their fields and the notation of their
texts are those of `BoundTemplate` and `PlainTemplate`, the slots those of `words.yaml`.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from types import MappingProxyType
from typing import Any

from pydantic import Field, model_validator

from vulnscope.corpora.synthetic.bound import BoundTemplate
from vulnscope.corpora.synthetic.plain import PlainTemplate
from vulnscope.corpora.synthetic.template import Template
from vulnscope.records.base import Record
from vulnscope.records.data_files import read_data_file


class Family(Record):
    """The templates of one weakness."""

    cwe: str = Field(pattern=r"^CWE-\d+$")
    bound: Mapping[str, BoundTemplate] = {}
    plain: Mapping[str, PlainTemplate] = {}

    @property
    def templates(self) -> dict[str, Template]:
        """All of them by id, `bound` ones first."""
        return {**self.bound, **self.plain}

    @model_validator(mode="before")
    @classmethod
    def _tell_each_its_own(cls, values: Any) -> Any:
        """Every template with its id and its weakness."""
        return values | {
            kind: {
                name: {"id": name, "cwe": values.get("cwe"), **fields} if isinstance(fields, dict) else fields
                for name, fields in values[kind].items()
            }
            for kind in ("bound", "plain")
            if isinstance(values.get(kind), dict)
        }


def read_family(place: Path | Traversable) -> Family:
    """The templates of one file; raises `InputError` naming the file, the template and the reason."""
    return read_data_file(place, Family, "templates")


@cache
def load_templates() -> Mapping[str, Template]:
    """Every template by its id, in the order of the weaknesses' numbers, `bound` ones before `plain` ones."""
    folder = files("vulnscope.corpora.synthetic") / "families"
    places = sorted((place for place in folder.iterdir() if place.name.endswith(".yaml")), key=lambda place: place.name)
    families = map(read_family, places)
    return MappingProxyType({name: each for family in families for name, each in family.templates.items()})
