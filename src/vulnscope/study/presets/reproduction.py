"""A preset carried out: steering by differences of means, as an earlier experiment wrote it and done right.

Every setting is answered in words, read by the keyword parser at 1 and at 50 tokens, and scored by the default
protocol, so that a table shows what the words hide.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import product
from typing import TYPE_CHECKING, Any, NamedTuple

from vulnscope.ask.figures.paired_scores import ScoreTable
from vulnscope.ask.preparing import describe_corpus, open_protocol
from vulnscope.ask.prompt_notes import describe_subject
from vulnscope.ask.scored.items import ask_items
from vulnscope.ask.scored.preparation import prepare
from vulnscope.ask.settings import Selection
from vulnscope.errors import InputError
from vulnscope.models import generate, read_text
from vulnscope.models.answer.prompt_prefixes import PromptPrefixes
from vulnscope.prompts import open_chat
from vulnscope.stats import Bootstrap, name_correction
from vulnscope.study.presets.directions import find_others, fit_rows, read_states
from vulnscope.study.presets.figures import (
    Answers,
    choose_answers,
    correct_rows,
    judge,
    read_answers,
    write_sentence,
)
from vulnscope.study.presets.indexing import Indexing, make_edits
from vulnscope.study.presets.model_sizes import estimate_model
from vulnscope.study.presets.record import ReproducedRow, ReproductionRecord
from vulnscope.study.presets.samples import choose_samples
from vulnscope.study.presets.scoring import score_settings
from vulnscope.study.presets.settings import clamp_layers

if TYPE_CHECKING:
    import numpy as np

    from vulnscope.ask.scored.items import QuestionItems
    from vulnscope.ask.scored.preparation import Prepared
    from vulnscope.corpora import Corpus, Sample
    from vulnscope.effects.margins import Margins
    from vulnscope.models import Edit, Subject, TokenText
    from vulnscope.store import Run
    from vulnscope.study.presets.recipe import Recipe
    from vulnscope.study.presets.scoring import Vectors
    from vulnscope.study.presets.settings import PresetConfig

Progress = Callable[[str, str, int, int], None]
_AROUND_TOKENS = 64
"""Room for what the preset's prompts say beyond those of the default protocol."""


class Setting(NamedTuple):
    """One thing to try; `indexing` None is the run without steering."""

    prompt: str
    indexing: str | None = None
    layers: str = ""
    is_normalised: bool = False
    scale: float = 0.0


def list_settings(config: PresetConfig, indexings: Iterable[str]) -> list[Setting]:
    """Everything that is tried, in the order of the table; each prompt begins without steering."""
    tried: list[Setting] = []
    for prompt in config.prompts:
        tried.append(Setting(prompt))
        grid = product(indexings, config.layer_sets, config.normalised, config.scales)
        tried += [Setting(prompt, *choice) for choice in grid]
    return tried


def run_preset(
    subject: Subject,
    corpus: Corpus,
    recipe: Recipe,
    config: PresetConfig,
    run: Run,
    *,
    progress: Progress | None = None,
) -> ReproductionRecord:
    """Every setting on `subject`. Those already in `run` are read, not repeated; result and report are the caller's.

    `progress` counts the settings that the model is asked: those in larger batches follow from them.
    """
    study = _Study(subject, corpus, recipe, config)
    settings = study.settings
    asked = [setting for setting in settings if not study.is_composed(setting)]
    kept = dict(run.read_rows(lambda row: (tuple(row["setting"]), row)))
    missing = [setting for setting in asked if tuple(setting) not in kept]
    for number, setting in enumerate(missing, start=len(asked) - len(missing)):
        if progress is not None:
            progress(recipe.name, "asking", number, len(asked))
        row = {"setting": list(setting), **study.answer(setting)}
        run.append([row])
        kept[tuple(setting)] = row
    if progress is not None:
        progress(recipe.name, "asking", len(asked), len(asked))
    answers = {setting: read_answers(kept[tuple(setting)]) for setting in asked}
    answers |= {setting: study.compose(setting, answers) for setting in settings if setting not in answers}
    rows = correct_rows(
        [study.measure(setting, answers[setting], answers[Setting(setting.prompt)]) for setting in settings]
    )
    return ReproductionRecord(
        preset=recipe.name,
        sentence=write_sentence(subject.name, rows),
        subject=describe_subject(subject, open_chat(subject.tokenizer), study.prepared.samples),
        corpus=describe_corpus(corpus, study.prepared.samples),
        samples=tuple(sample.id for sample in study.prepared.samples),
        indexings={name: each.what for name, each in study.indexings.items()},
        rows=rows,
        correction=name_correction(
            sum(bool(row.layers) and isinstance(row.default.pair_rank_p, float) for row in rows)
        ),
        memory=tuple(estimate_model(name, fields) for name, fields in recipe.models.items()),
        left_out=study.prepared.left_out,
        notes=study.notes(),
        **run.provenance(config),
    )


