"""Protocol `which-cwe`: which weakness, if any; listed with definitions, or open.

`listed` shows the `top` most frequent CWEs among the vulnerable samples asked (or the named `choices`) with their
definitions from the user's copy of the CWE catalogue, and "none". The order is shuffled per pair by seed, so twins see
one order, and asked again in reverse. Margin = mean over both orders of the log-odds of any weakness against none, in
nats; weaknesses are ranked by their score. `group` lists a CWE's parent in CWE-1000 in its place. What is named counts
as exact, parent, child or none of the labels.

Listed prompts leave out twins whose own weakness is not listed, nor an ancestor or child of it: "none" would be a true
answer about either twin.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field

from vulnscope.ask.worded.protocols.base import LETTERS, Context, DialogueProtocol, Names
from vulnscope.corpora.cwe.weaknesses import Weaknesses, load_weaknesses
from vulnscope.cwe import normalise_cwe
from vulnscope.errors import InputError
from vulnscope.records.answers import NONE
from vulnscope.records.base import Record

if TYPE_CHECKING:
    from vulnscope.corpora import Sample

CATALOGUE = "cwe_catalog"


class WhichCWEOptions(Record):
    """Settings of the protocol."""

    top: int = Field(default=8, ge=2, le=len(LETTERS) - 1, description="how many CWEs are listed, most frequent first")
    choices: Names = Field(default=(), description="these CWEs in place of the most frequent")
    group: bool = Field(default=False, description="list the parents of the CWEs in CWE-1000")
    catalogue: str | None = Field(default=None, description="folder with weaknesses.jsonl; None: where it is found")


class WhichCWEProtocol(DialogueProtocol):
    """Listed weaknesses in a shuffled order, and the open question."""

    def __init__(self, context: Context, weaknesses: Weaknesses, listed: Sequence[str]) -> None:
        super().__init__(context)
        self._weaknesses = weaknesses
        self._listed = tuple(listed)
        self._seed = context.seed

    @property
    def weaknesses(self) -> Weaknesses:
        """The catalogue of the user's copy."""
        return self._weaknesses

    def misses(self, sample: Sample, prompt: str) -> str:
        """Why a listed prompt cannot be asked: no option but "none" is about the weakness of `sample`."""
        is_open = self._by_name[prompt].form != "options"
        if is_open or any(self._weaknesses.covers(cwe, sample.cwes) for cwe in self._listed):
            return ""
        if not sample.cwes and sample.label != "vulnerable" and sample.pair_id is None:
            return ""
        return f"prompt {prompt}: their weakness is not among the {len(self._listed)} listed"

    def list_options(self, sample: Sample) -> Sequence[tuple[str, str]]:
        """Every listed CWE with its definition, and none, in the order of the sample's pair."""
        options = [(cwe, self._describe(cwe)) for cwe in self._listed]
        options.append((NONE, self.dialogues.options[NONE]))
        random.Random(f"{self._seed}/{sample.pair_id or sample.id}").shuffle(options)
        return options

    def _describe(self, cwe: str) -> str:
        entry = self._weaknesses.find(cwe)
        assert entry is not None, "listed CWEs were looked up when the protocol was opened"
        return f"{cwe} {entry.name}: {' '.join(entry.definition.split())}"


def open_which_cwe(settings: WhichCWEOptions, context: Context) -> WhichCWEProtocol:
    """The protocol; raises `InputError` without a catalogue, or where it does not know a CWE that is to be listed."""
    folder = Path(settings.catalogue) if settings.catalogue else context.find_folder(CATALOGUE)
    if folder is None:
        raise InputError(
            "protocol which-cwe needs names and definitions from a copy of the CWE catalogue; "
            "name its folder with --protocol-option catalogue=FOLDER"
        )
    weaknesses = load_weaknesses(folder)
    listed = list_cwes(context.samples, weaknesses, settings)
    return WhichCWEProtocol(context, weaknesses, listed)


def list_cwes(samples: Sequence[Sample], weaknesses: Weaknesses, settings: WhichCWEOptions) -> tuple[str, ...]:
    """The CWEs, or their parents, that are listed: named ones, else the most frequent of vulnerable samples."""
    counts: Counter[str] = Counter()
    for sample in samples:
        if sample.label == "vulnerable":
            counts.update({_grouped(cwe, weaknesses, settings.group) for cwe in sample.cwes})
    if settings.choices:
        found = dict.fromkeys(_grouped(normalise_cwe(cwe), weaknesses, settings.group) for cwe in settings.choices)
    else:
        ranked = sorted(counts.items(), key=lambda item: (-item[1], int(item[0].removeprefix("CWE-"))))
        found = dict.fromkeys(cwe for cwe, _ in ranked if weaknesses.find(cwe) is not None)
    listed = tuple(found)[: len(LETTERS) - 1 if settings.choices else settings.top]
    if unknown := [cwe for cwe in listed if weaknesses.find(cwe) is None]:
        raise InputError(f"the CWE catalogue has no {', '.join(unknown)}; choose others with choices=")
    if not listed:
        raise InputError("no vulnerable sample has a CWE that the catalogue knows; name some with choices=")
    return listed


def _grouped(cwe: str, weaknesses: Weaknesses, is_grouped: bool) -> str:
    entry = weaknesses.find(cwe)
    return entry.parents[0] if is_grouped and entry is not None and entry.parents else cwe
