"""A stored intervention on all twins of a corpus, against the un-steered answers on the same items and its controls.

Nothing is fitted or chosen here, so that a corpus the vectors never saw gives held-out figures. Controls have the same
edits, scales and tokens, with directions of the same length that mean nothing on this corpus.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from vulnscope.ask.figures.paired_scores import ScoreTable
from vulnscope.ask.preparing import check_selection, describe_corpus, open_protocol, prepare_selected
from vulnscope.ask.prompt_notes import describe_subject
from vulnscope.effects.controls import RANDOM, SHUFFLED, draw_controls
from vulnscope.effects.costs import measure_costs, prepare_costs
from vulnscope.effects.margins import Margins, edit_margins, key_of, sweep_margins
from vulnscope.effects.outcomes import (
    Controls,
    correct_outcomes,
    measure_all_controls,
    measure_outcome,
    measure_said,
    shift_threshold,
)
from vulnscope.effects.reading.twins import find_mean_difference, read_twins
from vulnscope.effects.sentence import describe_applied
from vulnscope.effects.splits import Split, ask_both
from vulnscope.effects.trials import make_intervention
from vulnscope.errors import InputError
from vulnscope.interventions import Intervention, Stored, Vectors, resolve_edits, under_intervention
from vulnscope.interventions.words import describe_intervention, sign_of
from vulnscope.models import Edit, Point, as_selector
from vulnscope.models.subject.sites import as_site
from vulnscope.records.apply import Answered, AppliedFrom, ApplyRecord
from vulnscope.stats import Bootstrap

if TYPE_CHECKING:
    from torch import Tensor

    from vulnscope.ask.scored.items import QuestionItems
    from vulnscope.ask.scored.preparation import Prepared
    from vulnscope.ask.scored.yes_no import YesNoProtocol
    from vulnscope.corpora import Corpus
    from vulnscope.effects.config import EffectConfig
    from vulnscope.effects.margins import Stage
    from vulnscope.interventions import EditSpec
    from vulnscope.models import Subject
    from vulnscope.records.steer import ControlSet, Kind, SideEffects
    from vulnscope.store import Run

MIN_PAIRS = 2
_READABLE = ("last", "all", "changed", "prompt", "part")
_MOST_CHANGED = 30


def check_applying(corpus: Corpus, config: EffectConfig) -> None:
    """Raise `InputError` where `config` cannot be carried out on `corpus`, before a model is opened or a run made."""
    samples = [sample for sample in check_selection(corpus, config).samples if sample.label != "unlabelled"]
    twins = ScoreTable.of(samples, corpus.groups).twins() if samples else ()
    if len(twins) < MIN_PAIRS:
        raise InputError(
            f"corpus {corpus.name!r} has {len(twins)} pair here; an intervention is measured on at least {MIN_PAIRS} "
            "pairs of vulnerable and fixed code"
        )


def run_applying(
    subject: Subject,
    corpus: Corpus,
    config: EffectConfig,
    stored: Stored,
    run: Run,
    *,
    progress: Stage | None = None,
) -> ApplyRecord:
    """What `stored` does to the answers of `subject` on `corpus`.

    Margins and side effects already in `run` are not computed again. Neither result nor report is written: the caller
    does.
    """
    intervention, vectors = stored
    if vectors is not None:
        vectors.check_subject(subject, is_forced=config.is_forced)
    work = _Work(subject, corpus, config, intervention, vectors, run, progress)
    split, prepared, protocol = work.prepare()
    clean = work.ask("clean", split.asked)
    after = work.apply(split, prepared, protocol)
    controls, sets, notes = work.run_controls(split, clean)
    bootstrap = Bootstrap(n_draws=config.n_bootstrap, seed=config.seed)
    said = measure_said(clean, split.items, bootstrap)
    what = describe_intervention(intervention)
    outcome = measure_outcome(
        intervention.name, kind_of(intervention), what, clean, after, split.items, bootstrap,
        sign=sign_of(intervention.edits), controls=controls, cwes=split.cwes, digest=intervention.digest(),
        side_effects=work.measure_costs(split, protocol),
    )  # fmt: skip
    (outcome,) = correct_outcomes([outcome])
    origin = work.find_origin()
    changed = _list_changed(split, clean, after)
    is_right = [each.after == each.label for each in changed]
    return ApplyRecord(
        sentence=describe_applied(outcome, said, split.items.n_groups, origin),
        subject=describe_subject(subject, protocol.chat, split.samples),
        corpus=describe_corpus(corpus, split.samples),
        protocol=protocol.name,
        found_in=origin,
        clean_auroc=said.auroc,
        clean_pair_correct=said.pair_correct,
        clean_yes_rate=said.yes_rate,
        outcomes=(outcome,),
        controls=sets,
        n_changed=len(changed),
        n_to_right=sum(is_right),
        n_to_wrong=sum(each.before == each.label for each in changed),
        changed=tuple(changed[:_MOST_CHANGED]),
        correction="not corrected, as one intervention is one test",
        notes=(*notes, *work.notes()),
        left_out=prepared.left_out,
        **run.provenance(config),
    )


def kind_of(intervention: Intervention) -> Kind:
    """How tables sort it: by what it changes."""
    if intervention.edits and intervention.prompts is not None:
        return "prompt and method"
    if any(spec.condition is not None for spec in intervention.edits):
        return "gated method"
    if intervention.changes_model:
        return "from file"
    return "prompt" if intervention.prompts is not None else "threshold"


class _Work(NamedTuple):
    """What every step needs; each method is one step."""

    subject: Subject
    corpus: Corpus
    config: EffectConfig
    intervention: Intervention
    vectors: Vectors | None
    run: Run
    progress: Stage | None

    def tell(self, stage: str, done: int, total: int) -> None:
        if self.progress is not None:
            self.progress(stage, done, total)

    @property
    def edits(self) -> tuple[Edit, ...]:
        return resolve_edits(self.intervention, self.vectors)

    def prepare(self) -> tuple[Split, Prepared, YesNoProtocol]:
        protocol = open_protocol(self.subject, self.config)
        prepared = prepare_selected(self.subject, self.corpus, self.config, protocol)
        items = ScoreTable.of(prepared.samples, self.corpus.groups)
        if len(items.twins()) < MIN_PAIRS:
            raise InputError(
                f"{len(items.twins())} pair fits the context of this model; at least {MIN_PAIRS} are needed"
            )
        return Split(prepared.samples, items, ask_both(self.subject, protocol, prepared)), prepared, protocol

    def ask(self, stage: str, asked: tuple[QuestionItems, QuestionItems]) -> Margins:
        self.tell(stage, 0, 1)
        return edit_margins(self.subject, asked, (), self.run, stage)

    def apply(self, split: Split, prepared: Prepared, protocol: YesNoProtocol) -> Margins:
        """Under adapter and edits, with the intervention's prompts, measured from its threshold."""
        asked = split.asked
        if self.intervention.prompts is not None:
            changed = protocol.reword(self.intervention.prompts)
            again = prepare_selected(self.subject, self.corpus, self.config, changed)
            if [sample.code for sample in again.samples] != [sample.code for sample in prepared.samples]:
                raise InputError("under the intervention's prompts other samples fit the context; choose fewer samples")
            asked = ask_both(self.subject, changed, again)
        self.tell("steered", 0, 1)
        forced = self.config.is_forced
        with under_intervention(self.subject, self.intervention, self.vectors, is_forced=forced) as steered:
            after = edit_margins(steered, asked, (), self.run, "steered")
        if self.intervention.threshold_nats is not None:
            after = shift_threshold(after, self.intervention.threshold_nats)
        return after

    def run_controls(self, split: Split, clean: Margins) -> tuple[Controls, tuple[ControlSet, ...], list[str]]:
        """Directions that mean nothing in place of the intervention's, at the same sites, tokens and scales."""
        specs, n = self.intervention.edits, self.config.n_controls
        if self.vectors is None or not specs:
            return Controls(), (), []
        if not n:
            return Controls(), (), ["controls: not asked for, so that no claim about sensitivity is made"]
        if odd := [spec for spec in specs if spec.selector.kind not in _READABLE]:
            return Controls(), (), [f"controls: not measured, as nothing can be read at tokens “{odd[0].selector}”"]
        controls, sets = measure_all_controls(self._try(split, self._draw(split, specs, n)), clean, split.items)
        return controls, sets, []

    def _draw(self, split: Split, specs: Sequence[EditSpec], n: int) -> dict[str, tuple[Edit, ...]]:
        """The edits of every control, by its name."""
        assert self.vectors is not None, "edits have vectors"
        extra = {}
        for place, spec in enumerate(specs):
            read = read_twins(self.subject, split, [as_site(spec.site)], [spec.selector], self.config.max_batch_tokens)
            (twins,) = read.values()
            n_parts = len(spec.vectors)
            drawn = draw_controls(twins, find_mean_difference, n * n_parts, self.config.seed + 1000 * place)
            for sort, directions in drawn.items():
                for number, direction in enumerate(directions):
                    which, part = divmod(number, n_parts)
                    own = spec.vectors[part]
                    extra[f"{sort} {which}.{place}.{part}"] = (
                        _as_long(direction, self.vectors[own]),
                        self.vectors.origin.sites[own],
                    )
        every = self.vectors.extended(extra)
        controls = {}
        for name in (f"{sort} {which}" for sort in (RANDOM, SHUFFLED) for which in range(n)):
            edits = [
                spec.model_copy(update={"vectors": tuple(f"{name}.{place}.{k}" for k in range(len(spec.vectors)))})
                for place, spec in enumerate(specs)
            ]
            controls[name] = resolve_edits(make_intervention(name, edits, every), every)
        return controls

    def _try(self, split: Split, drawn: Mapping[str, tuple[Edit, ...]]) -> dict[str, Margins]:
        """One plain edit goes through the sweep engine, which repeats nothing below its layer."""
        first = next(iter(drawn.values()))
        if len(first) == 1 and first[0].condition is None:
            edit, selector = first[0], self.intervention.edits[0].selector
            points = {name: Point(name, 1.0, edit.site, selector, edits[0]) for name, edits in drawn.items()}
            clean = Point("clean", 0.0, edit.site, selector, None)
            found = sweep_margins(
                self.subject, split.asked, [clean, *points.values()], self.run, "controls", self.progress
            )
            return {name: found[key_of(point)] for name, point in points.items()}
        margins = {}
        for number, (name, edits) in enumerate(drawn.items()):
            margins[name] = edit_margins(self.subject, split.asked, edits, self.run, f"controls: {name}")
            self.tell("controls", number + 1, len(drawn))
        return margins

    def measure_costs(self, split: Split, protocol: YesNoProtocol) -> SideEffects | None:
        """What the edits cost elsewhere; None where that is not asked for, or nothing is edited."""
        if not (self.config.side_effects and self.edits):
            return None
        self.tell("side effects", 0, 1)
        costs = prepare_costs(self.subject, protocol, split.samples, self.config.ordinary, self.config.seed)
        return measure_costs(self.subject, self.intervention.name, self.edits, costs, self.run)

    def find_origin(self) -> AppliedFrom | None:
        if self.vectors is None:
            return None
        origin = self.vectors.origin
        return AppliedFrom(
            subject=origin.subject,
            subject_digest=origin.subject_digest,
            is_same_subject=origin.subject_digest == self.subject.digest,
            corpus=origin.corpus,
            corpus_digest=origin.corpus_digest,
            is_same_corpus=origin.corpus_digest == self.corpus.content_digest,
        )

    def notes(self) -> list[str]:
        notes = []
        origin = self.find_origin()
        if origin is not None and origin.is_same_corpus:
            notes.append(
                f"the vectors were fitted on samples of this very corpus ({origin.corpus}): these figures are not held "
                "out. `vulnscope steer sweep` reports on groups that fitted nothing"
            )
        if origin is not None and not origin.is_same_subject:
            notes.append(f"the vectors were found in another model, {origin.subject}, and forced into this one")
        if any(spec.selector == as_selector("changed") for spec in self.intervention.edits):
            notes.append("the tokens “changed” are an oracle: only someone with the fix can point at them")
        if not self.config.side_effects:
            notes.append("side effects: not asked for")
        elif self.intervention.adapter is not None:
            notes.append("side effects of the adapter are not measured here")
        return notes


def _as_long(direction: Tensor, model: Tensor) -> Tensor:
    found: Tensor = direction * (model.norm() / direction.norm().clamp(min=1e-30))
    return found


def _list_changed(split: Split, clean: Margins, after: Margins) -> list[Answered]:
    """Samples answered otherwise than before, those first whose margin moved most."""
    order = np.argsort(-np.abs(after.margins - clean.margins), kind="stable").tolist()
    return [
        Answered(
            sample=split.samples[i].id,
            cwes=split.samples[i].cwes,
            label="vulnerable" if split.items.is_vulnerable[i] else "fixed",
            before=clean.says[i],
            after=after.says[i],
            margin_before=float(clean.margins[i]),
            margin_after=float(after.margins[i]),
        )
        for i in order
        if clean.says[i] != after.says[i]
    ]
