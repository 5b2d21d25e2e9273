"""What stands beside the methods: threshold alone, prompt alone, prompt and steering, combinations, a gate, a file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from vulnscope.ask.scored.items import QuestionItems
from vulnscope.ask.scored.preparation import prepare
from vulnscope.effects.margins import Margins, edit_margins
from vulnscope.effects.outcomes import shift_threshold
from vulnscope.effects.reading.twins import read_out
from vulnscope.effects.splits import ask_both
from vulnscope.effects.trials import Trial, make_intervention
from vulnscope.effects.tried import Tried
from vulnscope.interventions import EditSpec, Gate, Intervention, add_preface, resolve_edits
from vulnscope.interventions.words import describe_threshold
from vulnscope.models.subject.sites import as_site, name_site
from vulnscope.stats import best_cut
from vulnscope.steer.choosing import choose_best, choose_gate
from vulnscope.steer.grid import form_of, list_scales
from vulnscope.steer.vectors import read_vector_file

if TYPE_CHECKING:
    from vulnscope.ask.scored.yes_no import YesNoProtocol
    from vulnscope.steer.bench import Bench


def apply_beside(
    bench: Bench, applied: Sequence[Tried], leader: Trial, led: Margins, choose_clean: Margins, clean: Margins
) -> list[Tried]:
    """Threshold alone, prompt alone, prompt and steering, all methods at once, the gated leader, vectors of a file."""
    choose, config = bench.splits.choose, bench.config
    threshold = best_cut(choose_clean.margins, choose.items.is_vulnerable)
    found = [
        Tried(
            "threshold only",
            "threshold",
            describe_threshold(threshold),
            0.0,
            shift_threshold(clean, threshold),
            Intervention(name="threshold only", threshold_nats=threshold),
        )
    ]
    main = next(each for each in applied if each.trial == leader)
    if config.preface is not None:
        found += _with_prompt(bench, config.preface, main)
    if config.combine and len(applied) > 1:
        found.append(_combined(bench, applied))
    if config.gate:
        found.append(_gated(bench, leader, led, choose_clean))
    if config.vector_file is not None:
        found += _from_file(bench)
    return found


def _with_prompt(bench: Bench, preface: str, main: Tried) -> list[Tried]:
    prompts = add_preface(bench.splits.protocol.prompts, preface)
    asked = _ask_again(bench, bench.splits.protocol.reword(prompts))
    if asked is None:
        return []
    what = f"“{preface}” before each question"
    alone = edit_margins(bench.subject, asked, (), bench.run, "report: prompt")
    both = edit_margins(bench.subject, asked, main.edits, bench.run, "report: prompt and steering")
    return [
        Tried("prompt only", "prompt", what, 0.0, alone, Intervention(name="prompt only", prompts=prompts)),
        Tried(
            f"prompt + {main.name}", "prompt and method", f"{what}; {main.what}", main.sign, both,
            main.intervention.model_copy(update={"name": f"prompt + {main.name}", "prompts": prompts}), main.vectors,
        ),
    ]  # fmt: skip


def _ask_again(bench: Bench, protocol: YesNoProtocol) -> tuple[QuestionItems, QuestionItems] | None:
    """The report groups under other prompts; None where they no longer fit the context, as then the items differ."""
    prepared = prepare(protocol, list(bench.splits.report.samples), bench.subject.max_positions)
    if [sample.code for sample in prepared.samples] != [sample.code for sample in bench.splits.report.samples]:
        return None
    return ask_both(bench.subject, protocol, prepared)


def _combined(bench: Bench, applied: Sequence[Tried]) -> Tried:
    """The chosen points of all methods at once, each at its share of the scale."""
    specs: list[EditSpec] = []
    for each in applied:
        assert each.trial is not None, "methods have a trial"
        specs += each.trial.at_scale(each.trial.scale / len(applied)).specs()
    intervention = make_intervention("all methods", specs, bench.vectors)
    edits = resolve_edits(intervention, bench.vectors)
    margins = edit_margins(bench.subject, bench.splits.report.asked, edits, bench.run, "report: all methods")
    what = f"{len(applied)} vectors at once, each at 1/{len(applied)} of its scale"
    signs = {np.sign(each.sign) for each in applied}
    sign = float(signs.pop()) if len(signs) == 1 else 0.0
    return Tried("all methods", "combined methods", what, sign, margins, intervention, bench.vectors)


def _gated(bench: Bench, leader: Trial, led: Margins, clean: Margins) -> Tried:
    """The leader, only for texts whose own read-out passes a threshold that the choose groups chose."""
    site, name = leader.sites[-1], leader.vectors[-1]
    choose = bench.splits.choose
    direction = bench.vectors[name] / bench.vectors[name].norm()
    read = read_out(bench.subject, choose, (site, leader.selector), direction)
    gate = choose_gate(clean, led, read, choose.items, bench.config)
    condition = Gate(
        site=name_site(site),
        direction=name,
        threshold=gate.threshold,
        selector=leader.selector,
        is_above=gate.is_above,
    )
    intervention = leader.intervene(bench.vectors, condition, name=f"gated {leader.method}")
    edits = resolve_edits(intervention, bench.vectors)
    margins = edit_margins(bench.subject, bench.splits.report.asked, edits, bench.run, "report: gated")
    side = "above" if gate.is_above else "below"
    what = f"{leader.describe()}, where its read-out is {side} {gate.threshold:.2f}".replace(" -", " −")
    return Tried(intervention.name, "gated method", what, leader.sign, margins, intervention, bench.vectors)


def _from_file(bench: Bench) -> list[Tried]:
    """Vectors of a file, each with the scale that the choose groups chose."""
    config = bench.config
    vectors = read_vector_file(Path(str(config.vector_file)), bench.subject, is_forced=config.is_forced)
    applied = []
    selector = next(iter(bench.data))[1]
    for name, place in vectors.origin.sites.items():
        own = place.selector or selector
        form = form_of(config) if place.unit is not None else form_of(config)._replace(unit="raw")
        trials = {
            f"{name} | {scale:g}": Trial(name, (as_site(place.site),), own, scale, (name,), form)
            for scale in list_scales(config)
        }
        swept, _ = bench.try_all(f"file: {name}", bench.splits.choose, trials, vectors)
        key = choose_best(swept, bench.splits.choose.items, config)
        found, _ = bench.try_all(f"file on report: {name}", bench.splits.report, {key: trials[key]}, vectors)
        trial = trials[key]
        intervention = trial.intervene(vectors)
        applied.append(
            Tried(f"{name} (file)", "from file", trial.describe(), trial.sign, found[key], intervention, vectors)
        )
    return applied
