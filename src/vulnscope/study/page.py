"""A study: the verdict and its reasons, the say-know figure, interventions as rows, and every stage."""

from __future__ import annotations

from vulnscope.effects.words import EFFECTS, describe_ruin
from vulnscope.patch import page as patch
from vulnscope.probe import page as probe
from vulnscope.records.base import Estimate
from vulnscope.records.steer import SteerRecord
from vulnscope.report.format import format_p, format_signed, name_answer, show_estimate, show_number
from vulnscope.report.page import (
    Block,
    Dots,
    Fact,
    Fold,
    Head,
    LeftOut,
    Links,
    Page,
    Points,
    Row,
    Section,
    Table,
    Text,
    Twins,
)
from vulnscope.report.pages.common import count_left_out, make_page
from vulnscope.steer import page as steer
from vulnscope.study.record import StudyRecord, TwinsUnder
from vulnscope.study.sentence import find_leader

_EXPLANATION = (
    "Margins rank samples; answers cut that ranking somewhere. A model can rank well and cut badly (a bias, which a "
    "threshold mends), hold what it needs inside and not say it (which no threshold mends), or know nothing."
)


def page(record: StudyRecord) -> Page:
    """What one study says."""
    evidence, steered = record.evidence, record.steer
    left_out = [*count_left_out(record.audit.left_out), *record.notes, *record.probe.notes, *steered.notes]
    return make_page(
        record,
        "study",
        f"{record.subject.name} on {record.corpus.name}, studied",
        facts=(
            Fact("Diagnosis", record.verdict.diagnosis, "from intervals, see below"),
            Fact(
                "Says", f"AUROC {show_estimate(evidence.says)}", f"calls {show_estimate(evidence.yes_rate)} vulnerable"
            ),
            Fact("Knows", f"AUROC {show_estimate(evidence.probe)}", f"decodable: {evidence.decodable}"),
        ),
        sections=(
            Section("Say and know", probe.draw_say_know(record.probe)),
            Section("Diagnosis", _list_verdict(record), is_brief=True),
            Section("Interventions", steer.list_outcomes(steered), is_brief=True),
            Section("What it says", _list_audit(record)),
            Section("By CWE", _list_by_cwe(record)),
            Section("Verdicts that flip", _list_flips(record)),
            Section("Harmless changes", [_table_changes(record)]),
            Section("Read-outs", probe.list_readouts(record.probe)),
            Section("Beyond these samples", probe.list_generality(record.probe)),
            Section("Is it used?", [*patch.map_layers(record.patch), *patch.list_figures(record.patch)]),
            Section("Steering sweep", steer.map_sweep(steered)),
            Section("Controls", [steer.table_controls(steered)]),
            Section("Side effects", [steer.table_side_effects(steered.outcomes)]),
            Section("Left out", [LeftOut(left_out)]),
        ),
        is_soft=True,
    )


def _list_verdict(record: StudyRecord) -> list[Block]:
    """The reasons, all figures they rest on, and the pages of the stages, which hold more than this one."""
    stages = {
        "audit": (record.audit.run, " (every pair and prompt)"),
        "probe": (record.probe.run, " (layer by pooling, learning curve)"),
        "patch": (record.patch.run, ""),
        "steer": (record.steer.run, " (agreement of pair differences)"),
    }
    links = [(f"stages/{name}/{run}/report.html", name, what) for name, (run, what) in stages.items()]
    heads = ("figure", Head("value [95 %]", is_wrapped=True), Head("what it is", is_left=True, is_wrapped=True))
    return [
        Text(_EXPLANATION, "lead", only="page"),
        Points(record.verdict.reasons, "numbers"),
        Table(heads, [(name, show_estimate(value), note) for name, value, note in _list_figures(record)]),
        Links(links, lead="Each stage has a page of its own: "),
    ]


def _list_figures(record: StudyRecord) -> list[tuple[str, Estimate, str]]:
    """Name, estimate and meaning of every figure of the diagnosis, in the order of the argument."""
    evidence, overall = record.evidence, record.audit.overall
    return [
        ("says", evidence.says, "AUROC of the zero-shot margin"),
        ("says, given the size", evidence.says_given_surface, "the same with the size of the code taken out"),
        ("pair-rank", evidence.pair_rank, "share of twins whose margins are in the right order"),
        ("yes-rate", evidence.yes_rate, "share called vulnerable"),
        ("pairs right", overall.pair_correct, f"both twins; by chance {show_number(overall.pair_correct_chance)}"),
        ("accuracy as it answers", evidence.accuracy, "balanced; 0.5 is chance"),
        (
            "accuracy with a threshold",
            evidence.threshold_accuracy,
            f"chosen on other groups, near {show_number(evidence.threshold)} nats",
        ),
        ("what a threshold wins", evidence.threshold_gain, "on the same samples"),
        ("probe", evidence.probe, "AUROC, out of group"),
        ("best surface rule", evidence.baseline, f"{evidence.baseline_name}; chosen on other folds"),
        ("probe over surface", evidence.over_baseline, f"detectable here: {show_number(evidence.detectable)}"),
        ("gap", evidence.gap, "probe over a read-out fitted on the label logits of all prompts"),
        *_list_steering(record.steer),
    ]


