"""A preset as data: the samples, prompts, indexings, settings and models of an earlier experiment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

from pydantic import Field, model_validator

from vulnscope.records.base import Record
from vulnscope.records.data_files import read_data_file
from vulnscope.registry import resolve
from vulnscope.study.presets.indexing import Indexing
from vulnscope.study.presets.settings import PresetConfig


class Recipe(Record):
    """What an earlier experiment did. The sentence of its result is about the indexings `right` and `as-written...`."""

    name: str
    corpus: str = Field(description="taken where no other is asked for")
    part: str = Field(description="section of the corpus, where it has sections")
    cwes: tuple[str, ...] = Field(description="taken before others")
    prompts: Mapping[str, str] = Field(description="with the slots {language} and {code}")
    indexings: tuple[Indexing, ...] = Field(description="names and meanings may have the slot {batch}")
    settings: PresetConfig
    models: Mapping[str, Mapping[str, Any]] = Field(default={}, description="fields of the configs of its models")

    @model_validator(mode="after")
    def _known_names(self) -> Self:
        if unknown := [name for name in self.settings.prompts if name not in self.prompts]:
            raise ValueError(f"settings.prompts: there is no prompt {unknown[0]!r}")
        if unknown := [each.name for each in self.indexings if each.row and each.alone not in self.in_batches(1)]:
            raise ValueError(f"indexings: {unknown[0]!r} does not say which of them does the same in batches of one")
        return self

    def in_batches(self, batch: int) -> dict[str, Indexing]:
        """The indexings by name, with `batch` rows in the larger batches."""
        filled = [
            each.model_copy(update={"name": each.name.format(batch=batch), "what": each.what.format(batch=batch)})
            for each in self.indexings
        ]
        return {each.name: each for each in filled}


def read_recipe(name: str) -> Recipe:
    """The recipe of the preset `name`; raises `InputError` listing the presets where there is none."""
    return read_data_file(resolve("preset", name), Recipe, "presets")