class _Study:
    """The samples as both protocols ask them, and the vectors, fitted on first use."""

    def __init__(self, subject: Subject, corpus: Corpus, recipe: Recipe, config: PresetConfig) -> None:
        self.subject, self.config = subject, config
        self.indexings: dict[str, Indexing] = recipe.in_batches(config.batch)
        self.settings = list_settings(config, self.indexings)
        self.prepared, self._asked = _prepare(subject, corpus, recipe, config)
        samples = self.prepared.samples
        self._items = ScoreTable.of(samples, dict(corpus.groups))
        self._others = find_others(samples, dict(corpus.groups))
        self._bootstrap = Bootstrap(n_draws=config.n_bootstrap, seed=config.seed)
        self._n_layers = subject.architecture.n_layers
        self._texts = {
            name: [
                read_text(subject.tokenizer, write_prompt(recipe.prompts[name], each), name=each.id) for each in samples
            ]
            for name in config.prompts
        }
        self._states: dict[str, dict[int, Any]] = {}
        self._prefixes: dict[str, PromptPrefixes] = {}
        self._scored: dict[Setting, Margins] = {}

    def answer(self, setting: Setting) -> dict[str, Any]:
        """The row of a setting: long answers, their first tokens, margins and greedy verdicts."""
        texts: Sequence[TokenText] = self._texts[setting.prompt]
        growing = self._edits(setting, self._vectors(setting), is_growing=True)
        prefixes = self._prefixes_of(setting.prompt)
        given = generate(self.subject, texts, self.config.n_tokens, edits=growing or None, prefixes=prefixes)
        margins = self._margins(setting)
        first = [str(self.subject.tokenizer.decode(list(each.token_ids[:1]))) for each in given]
        return {
            "first": first,
            "whole": [each.text for each in given],
            "margins": margins.margins.tolist(),
            "says": list(margins.says),
        }

    def is_composed(self, setting: Setting) -> bool:
        """Whether other settings hold the answers of this one."""
        return setting.indexing is not None and bool(self.indexings[setting.indexing].alone)

    def compose(self, setting: Setting, answers: Mapping[Setting, Answers]) -> Answers:
        """The answers of a setting in larger batches: as in batches of one where steered, else as without steering."""
        indexing = self.indexings[setting.indexing or ""]
        steered, clean = answers[setting._replace(indexing=indexing.alone)], answers[Setting(setting.prompt)]
        return choose_answers(indexing.steered(len(self._items), self.config.batch), steered, clean)

    def measure(self, setting: Setting, answers: Answers, clean: Answers) -> ReproducedRow:
        """The figures of a setting beside the run without steering."""
        found = judge(answers, clean, self._items, self._bootstrap)
        indexing = self.indexings.get(setting.indexing or "")
        return ReproducedRow(
            prompt=setting.prompt,
            indexing=setting.indexing or "none",
            layers_asked=setting.layers,
            layers=clamp_layers(setting.layers, self._n_layers) if setting.layers else (),
            is_normalised=setting.is_normalised,
            scale=setting.scale,
            n_steered=0 if indexing is None else sum(indexing.steered(len(self._items), self.config.batch)),
            first_token=found.first,
            whole_answer=found.whole,
            default=found.default,
        )

    def notes(self) -> tuple[str, ...]:
        """What was clamped or cut."""
        found = []
        for asked in self.config.layer_sets:
            layers = clamp_layers(asked, self._n_layers)
            if asked != ",".join(map(str, layers)) and asked[0].isdigit():
                shown = ", ".join(map(str, layers))
                found.append(f"layers {asked} clamped to {shown}: the model has layers 0 to {self._n_layers - 1}")
        if n_cut := sum(cut is not None for cut in self.prepared.cuts):
            found.append(f"{n_cut} samples cut to what the model reads, twins under one window")
        return tuple(found)

    def _margins(self, setting: Setting) -> Margins:
        """Margins of one setting; those that differ from it in normalisation and scale are scored with it.

        Alone where every token is edited: nothing is common to them then.
        """
        if setting not in self._scored:
            indexing = self.indexings.get(setting.indexing or "")
            is_late = indexing is not None and "all" not in indexing.selectors
            together = [each for each in self.settings if is_late and each[:3] == setting[:3]] or [setting]
            found = score_settings(
                self.subject,
                self._asked,
                [self._vectors(each) for each in together],
                lambda vectors: self._edits(setting, vectors, is_growing=False),
            )
            self._scored = dict(zip(together, found, strict=True))
        return self._scored[setting]

    def _edits(self, setting: Setting, vectors: Vectors, *, is_growing: bool) -> list[Edit]:
        if setting.indexing is None:
            return []
        return make_edits(self.indexings[setting.indexing], vectors, is_growing=is_growing)

    def _vectors(self, setting: Setting) -> Vectors:
        """What is added per layer and sample; nothing without steering."""
        if setting.indexing is None:
            return {}
        others: np.ndarray | None = self._others if self.indexings[setting.indexing].is_held_out else None
        states, labels = self._read(setting.prompt), self._items.is_vulnerable
        return {
            layer: setting.scale * fit_rows(states[layer], labels, others, is_normalised=setting.is_normalised)
            for layer in clamp_layers(setting.layers, self._n_layers)
        }

    def _prefixes_of(self, prompt: str) -> PromptPrefixes:
        """What is kept of the texts of a prompt, of one prompt at a time."""
        if prompt not in self._prefixes:
            self._prefixes = {prompt: PromptPrefixes(self.subject)}
        return self._prefixes[prompt]

    def _read(self, prompt: str) -> dict[int, Any]:
        """Activations of every layer that any setting edits; one pass per prompt."""
        if prompt not in self._states:
            sets = (clamp_layers(asked, self._n_layers) for asked in self.config.layer_sets)
            layers = sorted({layer for chosen in sets for layer in chosen})
            self._states[prompt] = read_states(self.subject, self._texts[prompt], layers, self.config.max_batch_tokens)
        return self._states[prompt]


