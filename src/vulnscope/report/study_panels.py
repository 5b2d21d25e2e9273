"""The page of a study: the verdict and its reasons, the say-know figure, interventions as rows, and every stage."""

from __future__ import annotations

from markupsafe import Markup
from rich.console import Console
from rich.table import Table
from rich.text import Text

from vulnscope.records.base import Estimate
from vulnscope.records.study import StudyRecord
from vulnscope.report.format import show_invisible
from vulnscope.report.panels import (
    draw_facts,
    draw_notes,
    draw_reproduction,
    draw_table,
    render_page,
    show_estimate,
    show_number,
)
from vulnscope.report.patch_panels import draw_figures, draw_heat_map
from vulnscope.report.probe_panels import draw_generality, draw_readouts, draw_say_know
from vulnscope.report.steer_panels import (
    draw_controls,
    draw_cwes,
    draw_outcomes,
    draw_side_effects,
    draw_sweep,
    outcome_table,
)

_EXPLANATION = (
    "Margins rank samples; answers cut that ranking somewhere. A model can rank well and cut badly (a bias, which a "
    "threshold mends), hold what it needs inside and not say it (which no threshold mends), or know nothing."
)


def render_study(record: StudyRecord) -> str:
    """The page of one study. Every text of `record` is escaped; equal records give equal bytes."""
    sections = [
        ("Diagnosis", draw_verdict(record)),
        ("Say and know", draw_say_know(record.probe)),
        ("Interventions", draw_outcomes(record.steer)),
        ("What it says", draw_audit(record)),
        ("Verdicts that flip", draw_flips(record)),
        ("Harmless changes", draw_changes(record)),
        ("Read-outs", draw_readouts(record.probe)),
        ("Beyond these samples", draw_generality(record.probe)),
        ("Is it used?", draw_heat_map(record.patch) + draw_figures(record.patch)),
        ("Steering sweep", draw_sweep(record.steer)),
        ("Controls", draw_controls(record.steer)),
        ("Side effects", draw_side_effects(record.steer.outcomes)),
        ("By CWE", draw_cwes(record.steer.outcomes)),
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
    return lead + draw_table(("figure", "value [95 %]", "what it is"), rows)


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
    """The twins whose answers are wrong as they stand and right with the threshold, by margin."""
    threshold = record.evidence.threshold
    if not isinstance(threshold, float):
        return Markup('<p class="hint">{}</p>').format(show_number(threshold))
    rows = [
        (pair.pair, pair.cwe, f"{pair.vulnerable_margin:+.2f}", f"{pair.fixed_margin:+.2f}")
        for pair in record.audit.pairs
        if pair.vulnerable_margin > threshold >= pair.fixed_margin
        and (pair.vulnerable_says, pair.fixed_says) != ("vulnerable", "fixed")
    ]
    hint = (
        f"{len(rows)} of {len(record.audit.pairs)} shown pairs are told apart by a threshold of {threshold:.2f} nats "
        "and not as the model answers. The audit's own page shows their code."
    )
    table = draw_table(("pair", "CWE", "margin, vulnerable", "margin, fixed"), rows[:40]) if rows else Markup("")
    return Markup('<p class="hint">{}</p>').format(hint) + table


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
    console.print()
    console.print(outcome_table(record.steer.outcomes))
