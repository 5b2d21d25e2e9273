"""The page of a study: the verdict and its reasons, the say-know figure, interventions as rows, and every stage."""

from __future__ import annotations

from markupsafe import Markup
from rich.console import Console
from rich.table import Table
from rich.text import Text

from vulnscope.records.base import Estimate
from vulnscope.records.study import StudyRecord, TwinsUnder
from vulnscope.report import write_terminal
from vulnscope.report.draw.curves import draw_dots
from vulnscope.report.draw.twins import draw_twins
from vulnscope.report.format import show_estimate, show_invisible, show_number
from vulnscope.report.page import Dots
from vulnscope.report.pages.patch import list_figures as list_patched
from vulnscope.report.pages.patch import map_layers
from vulnscope.report.pages.probe import draw_say_know, list_generality, list_readouts
from vulnscope.report.pages.steer import (
    fold_cwes,
    list_outcomes,
    map_sweep,
    table_controls,
    table_side_effects,
)
from vulnscope.report.panels import draw_facts, draw_notes, draw_reproduction, draw_table, render_page
from vulnscope.report.write_html import write_blocks

_EXPLANATION = (
    "Margins rank samples; answers cut that ranking somewhere. A model can rank well and cut badly (a bias, which a "
    "threshold mends), hold what it needs inside and not say it (which no threshold mends), or know nothing."
)


def render_study(record: StudyRecord) -> str:
    """The page of one study. Every text of `record` is escaped; equal records give equal bytes."""
    sections = [
        ("Diagnosis", draw_verdict(record)),
        ("Say and know", write_blocks(draw_say_know(record.probe))),
        ("Interventions", write_blocks(list_outcomes(record.steer))),
        ("What it says", draw_audit(record)),
        ("By CWE", draw_by_cwe(record)),
        ("Verdicts that flip", draw_flips(record)),
        ("Harmless changes", draw_changes(record)),
        ("Read-outs", write_blocks(list_readouts(record.probe))),
        ("Beyond these samples", write_blocks(list_generality(record.probe))),
        ("Is it used?", write_blocks([*map_layers(record.patch), *list_patched(record.patch)])),
        ("Steering sweep", write_blocks(map_sweep(record.steer))),
        ("Controls", write_blocks([table_controls(record.steer)])),
        ("Side effects", write_blocks([table_side_effects(record.steer.outcomes)])),
        ("Left out", draw_notes((*record.notes, *record.probe.notes, *record.steer.notes), record.audit.left_out)),
        ("Reproduce", draw_reproduction(record.command, record.config, record.versions, record.run)),
    ]
    evidence = record.evidence
    facts = draw_facts(
        record.subject,
        record.corpus,
        [
            ("Diagnosis", record.verdict.diagnosis, "from intervals, see below"),
            ("Says", f"AUROC {show_estimate(evidence.says)}", f"calls {show_estimate(evidence.yes_rate)} vulnerable"),
            ("Knows", f"AUROC {show_estimate(evidence.probe)}", f"decodable: {evidence.decodable}"),
        ],
    )
    return render_page(
        f"{record.subject.name} on {record.corpus.name}, studied", "study", record.sentence, sections, facts
    )


def draw_verdict(record: StudyRecord) -> Markup:
    """The reasons, and all figures they rest on."""
    reasons = Markup("").join(Markup("<li>{}</li>").format(show_invisible(text)) for text in record.verdict.reasons)
    lead = Markup('<p class="lead">{}</p><ol>{}</ol>').format(_EXPLANATION, reasons)
    rows = [(name, show_estimate(value), note) for name, value, note in list_figures(record)]
    return lead + draw_table(("figure", "value [95 %]", "what it is"), rows) + _draw_links(record)


def _draw_links(record: StudyRecord) -> Markup:
    """The pages of the stages, which hold more than this one."""
    stages = {
        "audit": (record.audit.run, "every pair and prompt"),
        "probe": (record.probe.run, "layer by pooling, learning curve"),
        "patch": (record.patch.run, ""),
        "steer": (record.steer.run, "agreement of pair differences"),
    }
    links = [
        Markup('<a href="stages/{0}/{1}/report.html">{0}</a>{2}').format(name, run, f" ({what})" if what else "")
        for name, (run, what) in stages.items()
    ]
    return Markup('<p class="hint">Each stage has a page of its own: {}.</p>').format(Markup(", ").join(links))


def list_figures(record: StudyRecord) -> list[tuple[str, Estimate, str]]:
    """Name, estimate and meaning of every figure of the diagnosis, in the order of the argument."""
    evidence = record.evidence
    return [
        ("says", evidence.says, "AUROC of the zero-shot margin"),
        ("yes-rate", evidence.yes_rate, "share called vulnerable"),
        ("accuracy as it answers", evidence.accuracy, "balanced; 0.5 is chance"),
        (
            "accuracy with a threshold",
            evidence.threshold_accuracy,
            f"chosen on other groups, near {show_number(evidence.threshold)} nats",
        ),
        ("what a threshold wins", evidence.threshold_gain, "on the same samples"),
        ("probe", evidence.probe, "AUROC, out of group"),
        ("best surface rule", evidence.baseline, f"{evidence.baseline_name}, on the same folds"),
        ("probe over surface", evidence.over_baseline, f"detectable here: {show_number(evidence.detectable)}"),
        ("gap", evidence.gap, "probe over a read-out fitted on the label logits of all prompts"),
    ]