def _list_steering(steered: SteerRecord) -> list[tuple[str, Estimate, str]]:
    """What the steering of the sentence wins, beside its controls and its cost; () where results do not name it."""
    led = find_leader(steered)
    if led is None:
        return []
    beside = [
        f"{each.name} win {format_signed(max(each.pair_correct_changes))} at most"
        for each in steered.controls
        if each.pair_correct_changes
    ]
    notes = [
        f"pairs right under {led.name}, chosen on other groups: {EFFECTS[led.effect]}",
        *beside,
        describe_ruin(led.side_effects),
    ]
    return [("what steering wins", led.pair_correct_change, "; ".join(filter(None, notes)))]


def _list_audit(record: StudyRecord) -> list[Block]:
    """What it says, over all and by CWE."""
    rows = [
        (
            part.value,
            part.n_pairs,
            show_estimate(part.yes_rate),
            show_estimate(part.pair_correct),
            show_number(part.pair_correct_chance),
            show_estimate(part.pair_rank),
            show_estimate(part.auroc),
        )
        for part in (record.audit.overall, *(part for part in record.audit.slices if part.kind == "cwe"))
    ]
    heads = ("", "pairs", "says vulnerable", "pair-correct", "chance at that rate", "pair-rank", "AUROC")
    apart: list[Row] = [
        (
            each.value,
            "says vulnerable" if each.figure == "yes-rate" else "AUROC",
            show_estimate(each.own),
            show_estimate(each.overall),
            format_p(each.p),
        )
        for each in record.evidence.apart
    ]
    unlike = [Table(("not like the rest", "", "there", "over all", "p, corrected"), apart)] if apart else []
    return [Text(record.audit.sentence), Table(heads, rows), *unlike]


def _table_changes(record: StudyRecord) -> Block:
    """The same samples before and after changes that keep their label."""
    if not record.evidence.changes:
        return Text("No change was tried, or none applies to this code.", "hint")
    rows: list[Row] = [
        (change.kind, change.n, *(show_estimate(each) for each in (change.before, change.after, change.lost)))
        for change in record.evidence.changes
    ]
    return Table(("change", "samples", "AUROC before", "after", "lost"), rows)


def _list_flips(record: StudyRecord) -> list[Block]:
    """Pairs of the held-out groups whose verdict an intervention changed, as diffs; mended ones first."""
    if not record.flips:
        return [Text("No intervention changed a verdict, or none was tried.", "hint")]
    counts = [(each.name, each.n_mended, each.n_broken, each.n_other) for each in record.flip_counts]
    shown = [(flip, flip.code) for flip in record.flips if flip.code is not None]
    hint = (
        f"{len(record.flips):,} pairs of the held-out groups have another verdict under some intervention; "
        f"{len(shown):,} are shown. A pair is right where the vulnerable twin is called vulnerable and the fixed one "
        "is called secure. An answer is that to one question; the margin takes its opposite as well, and may point the "
        "other way."
    )
    views = [
        Fold(
            f"{flip.cwe} {flip.language}: un-steered {_say(flip.before)}",
            [
                Table(("", "vulnerable twin", "fixed twin"), [_answer(each) for each in (flip.before, *flip.after)]),
                Twins(*code),
            ],
            name=flip.pair,
            is_open=place == 0,
        )
        for place, (flip, code) in enumerate(shown)
    ]
    return [Table(("", "pairs mended", "broken", "changed otherwise"), counts), Text(hint, "hint"), *views]


def _list_by_cwe(record: StudyRecord) -> list[Block]:
    """Per CWE: what the answers rank, and what a probe reads that never saw the CWE."""
    said = {part.value: part for part in record.audit.slices if part.kind == "cwe"}
    unseen = {part.name: part.auroc for each in record.probe.generality if each.kind == "cwe" for part in each.parts}
    names = list(dict.fromkeys((*said, *unseen)))
    if len(names) < 2:
        return [Text("All samples are of one CWE.")]
    rows = [(name, [said[name].auroc if name in said else None, unseen.get(name)]) for name in names]
    legend = ("its answer", "a probe that never saw this CWE")
    return [
        Dots(rows, legend, label="AUROC by CWE: answers, and a probe fitted on the other CWEs"),
        Text("Interventions, CWE by CWE", "heading"),
        steer.fold_cwes(record.steer.outcomes),
    ]


def _say(under: TwinsUnder) -> str:
    vulnerable, fixed = map(name_answer, under.says)
    return f"says {vulnerable} of the vulnerable twin, {fixed} of the fixed one"


def _answer(under: TwinsUnder) -> tuple[str, ...]:
    twins = zip(under.says, under.margins, strict=True)
    return under.name, *(f"{name_answer(says)}; margin {format_signed(margin)} nats" for says, margin in twins)