def write_prompt(prompt: str, sample: Sample) -> str:
    """The text of one prompt about `sample`."""
    return prompt.format(language=sample.language, code=sample.code)


def _prepare(
    subject: Subject, corpus: Corpus, recipe: Recipe, config: PresetConfig
) -> tuple[Prepared, tuple[QuestionItems, QuestionItems]]:
    """The samples, cut to leave room for the answer, and the two questions of the default protocol about each."""
    if unknown := [prompt for prompt in config.prompts if prompt not in recipe.prompts]:
        raise InputError(f"the preset has no prompt {unknown[0]!r}; choose from: {', '.join(recipe.prompts)}")
    chosen = choose_samples(corpus, recipe, config)
    protocol = open_protocol(subject, Selection(seed=config.seed))
    limit = subject.max_positions
    room = None if limit is None else limit - config.n_tokens - _AROUND_TOKENS
    prepared = prepare(protocol, chosen, room)
    if len(prepared.samples) < len(chosen):
        reasons = "; ".join(f"{part.n}: {part.reason}" for part in prepared.left_out)
        raise InputError(f"the preset needs all {len(chosen)} samples, and {subject.name} cannot read some ({reasons})")
    return prepared, (ask_items(subject, protocol, prepared, 0), ask_items(subject, protocol, prepared, 1))
