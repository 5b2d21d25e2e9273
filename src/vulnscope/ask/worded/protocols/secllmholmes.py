"""Protocol `secllmholmes`: the 17 prompts of Ullah et al. (arXiv 2312.12575) in our own words.

S1-S6 standard, R1-R6 step by step (R3 in four turns), D1-D5 with the definition of the weakness; zero-shot and
few-shot, task and role. Each sample is asked about its first CWE. Definitions and examples are read from the user's
copy: `mitre-cwe-definitions.json` and `few-shot/` of a SecLLMHolmes checkout.

Deviations: prompts say how to answer, so that a strict parser reads them (the paper had a second model judge the
texts); a sample without a CWE is asked about any weakness where no definition or example is needed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field

from vulnscope.ask.worded.protocols.base import Context, DialogueProtocol, Shot
from vulnscope.corpora.code.text import LANGUAGES, RowError, language_of, read_text
from vulnscope.cwe import CWE_NAMES, normalise_cwe
from vulnscope.errors import CorruptData, InputError
from vulnscope.records.base import Record

if TYPE_CHECKING:
    from vulnscope.corpora import Sample
    from vulnscope.prompts import DialoguePrompt
    from vulnscope.records.rows import Says

NAME = "secllmholmes"
DEFINITIONS = "mitre-cwe-definitions.json"
EXAMPLES = "few-shot"
_REASONS = {"reason": "reasoning", "steps": "step-by-step-reasoning"}


class SecLLMHolmesOptions(Record):
    """Settings of the protocol."""

    examples: str | None = Field(
        default=None, description="checkout of SecLLMHolmes with definitions and examples; None: where it is found"
    )


@dataclass(frozen=True)
class Material:
    """What the user's copy holds: per CWE a name with its definition, and two examples per kind of reasoning."""

    definitions: Mapping[str, tuple[str, str]]
    shots: Mapping[tuple[str, str], tuple[Shot, ...]]


class SecLLMHolmesProtocol(DialogueProtocol):
    """The 17 prompts about each sample's own weakness."""

    is_about_own_weakness = True

    def __init__(self, context: Context, material: Material) -> None:
        super().__init__(context)
        self._material = material

    def misses(self, sample: Sample, prompt: str) -> str:
        """Why `prompt` cannot be asked: the user's copy has no definition or example of the sample's CWE."""
        dialogue = self._by_name[prompt]
        cwe = _first_cwe(sample)
        if "definition" in dialogue.slots and cwe not in self._material.definitions:
            return f"prompt {prompt}: no definition of {cwe or 'an unknown CWE'}"
        if dialogue.shots != "none" and not self.find_shots(sample, dialogue):
            return f"prompt {prompt}: no example of {cwe or 'an unknown CWE'}"
        return ""

    def fill_slots(self, sample: Sample) -> Mapping[str, str]:
        """The weakness by name, and its definition."""
        cwe = _first_cwe(sample)
        if not cwe:
            return {"weakness": "of any kind", "definition": ""}
        name, definition = self._material.definitions.get(cwe, (CWE_NAMES.get(cwe, ""), ""))
        return {"weakness": f"{name} ({cwe})" if name else cwe, "definition": definition}

    def find_shots(self, sample: Sample, prompt: DialoguePrompt) -> Sequence[Shot]:
        """The vulnerable example of the sample's CWE and its patch."""
        return self._material.shots.get((_first_cwe(sample), prompt.shots), ())


def open_secllmholmes(settings: SecLLMHolmesOptions, context: Context) -> SecLLMHolmesProtocol:
    """The protocol; raises `InputError` where a prompt needs the user's copy and there is none."""
    folder = Path(settings.examples) if settings.examples else context.find_folder(NAME)
    names = context.prompts or context.dialogues.names
    needing = [
        name
        for name in names
        if (prompt := context.dialogues.find(name)).shots != "none" or "definition" in prompt.slots
    ]
    if folder is None:
        if needing:
            raise InputError(
                f"prompts {', '.join(needing)} need definitions and examples from a checkout of SecLLMHolmes; name it "
                "with --protocol-option examples=FOLDER, or ask others with --prompt"
            )
        return SecLLMHolmesProtocol(context, Material({}, {}))
    return SecLLMHolmesProtocol(context, read_material(folder))


def read_material(folder: Path) -> Material:
    """Definitions and examples of a checkout, or of its `datasets` folder."""
    root = folder / "datasets" if (folder / "datasets").is_dir() else folder
    if not (root / DEFINITIONS).is_file() or not (root / EXAMPLES / "examples").is_dir():
        raise InputError(f"{folder} is no checkout of SecLLMHolmes: {DEFINITIONS} and {EXAMPLES}/examples are expected")
    return Material(_read_definitions(root / DEFINITIONS), _read_shots(root / EXAMPLES))


def _read_definitions(path: Path) -> dict[str, tuple[str, str]]:
    try:
        texts = json.loads(read_text(path))
        pairs = [(normalise_cwe(cwe), str(text).partition(":")) for cwe, text in texts.items()]
    except (RowError, ValueError, RecursionError, AttributeError, InputError) as error:
        raise CorruptData(f"{path} is not the expected JSON of CWEs and their definitions: {error}") from error
    return {cwe: (name.strip(), definition.strip()) for cwe, (name, _, definition) in pairs}


def _read_shots(folder: Path) -> dict[tuple[str, str], tuple[Shot, ...]]:
    shots: dict[tuple[str, str], tuple[Shot, ...]] = {}
    codes = sorted(path for path in (folder / "examples").iterdir() if path.suffix.lower() in LANGUAGES)
    for path in codes:
        fixed = path.with_stem(f"{path.stem}-p")
        if path.stem.endswith("-p") or fixed not in codes:
            continue
        for kind, place in _REASONS.items():
            pair = (_read_shot(path, folder / place, "vulnerable"), _read_shot(fixed, folder / place, "fixed"))
            shots[normalise_cwe(path.stem), kind] = pair
    return shots


def _read_shot(path: Path, reasons: Path, says: Says) -> Shot:
    try:
        return Shot(language_of(path.suffix), read_text(path), says, read_text(reasons / f"{path.stem}.txt"))
    except RowError as error:
        raise CorruptData(f"few-shot example {path}: {error}") from error


def _first_cwe(sample: Sample) -> str:
    return sample.cwes[0] if sample.cwes else ""
