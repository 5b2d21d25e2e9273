"""One steering study, stage by stage: sweep, controls, report groups, what stands beside, side effects."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from vulnscope.ask.figures.paired_scores import area_under
from vulnscope.ask.preparing import describe_corpus
from vulnscope.ask.prompt_notes import describe_subject
from vulnscope.effects.controls import draw_controls
from vulnscope.effects.costs import SideEffectMaterial, measure_costs, prepare_costs
from vulnscope.effects.margins import Margins
from vulnscope.effects.outcomes import (
    Controls,
    correct_outcomes,
    measure_all_controls,
    measure_outcome,
    measure_said,
    pair_correct,
)
from vulnscope.effects.reading.twins import PAIRED
from vulnscope.effects.trials import Trial
from vulnscope.effects.tried import Tried
from vulnscope.interventions import VectorSite, save_intervention
from vulnscope.models.subject.sites import name_site
from vulnscope.records.steer import ControlSet, Outcome, SteeredItem, SteerRecord, SweepCell
from vulnscope.stats import Bootstrap, is_impossible, name_correction
from vulnscope.steer.choosing import choose_best
from vulnscope.steer.comparison_arms import apply_beside
from vulnscope.steer.fitting import fit_direction
from vulnscope.steer.grid import list_scales, list_trials
from vulnscope.steer.sentence import write_sentence

if TYPE_CHECKING:
    from vulnscope.corpora import Corpus
    from vulnscope.records.steer import Agreement
    from vulnscope.steer.bench import Bench

VECTORS = "vectors.safetensors"
INTERVENTIONS = "interventions"


def report_bench(bench: Bench, corpus: Corpus, agreement: tuple[Agreement, ...]) -> SteerRecord:
    """All stages in order, and the record."""
    config, bootstrap = bench.config, Bootstrap(n_draws=bench.config.n_bootstrap, seed=bench.config.seed)
    trials = _list_trials(bench)
    swept, choose_clean = bench.try_all("choose", bench.splits.choose, trials, bench.vectors)
    best = {
        method: choose_best(
            {k: swept[k] for k, t in trials.items() if t.method == method}, bench.splits.choose.items, config
        )
        for method in dict.fromkeys(trial.method for trial in trials.values())
    }
    items = bench.splits.report.items
    applied, clean = _apply_chosen(bench, {key: trials[key] for key in best.values()})
    leader = choose_best({key: swept[key] for key in best.values()}, bench.splits.choose.items, config)
    controls, sets = _run_controls(bench, trials[leader], clean)
    applied += apply_beside(bench, applied, trials[leader], swept[leader], choose_clean, clean)
    costs = _prepare_costs(bench)
    outcomes = []
    for each in applied:
        _store(bench, each)
        outcomes.append(_measure(bench, each, clean, controls, costs, bootstrap))
    family = correct_outcomes(outcomes)
    said = measure_said(clean, items, bootstrap)
    cells = _cells(bench, trials, swept, choose_clean, set(best.values()))
    return SteerRecord(
        sentence=write_sentence(family, trials[leader].method, said.pair_correct),
        subject=describe_subject(bench.subject, bench.splits.protocol.chat, bench.splits.prepared.samples),
        corpus=describe_corpus(corpus, bench.splits.prepared.samples),
        protocol=bench.splits.protocol.name,
        n_fit=bench.splits.fit.items.n_groups,
        n_choose=bench.splits.choose.items.n_groups,
        n_report=items.n_groups,
        agreement=agreement,
        clean_auroc=said.auroc,
        clean_pair_correct=said.pair_correct,
        clean_yes_rate=said.yes_rate,
        outcomes=family,
        leader=trials[leader].method,
        items=tuple(
            SteeredItem(sample=sample.id, margin=margin, says=says)
            for sample, margin, says in zip(
                bench.splits.report.samples, clean.margins.tolist(), clean.says, strict=True
            )
        ),
        controls=sets,
        cells=cells,
        correction=name_correction(
            sum(isinstance(each.p, float) for each in family), sum(is_impossible(each.p_corrected) for each in family)
        ),
        vectors=VECTORS,
        notes=_notes(bench, applied),
        left_out=bench.splits.prepared.left_out,
        **bench.run.provenance(config),
    )


def _list_trials(bench: Bench) -> dict[str, Trial]:
    """Everything to try, by a key of its own."""
    sites = list(dict.fromkeys(site for site, _ in bench.data))
    selectors = list(dict.fromkeys(selector for _, selector in bench.data))
    found = list_trials(bench.vectors, sites, selectors, bench.config)
    return {f"{trial.method} | {trial.describe()}": trial for trial in found}


def _apply_chosen(bench: Bench, chosen: Mapping[str, Trial]) -> tuple[list[Tried], Margins]:
    found, clean = bench.try_all("report", bench.splits.report, chosen, bench.vectors)
    applied = []
    for key, trial in chosen.items():
        applied.append(
            Tried(
                trial.method,
                "method",
                trial.describe(),
                trial.sign,
                found[key],
                trial.intervene(bench.vectors),
                bench.vectors,
                trial,
            )
        )
    return applied, clean


def _run_controls(bench: Bench, leader: Trial, clean: Margins) -> tuple[Controls, tuple[ControlSet, ...]]:
    """Directions that mean nothing, at the place of the best method, each with its own best scale and sign."""
    config = bench.config
    site = leader.sites[len(leader.sites) // 2]
    data = bench.data[site, leader.selector]
    method = leader.method if leader.method in config.methods and leader.method != "gradient" else PAIRED
    drawn = draw_controls(data, partial(fit_direction, method), config.n_controls, config.seed)
    extra, trials = {}, {}
    for sort, directions in drawn.items():
        for number, direction in enumerate(directions):
            names = []
            for each in leader.sites:
                name = f"{sort} {number} @ {name_site(each)}"
                unit = bench.data[each, leader.selector].unit
                extra[name] = (direction, VectorSite(site=name_site(each), selector=leader.selector, unit=unit))
                names.append(name)
            for scale in list_scales(config, both_ways=True):
                trial = leader._replace(method=f"{sort} {number}", vectors=tuple(names)).at_scale(scale)
                trials[f"{trial.method} | {scale:g}"] = trial
    vectors = bench.vectors.extended(extra)
    swept, _ = bench.try_all("controls", bench.splits.choose, trials, vectors)
    chosen = {}
    for name in dict.fromkeys(trial.method for trial in trials.values()):
        own = {key: swept[key] for key, trial in trials.items() if trial.method == name}
        key = choose_best(own, bench.splits.choose.items, config)
        chosen[key] = trials[key]
    found, _ = bench.try_all("controls on report", bench.splits.report, chosen, vectors)
    return measure_all_controls({chosen[key].method: found[key] for key in chosen}, clean, bench.splits.report.items)


def _prepare_costs(bench: Bench) -> SideEffectMaterial | None:
    if not bench.config.side_effects:
        return None
    samples, config = bench.splits.report.samples, bench.config
    return prepare_costs(bench.subject, bench.splits.protocol, samples, config.ordinary, config.seed)


def _store(bench: Bench, each: Tried) -> None:
    folder = bench.run.path / INTERVENTIONS / _file_name(each.name)
    save_intervention(folder, each.intervention, each.vectors)


def _measure(
    bench: Bench,
    each: Tried,
    clean: Margins,
    controls: Controls,
    costs: SideEffectMaterial | None,
    bootstrap: Bootstrap,
) -> Outcome:
    if bench.progress is not None:
        bench.progress(f"measuring {each.name}", 0, 1)
    found = None
    if costs is not None and each.intervention.edits:
        found = measure_costs(bench.subject, each.name, each.edits, costs, bench.run)
    report = bench.splits.report
    measured = measure_outcome(
        each.name, each.kind, each.what, clean, each.margins, report.items, bootstrap,
        sign=each.sign, controls=controls, cwes=report.cwes,
        digest=each.intervention.digest(), side_effects=found,
    )  # fmt: skip
    return measured.model_copy(update={"margins": tuple(each.margins.margins.tolist()), "says": each.margins.says})


def _cells(
    bench: Bench, trials: Mapping[str, Trial], swept: Mapping[str, Margins], clean: Margins, chosen: set[str]
) -> tuple[SweepCell, ...]:
    items = bench.splits.choose.items
    return tuple(
        SweepCell(
            method=trial.method,
            site=", ".join(name_site(site) for site in trial.sites),
            selector=str(trial.selector),
            scale=trial.scale,
            auroc=area_under(swept[key].margins, items),
            pair_correct=pair_correct(swept[key], items),
            bias_shift=float((swept[key].margins - clean.margins).mean()),
            yes_rate=float(np.mean([says == "vulnerable" for says in swept[key].says])),
            is_chosen=key in chosen,
        )
        for key, trial in trials.items()
    )


def _notes(bench: Bench, applied: Sequence[Tried]) -> tuple[str, ...]:
    notes = []
    if bench.config.preface is not None and not any(each.kind == "prompt" for each in applied):
        notes.append(
            "prompt only: not measured, as with the preface some samples no longer fit the model's context; give a "
            "shorter one to measure it"
        )
    counts = Counter(bench.splits.report.cwes[place] for place in bench.splits.report.items.twins()[:, 0])
    if single := [cwe for cwe, n in counts.items() if n == 1]:
        notes.append(f"a single pair of {', '.join(single)} reports: counted with all, no figure of its own")
    if "changed" in bench.config.selectors:
        notes.append("the selector “changed” is an oracle: it points at tokens only someone with the fix knows")
    if not bench.config.side_effects:
        notes.append("side effects: not asked for")
    return tuple(notes)


def _file_name(name: str) -> str:
    return "".join(mark if mark.isalnum() or mark in "-_." else "-" for mark in name).strip("-")
