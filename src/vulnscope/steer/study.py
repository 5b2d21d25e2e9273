"""One steering study, stage by stage: sweep, controls, report groups, what stands beside, side effects."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vulnscope.ask.scores import measure_auroc
from vulnscope.ask.selection import describe_corpus
from vulnscope.interventions import resolve_edits, save_intervention
from vulnscope.models.sites import name_site
from vulnscope.records.steer import ControlSet, Outcome, SteeredItem, SteerRecord, SweepCell
from vulnscope.stats import Bootstrap, name_correction, stratified_auroc
from vulnscope.steer.applied import Applied
from vulnscope.steer.beside import apply_beside
from vulnscope.steer.choosing import choose_best
from vulnscope.steer.controls import RANDOM, SHUFFLED, draw_random, draw_shuffled
from vulnscope.steer.costs import Costs, measure_costs, prepare_costs
from vulnscope.steer.margins import Margins, PointKey, edit_margins, sweep_margins
from vulnscope.steer.outcomes import Controls, correct_outcomes, measure_controls, measure_outcome, pair_correct
from vulnscope.steer.points import CLEAN, Trial, as_points, list_trials, make_intervention, resolve_trial
from vulnscope.steer.sentence import write_sentence
from vulnscope.steer.splits import Split, Splits
from vulnscope.steer.vectors import Place, add_vectors

if TYPE_CHECKING:
    from torch import Tensor

    from vulnscope.corpora import Corpus
    from vulnscope.interventions import Vectors
    from vulnscope.models import Subject
    from vulnscope.records.steer import Agreement, ControlName
    from vulnscope.steer.config import SteerConfig
    from vulnscope.steer.fitting import FitData
    from vulnscope.steer.margins import Stage
    from vulnscope.store import Run

VECTORS = "vectors.safetensors"
INTERVENTIONS = "interventions"


@dataclass(frozen=True, eq=False)
class Study:
    """One steering study; each method is a stage."""

    subject: Subject
    config: SteerConfig
    splits: Splits
    run: Run
    vectors: Vectors
    data: Mapping[Place, FitData]
    progress: Stage | None

    def report(self, corpus: Corpus, agreement: tuple[Agreement, ...], command: str) -> SteerRecord:
        """All stages in order, and the record."""
        config, bootstrap = self.config, Bootstrap(n_draws=self.config.n_bootstrap, seed=self.config.seed)
        trials = self._list_trials()
        swept, choose_clean = self.try_all("choose", self.splits.choose, trials, self.vectors)
        best = {
            method: choose_best(
                {k: swept[k] for k, t in trials.items() if t.method == method}, self.splits.choose.items, config
            )
            for method in dict.fromkeys(trial.method for trial in trials.values())
        }
        items = self.splits.report.items
        applied, clean = self._apply_chosen({key: trials[key] for key in best.values()})
        leader = choose_best({key: swept[key] for key in best.values()}, self.splits.choose.items, config)
        controls, sets = self._run_controls(trials[leader], clean)
        applied += apply_beside(self, applied, trials[leader], swept[leader], choose_clean, clean)
        costs = self._prepare_costs()
        outcomes = []
        for each in applied:
            self._store(each)
            outcomes.append(self._measure(each, clean, controls, costs, bootstrap))
        family = correct_outcomes(outcomes)
        record_clean = measure_outcome(
            "clean", "threshold", "", clean, clean, items, bootstrap, sign=0.0, controls=Controls()
        )
        cells = self._cells(trials, swept, choose_clean, set(best.values()))
        return SteerRecord(
            sentence=write_sentence(family, record_clean.pair_correct, items.n_groups),
            subject=self.subject.info().model_copy(update={"chat_template": self.splits.protocol.is_chat}),
            corpus=describe_corpus(corpus, self.splits.prepared.samples),
            protocol=self.splits.protocol.name,
            n_fit=self.splits.fit.items.n_groups,
            n_choose=self.splits.choose.items.n_groups,
            n_report=items.n_groups,
            agreement=agreement,
            clean_auroc=measure_auroc(clean.margins, items, bootstrap),
            clean_pair_correct=record_clean.pair_correct,
            clean_yes_rate=record_clean.yes_rate,
            outcomes=family,
            items=tuple(
                SteeredItem(sample=sample.id, margin=margin, says=says)
                for sample, margin, says in zip(
                    self.splits.report.samples, clean.margins.tolist(), clean.says, strict=True
                )
            ),
            controls=sets,
            cells=cells,
            correction=name_correction(sum(isinstance(each.p, float) for each in family)),
            vectors=VECTORS,
            notes=self._notes(applied),
            left_out=self.splits.prepared.left_out,
            config=config.model_dump(mode="json"),
            command=command,
            versions=self.run.manifest.versions,
            seed=config.seed,
            code_digest=self.run.manifest.digests["code"],
            run=self.run.id,
        )

    def _list_trials(self) -> dict[str, Trial]:
        """Everything to try, by a key of its own."""
        sites = list(dict.fromkeys(site for site, _ in self.data))
        selectors = list(dict.fromkeys(selector for _, selector in self.data))
        found = list_trials(self.vectors, sites, selectors, self.config)
        return {f"{trial.method} | {trial.describe(self.config)}": trial for trial in found}

    def try_all(
        self, stage: str, split: Split, trials: Mapping[str, Trial], vectors: Vectors
    ) -> tuple[dict[str, Margins], Margins]:
        """Margins of every trial on a split, and the clean ones beside them."""
        if self.config.layout == "each":
            points = as_points(trials, vectors, self.config)
            found = sweep_margins(self.subject, split.asked, points, self.run, stage, self.progress)
            clean = next(margins for key, margins in found.items() if key.scale == 0 and key.vector == CLEAN)
            return {key: found[self._point(key, trial)] for key, trial in trials.items()}, clean
        clean = edit_margins(self.subject, split.asked, (), self.run, f"{stage}: clean")
        swept = {}
        for number, (key, trial) in enumerate(trials.items()):
            edits = resolve_trial(trial, vectors, self.config)
            swept[key] = edit_margins(self.subject, split.asked, edits, self.run, f"{stage}: {key}")
            if self.progress is not None:
                self.progress(stage, number + 1, len(trials))
        return swept, clean

    def _point(self, key: str, trial: Trial) -> PointKey:
        return PointKey(key, name_site(trial.sites[0]), str(trial.selector), trial.scale)

    def _apply_chosen(self, chosen: Mapping[str, Trial]) -> tuple[list[Applied], Margins]:
        found, clean = self.try_all("report", self.splits.report, chosen, self.vectors)
        applied = []
        for key, trial in chosen.items():
            intervention = make_intervention(trial.method, trial.specs(self.config), self.vectors)
            edits = resolve_edits(intervention, self.vectors)
            sign = trial.scale if self.config.operation in ("add", "clamp") else 0.0
            applied.append(
                Applied(
                    trial.method,
                    "method",
                    trial.describe(self.config),
                    sign,
                    found[key],
                    edits,
                    intervention,
                    self.vectors,
                    trial,
                )
            )
        return applied, clean

    def _run_controls(self, leader: Trial, clean: Margins) -> tuple[Controls, tuple[ControlSet, ...]]:
        """Directions that mean nothing, at the place of the best method, each with its own best scale and sign."""
        config = self.config
        site = leader.sites[len(leader.sites) // 2]
        data = self.data[site, leader.selector]
        method = (
            leader.method
            if leader.method in config.methods and leader.method != "gradient"
            else "mean-difference-paired"
        )
        drawn: dict[ControlName, list[Tensor]] = {
            RANDOM: draw_random(data, config.n_controls, config.seed),
            SHUFFLED: draw_shuffled(method, data, config.n_controls, config.seed + 1),
        }
        extra, trials = {}, {}
        scales = sorted({*config.scales, *(-scale for scale in config.scales)})
        for sort, directions in drawn.items():
            for number, direction in enumerate(directions):
                names = []
                for each in leader.sites:
                    name = f"{sort} {number} @ {name_site(each)}"
                    extra[name] = (direction, each, leader.selector, self.data[each, leader.selector].unit)
                    names.append(name)
                for scale in scales if config.operation != "project-out" else [1.0]:
                    trial = Trial(f"{sort} {number}", leader.sites, leader.selector, scale, tuple(names))
                    trials[f"{trial.method} | {scale:g}"] = trial
        vectors = add_vectors(self.vectors, extra)
        swept, _ = self.try_all("controls", self.splits.choose, trials, vectors)
        chosen = {}
        for name in dict.fromkeys(trial.method for trial in trials.values()):
            own = {key: swept[key] for key, trial in trials.items() if trial.method == name}
            key = choose_best(own, self.splits.choose.items, config)
            chosen[key] = trials[key]
        found, _ = self.try_all("controls on report", self.splits.report, chosen, vectors)
        items = self.splits.report.items
        sets = [
            measure_controls(
                sort, [found[key] for key, trial in chosen.items() if trial.method.startswith(sort)], clean, items
            )
            for sort in drawn
        ]
        return Controls(sets[0].auroc_changes, sets[1].auroc_changes), tuple(sets)

    def _prepare_costs(self) -> Costs | None:
        if not self.config.side_effects:
            return None
        samples, config = self.splits.report.samples, self.config
        return prepare_costs(self.subject, self.splits.protocol, samples, config.ordinary, config.seed)

    def _store(self, each: Applied) -> None:
        if each.intervention is not None:
            folder = self.run.path / INTERVENTIONS / _file_name(each.name)
            save_intervention(folder, each.intervention, each.vectors)

    def _measure(
        self,
        each: Applied,
        clean: Margins,
        controls: Controls,
        costs: Costs | None,
        bootstrap: Bootstrap,
    ) -> Outcome:
        if self.progress is not None:
            self.progress(f"measuring {each.name}", 0, 1)
        found = None
        if costs is not None and each.edits:
            found = measure_costs(self.subject, each.name, each.edits, costs, self.run)
        report = self.splits.report
        measured = measure_outcome(
            each.name, each.kind, each.what, clean, each.margins, report.items, bootstrap,
            sign=each.sign, controls=controls, cwes=report.cwes,
            digest=None if each.intervention is None else each.intervention.digest(), side_effects=found,
        )  # fmt: skip
        return measured.model_copy(update={"margins": tuple(each.margins.margins.tolist()), "says": each.margins.says})

    def _cells(
        self, trials: Mapping[str, Trial], swept: Mapping[str, Margins], clean: Margins, chosen: set[str]
    ) -> tuple[SweepCell, ...]:
        items = self.splits.choose.items
        return tuple(
            SweepCell(
                method=trial.method,
                site=", ".join(name_site(site) for site in trial.sites),
                selector=str(trial.selector),
                scale=trial.scale,
                auroc=stratified_auroc(swept[key].margins, items.is_vulnerable, items.strata),
                pair_correct=pair_correct(swept[key], items),
                bias_shift=float((swept[key].margins - clean.margins).mean()),
                yes_rate=float(np.mean([says == "vulnerable" for says in swept[key].says])),
                is_chosen=key in chosen,
            )
            for key, trial in trials.items()
        )

    def _notes(self, applied: Sequence[Applied]) -> tuple[str, ...]:
        notes = []
        if self.config.preface is not None and not any(each.kind == "prompt" for each in applied):
            notes.append(
                "prompt only: not measured, as with the preface some samples no longer fit the model's context; give a "
                "shorter one to measure it"
            )
        counts = Counter(self.splits.report.cwes[place] for place in self.splits.report.items.twins()[:, 0])
        if single := [cwe for cwe, n in counts.items() if n == 1]:
            notes.append(f"a single pair of {', '.join(single)} reports: counted with all, no figure of its own")
        if "changed" in self.config.selectors:
            notes.append("the selector “changed” is an oracle: it points at tokens only someone with the fix knows")
        if not self.config.side_effects:
            notes.append("side effects: not asked for")
        return tuple(notes)


def _file_name(name: str) -> str:
    return "".join(mark if mark.isalnum() or mark in "-_." else "-" for mark in name).strip("-")