def draw_audit(record: StudyRecord) -> Markup:
    """What it says, over all and by CWE."""
    slices = (record.audit.overall, *(part for part in record.audit.slices if part.kind == "cwe"))
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
        for part in slices
    ]
    heads = ("", "pairs", "says vulnerable", "pair-correct", "chance at that rate", "pair-rank", "AUROC")
    return Markup("<p>{}</p>").format(show_invisible(record.audit.sentence)) + draw_table(heads, rows)


def draw_changes(record: StudyRecord) -> Markup:
    """The same samples before and after changes that keep their label."""
    if not record.evidence.changes:
        return Markup('<p class="hint">No change was tried, or none applies to this code.</p>')
    rows = [
        (change.kind, change.n, *(show_estimate(each) for each in (change.before, change.after, change.lost)))
        for change in record.evidence.changes
    ]
    return draw_table(("change", "samples", "AUROC before", "after", "lost"), rows)


def draw_flips(record: StudyRecord) -> Markup:
    """Pairs of the held-out groups whose verdict an intervention changed, as diffs; mended ones first."""
    if not record.flips:
        return Markup('<p class="hint">No intervention changed a verdict, or none was tried.</p>')
    counts = draw_table(
        ("", "pairs mended", "broken", "changed otherwise"),
        [(each.name, each.n_mended, each.n_broken, each.n_other) for each in record.flip_counts],
    )
    shown = [flip for flip in record.flips if flip.code is not None]
    hint = (
        f"{len(record.flips):,} pairs of the held-out groups have another verdict under some intervention; "
        f"{len(shown):,} are shown. A pair is right where the vulnerable twin is called vulnerable and the fixed one "
        "is called fixed."
    )
    views = [
        Markup('<details class="moved"{}><summary><b>{}</b> {} {}: un-steered {}</summary>{}{}</details>').format(
            Markup(" open") if place == 0 else "",
            show_invisible(flip.pair),
            show_invisible(flip.cwe),
            show_invisible(flip.language),
            _say(flip.before),
            draw_table(
                ("", "vulnerable twin", "fixed twin"),
                [
                    (each.name, *(f"{says}, {margin:+.2f} nats".replace("-", "−") for says, margin in _twins(each)))
                    for each in (flip.before, *flip.after)
                ],
            ),
            draw_twins(*flip.code),
        )
        for place, flip in enumerate(shown)
        if flip.code is not None
    ]
    return Markup('{}<p class="hint">{}</p>{}').format(counts, hint, Markup("\n").join(views))


def draw_by_cwe(record: StudyRecord) -> Markup:
    """Per CWE: what the answers rank, and what a probe reads that never saw the CWE."""
    said = {part.value: part for part in record.audit.slices if part.kind == "cwe"}
    unseen = {part.name: part.auroc for each in record.probe.generality if each.kind == "cwe" for part in each.parts}
    names = list(dict.fromkeys((*said, *unseen)))
    if len(names) < 2:
        return Markup("<p>All samples are of one CWE.</p>")
    rows = [(name, [said[name].auroc if name in said else None, unseen.get(name)]) for name in names]
    legend = ("its answer", "a probe that never saw this CWE")
    picture = draw_dots(Dots(rows, legend, label="AUROC by CWE: answers, and a probe fitted on the other CWEs"))
    return picture + Markup("<h3>Interventions, CWE by CWE</h3>") + write_blocks([fold_cwes(record.steer.outcomes)])


def _say(under: TwinsUnder) -> str:
    return f"says {under.says[0]} of the vulnerable twin, {under.says[1]} of the fixed one"


def _twins(under: TwinsUnder) -> list[tuple[str, float]]:
    return list(zip(under.says, under.margins, strict=True))


def print_study(record: StudyRecord, console: Console) -> None:
    """The sentence, the figures of the diagnosis and the interventions, for a terminal."""
    console.print(Text(show_invisible(record.sentence), style="bold"), soft_wrap=True)
    for reason in record.verdict.reasons:
        console.print(Text(f"- {show_invisible(reason)}"), soft_wrap=True)
    table = Table(box=None, pad_edge=False)
    for number, head in enumerate(("figure", "value [95 %]", "what it is")):
        table.add_column(head, justify="right" if number == 1 else "left")
    for name, value, note in list_figures(record):
        table.add_row(name, show_estimate(value), show_invisible(note))
    console.print()
    console.print(table)
    write_terminal.write_blocks(list_outcomes(record.steer), console)
