"""The probing: ask, read activations, fit on nested folds, and hold everything against surface rules and answers."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from vulnscope.ask.answer_cache import ScoreMemory
from vulnscope.ask.asking import ask
from vulnscope.ask.checks import check_items
from vulnscope.ask.figures.paired_scores import ScoreTable, measure_auroc, measure_difference, measure_pair_rank
from vulnscope.ask.preparing import check_selection, describe_corpus, open_protocol, prepare_selected
from vulnscope.ask.prompt_notes import describe_subject
from vulnscope.ask.scored.asking import YesNoInquiry
from vulnscope.effects.reading.lens import read_layers
from vulnscope.errors import InputError, SubjectError
from vulnscope.models.subject.fresh import reinitialise
from vulnscope.probe.decoding import decode, name_choices, read_rule
from vulnscope.probe.folds import Folds, deal_folds
from vulnscope.probe.generality import (
    MIN_TYPE_GROUPS,
    detect_single_pairs,
    draw_curve,
    join_features,
    leave_parts_out,
    read_cwe_type,
    read_other_corpus,
)
from vulnscope.probe.length import control_length
from vulnscope.probe.material import Material, gather
from vulnscope.probe.nested import Feature
from vulnscope.probe.sentence import write_sentence
from vulnscope.probe.surface import EMBEDDING, build_surface
from vulnscope.probe.tables import measure_cells, measure_oracles
from vulnscope.records.probe import Generality, HeldOut, LensLayer, ProbeRecord, ProbeScore, Transfer
from vulnscope.stats import Bootstrap

if TYPE_CHECKING:
    from vulnscope.ask.checks import Stage
    from vulnscope.ask.scored.preparation import Prepared
    from vulnscope.ask.scored.yes_no import YesNoProtocol
    from vulnscope.corpora import Corpus
    from vulnscope.models import Subject
    from vulnscope.probe.config import ProbeConfig
    from vulnscope.records.base import Estimate
    from vulnscope.records.rows import VerdictRow
    from vulnscope.stats import Floats
    from vulnscope.store import AnswerCache, Run

SAYS, MEAN_SAYS, LOGITS = "zero-shot margin", "margin averaged over prompts", "logistic read-out on label logits"
FRESH = "re-initialised model"
_SMALL_MODEL = 1_000_000_000
_ACTIVATIONS = "activations"

Kind = Literal["probe", "baseline", "say", "control"]


def check_probe(corpus: Corpus, config: ProbeConfig) -> None:
    """Raise `InputError` where `config` cannot be carried out on `corpus`, before a model is opened or a run made."""
    selected = check_selection(corpus, config)
    samples = [sample for sample in selected.samples if sample.label != "unlabelled"]
    items = ScoreTable.of(samples, corpus.groups)
    if not samples:
        raise InputError(f"corpus {corpus.name!r} has no labelled sample here; a read-out needs both classes")
    check_items(items)
    deal_folds(items.groups, config.n_folds, config.n_inner, config.seed)


def run_probe(
    subject: Subject,
    corpus: Corpus,
    config: ProbeConfig,
    run: Run,
    *,
    others: Sequence[Corpus] = (),
    cache: AnswerCache | None = None,
    progress: Stage | None = None,
) -> ProbeRecord:
    """What `subject` knows about `corpus`, beside every surface rule and beside what it says.

    Rows and activations already in `run` are not computed again. `others` are the loaded corpora of
    `config.transfer`. `progress` hears (stage, done, total). Neither result nor report is written: the caller does.
    """
    protocol = open_protocol(subject, config)
    prepared = prepare_selected(subject, corpus, config, protocol)
    study = _Study(subject, corpus, config, protocol, prepared, run, progress)
    study.check()
    inquiry = YesNoInquiry(subject, protocol, prepared, ScoreMemory(cache, subject), config.max_batch_tokens)
    rows = ask(inquiry, run, lambda done, total: study.tell("asking", done, total))
    material = study.gather(prepared, corpus, "home")
    record = study.judge(material, rows, others)
    shutil.rmtree(run.path / _ACTIVATIONS, ignore_errors=True)
    return record


class _Study(NamedTuple):
    """What every stage needs; each method is one stage."""

    subject: Subject
    corpus: Corpus
    config: ProbeConfig
    protocol: YesNoProtocol
    prepared: Prepared
    run: Run
    progress: Stage | None

    def tell(self, stage: str, done: int, total: int) -> None:
        if self.progress is not None:
            self.progress(stage, done, total)

    def check(self) -> None:
        """What preparation left over must still do, before anything is asked."""
        items = ScoreTable.of(self.prepared.samples, self.corpus.groups)
        check_items(items)
        deal_folds(items.groups, self.config.n_folds, self.config.n_inner, self.config.seed)

    @property
    def bootstrap(self) -> Bootstrap:
        return Bootstrap(n_draws=self.config.n_bootstrap, seed=self.config.seed)

    def gather(
        self, prepared: Prepared, corpus: Corpus, name: str, subject: Subject | None = None, *, has_lens: bool = True
    ) -> Material:
        return gather(
            subject or self.subject, corpus, prepared, self.protocol, self.config,
            folder=self.run.path / _ACTIVATIONS / name, has_lens=has_lens, progress=self.progress,
        )  # fmt: skip

    def judge(self, material: Material, rows: Sequence[VerdictRow], others: Sequence[Corpus]) -> ProbeRecord:
        config, items, bootstrap = self.config, material.items, self.bootstrap
        folds = deal_folds(items.groups, config.n_folds, config.n_inner, config.seed)
        kept = _measured_items(material)
        measured = items.part(kept)
        features = material.features()
        self.tell("fitting", 0, 7)
        decoded = decode(
            features, material.baselines(), items, folds, bootstrap,
            n_permutations=config.n_permutations, seed=config.seed, is_measured=kept,
        )  # fmt: skip
        scores = decoded.scores
        self.tell("fitting", 1, 7)
        said = _said(rows, items, folds)
        gap, _ = measure_difference(scores[kept], said[LOGITS][kept], measured, bootstrap, folds.n_outer)
        self.tell("fitting", 2, 7)
        generality, notes = self._generality(material, kept)
        self.tell("fitting", 4, 7)
        cells = measure_cells(material, decoded, folds, kept, bootstrap)
        self.tell("fitting", 5, 7)
        cwes = [" ".join(sample.cwes) for sample in material.samples]
        cwe_type = read_cwe_type(
            cwes, features, material.baselines(), items, bootstrap,
            n_inner=config.n_inner, seed=config.seed,
        )  # fmt: skip
        self.tell("fitting", 6, 7)
        curve = draw_curve(
            features, decoded.probe.choices, items, folds, n_repeats=config.curve_repeats, seed=config.seed
        )
        self.tell("fitting", 7, 7)
        lens, lens_reason = self._lens(material, kept)
        controls, control_notes = self._controls(folds, kept, scores, measured)
        oracle = measure_oracles(material, scores, decoded, folds, bootstrap)

        def behind(own: Floats) -> Estimate:
            return measure_difference(scores[kept], own[kept], measured, bootstrap, folds.n_outer)[0]

        probe = _readout(
            "probe", "probe", scores[kept], None, measured, bootstrap,
            name_choices(features, decoded.probe.choices), folds.n_outer,
        )  # fmt: skip
        baselines = tuple(
            _readout(
                name,
                "baseline",
                rule.scores[kept],
                decoded.against.each[name],
                measured,
                bootstrap,
                rule.choices,
                folds.n_outer,
            )
            for name, rule in decoded.baselines.items()
        )
        says = tuple(
            _readout(
                name, "say", own[kept], behind(own), measured, bootstrap,
                n_folds=folds.n_outer if name == LOGITS else None,
            )
            for name, own in said.items()
        )  # fmt: skip
        against = decoded.against
        best = ProbeScore(
            name=against.followed.name,
            kind="baseline",
            auroc=measure_auroc(against.followed.scores, measured, bootstrap, folds.n_outer),
            pair_rank=measure_pair_rank(against.followed.scores, measured, bootstrap),
            behind=against.difference,
            chosen=against.followed.names,
        )
        info = describe_corpus(self.corpus, material.samples)
        if n_cut := int((~kept).sum()):
            notes.append(
                f"{n_cut} of {len(items)} samples were too long and cut around their change, an oracle: they train and "
                "are in no figure but the oracle's"
            )
        if cwe_type is None:
            notes.append(f"which CWE it is: fewer than two CWEs are in {MIN_TYPE_GROUPS} groups or more: not read")
        single = detect_single_pairs(cwes, items)
        if single:
            notes.append(
                f"a single pair of {', '.join(single)}: in training and measured with all, no figure of its own"
            )
        return ProbeRecord(
            sentence=write_sentence(
                decoded.claim, probe, best, against.difference, against.detectable, decoded.null, says[0], gap,
                generality, info,
            ),
            subject=describe_subject(self.subject, self.protocol.chat, material.samples),
            corpus=info,
            protocol=self.protocol.name,
            prompts=tuple(prompt.name for prompt in self.protocol.prompts.prompts),
            decodable=decoded.claim,
            n_items=int(kept.sum()),
            probe=probe,
            baselines=baselines,
            controls=controls,
            best_baseline=best.name,
            best_rule=best,
            difference=against.difference,
            detectable_difference=against.detectable,
            null=decoded.null,
            says=says,
            gap=gap,
            length_control=control_length(scores[kept], material.lengths()[kept], measured, bootstrap),
            cells=cells,
            lens=lens,
            lens_reason=lens_reason,
            generality=generality,
            oracle=oracle,
            learning_curve=curve,
            cwe_type=cwe_type,
            transfers=tuple(self._transfer(material, other) for other in others),
            held_out=_list_scores(
                material, kept, scores[kept], against.followed.scores, said[LOGITS][kept]
            ),
            notes=(*notes, *control_notes),
            left_out=self.prepared.left_out,
            **self.run.provenance(config),
        )  # fmt: skip

    def _generality(self, material: Material, kept: np.ndarray) -> tuple[tuple[Generality, ...], list[str]]:
        """Unseen CWEs, and on generated code unseen templates; where there is only one, a note says so."""
        parts: dict[str, list[str]] = {"cwe": [" ".join(sample.cwes) or "none" for sample in material.samples]}
        if self.corpus.name == "synthetic":
            parts["template"] = [sample.origin.project or "none" for sample in material.samples]
        found, notes = [], []
        for kind, names in parts.items():
            if len(set(names)) < 2:
                notes.append(f"one {kind} only ({names[0]}): nothing can be left out, so 'general' is not measured")
                continue
            found.append(
                leave_parts_out(
                    "cwe" if kind == "cwe" else "template",
                    names,
                    material.features(),
                    material.baselines(),
                    material.items,
                    self.bootstrap,
                    n_inner=self.config.n_inner,
                    seed=self.config.seed,
                    is_measured=kept,
                )
            )
        return tuple(found), notes

    def _lens(self, material: Material, kept: np.ndarray) -> tuple[tuple[LensLayer, ...] | None, str | None]:
        assert material.lens is not None, "the home corpus is read for both polarities"
        answers = [[request.answers[q] for request in self.prepared.requests.packed] for q in range(2)]
        try:
            found = read_layers(
                self.subject, (material.last(material.activations), material.last(material.lens)),
                (answers[0], answers[1]), material.items, kept, self.bootstrap,
            )  # fmt: skip
        except SubjectError as error:
            return None, str(error)
        return found, None

    def _controls(
        self, folds: Folds, kept: np.ndarray, scores: Floats, measured: ScoreTable
    ) -> tuple[tuple[ProbeScore, ...], list[str]]:
        """The same probe on a model that never learned anything."""
        asked = self.config.reinitialise
        if asked is False or (asked is None and self.subject.n_parameters >= _SMALL_MODEL):
            return (), [f"{FRESH}: not asked for"]
        try:
            fresh = reinitialise(self.subject, self.config.seed)
        except SubjectError as error:
            if asked:
                raise
            return (), [f"{FRESH}: {error}"]
        material = self.gather(self.prepared, self.corpus, "fresh", fresh, has_lens=False)
        rule = read_rule(material.features(), material.items, folds)
        own = rule.scores[kept]
        behind, _ = measure_difference(scores[kept], own, measured, self.bootstrap, folds.n_outer)
        found = _readout(FRESH, "control", own, behind, measured, self.bootstrap, rule.choices, folds.n_outer)
        return (found,), []

    def _transfer(self, material: Material, other: Corpus) -> Transfer:
        prepared = prepare_selected(
            self.subject,
            other,
            self.config.model_copy(update={"cwes": (), "languages": (), "parts": ()}),
            self.protocol,
        )
        away = self.gather(prepared, other, f"to-{other.name}", has_lens=False)
        codes = [sample.code for sample in (*material.samples, *away.samples)]
        surface = build_surface(codes, self.subject.tokenizer)
        baselines: Mapping[str, list[Feature]] = {
            **{feature.name: [feature] for feature in surface},
            EMBEDDING: join_features(material.embedding(), away.embedding()),
        }
        # Items that were cut around their change are an oracle there as here.
        whole = [sample for sample, keep in zip(away.samples, away.is_whole, strict=True) if keep]
        return read_other_corpus(
            describe_corpus(other, whole), join_features(material.features(), away.features()), baselines,
            (material.items, away.items), self.bootstrap, n_inner=self.config.n_inner, seed=self.config.seed,
            is_measured=away.is_whole,
        )  # fmt: skip


def _measured_items(material: Material) -> np.ndarray:
    """Whole items where those are enough to measure on; the others were cut with knowledge of the fix."""
    whole = material.is_whole
    if len(material.items.part(whole).twins()) < 2:
        raise InputError(
            "nearly all twins are too long for this model and were cut around their change, which is an oracle; "
            "choose a model with a longer context, or other samples"
        )
    return whole


def _list_scores(
    material: Material, kept: np.ndarray, probe: Floats, baseline: Floats, logits: Floats
) -> tuple[HeldOut, ...]:
    return tuple(
        HeldOut(
            sample=material.samples[place].id,
            probe=float(probe[at]),
            baseline=float(baseline[at]),
            logits=float(logits[at]),
        )
        for at, place in enumerate(np.flatnonzero(kept).tolist())
    )


def _said(rows: Sequence[VerdictRow], items: ScoreTable, folds: Folds) -> dict[str, Floats]:
    """What the model says as scores: its margin, its mean margin, and a read-out fitted on all label logits."""
    odds = np.array([[reading.log_odds for reading in row.readings] for row in rows], dtype=np.float32)
    return {
        SAYS: np.array([row.margin for row in rows]),
        MEAN_SAYS: np.array([row.mean_margin for row in rows]),
        LOGITS: read_rule([Feature(LOGITS, odds)], items, folds).scores,
    }


def _readout(
    name: str,
    kind: Kind,
    own: Floats,
    behind: Estimate | None,
    items: ScoreTable,
    bootstrap: Bootstrap,
    chosen: tuple[str, ...] = (),
    n_folds: int | None = None,
) -> ProbeScore:
    """`behind` is how far the probe ranks better; a fitted read-out has `n_folds`."""
    return ProbeScore(
        name=name,
        kind=kind,
        auroc=measure_auroc(own, items, bootstrap, n_folds),
        pair_rank=measure_pair_rank(own, items, bootstrap),
        behind=behind,
        chosen=chosen,
    )
