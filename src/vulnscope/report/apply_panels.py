"""Panels of an applied intervention: what it did to the answers on a corpus, beside its controls and its costs."""

from __future__ import annotations

from markupsafe import Markup
from rich.console import Console
from rich.text import Text

from vulnscope.records.apply import AppliedFrom, ApplyRecord, SteeredText
from vulnscope.report.format import show_estimate, show_invisible
from vulnscope.report.panels import draw_facts, draw_notes, draw_reproduction, draw_table, render_page
from vulnscope.report.steer_panels import (
    draw_controls,
    draw_cwes,
    draw_outcomes,
    draw_side_effects,
    outcome_table,
)


def render_apply(record: ApplyRecord) -> str:
    """The page of one applied intervention. Every text of `record` is escaped; equal records give equal bytes."""
    sections = [
        ("Effect", draw_outcomes(record)),
        ("Answers that changed", draw_changed(record)),
        ("Controls", _draw_own_controls(record)),
        ("Side effects", draw_side_effects(record.outcomes)),
        ("By CWE", draw_cwes(record.outcomes)),
        ("Left out", draw_notes(record.notes, record.left_out)),
        ("Reproduce", draw_reproduction(record.command, record.config, record.versions, record.run)),
    ]
    facts = draw_facts(
        record.subject,
        record.corpus,
        [
            ("Intervention", record.outcomes[0].name, record.outcomes[0].what),
            *([] if record.found_in is None else [("Vectors from", *_describe_origin(record.found_in))]),
            ("Un-steered", f"AUROC {show_estimate(record.clean_auroc)}", "on the same samples"),
        ],
    )
    title = f"{record.outcomes[0].name} applied to {record.subject.name} on {record.corpus.name}"
    return render_page(title, "steer apply", record.sentence, sections, facts)


def draw_changed(record: ApplyRecord) -> Markup:
    """Samples answered otherwise than before, those first whose margin moved most."""
    if not record.n_changed:
        return Markup("<p>No answer changed.</p>")
    rows = [
        (
            each.sample,
            " ".join(each.cwes) or "none",
            each.label,
            f"{each.before} → {each.after}",
            _judge(each.label, each.before, each.after),
            f"{each.margin_before:+.2f} → {each.margin_after:+.2f}".replace("-", "−"),
        )
        for each in record.changed
    ]
    shown = f" The {len(rows)} whose margin moved most are shown." if record.n_changed > len(rows) else ""
    summary = Markup('<p class="hint">{}</p>').format(_count(record) + shown)
    return summary + draw_table(("", "CWE", "is", "says", "", "margin, nats"), rows)


def print_apply(record: ApplyRecord, console: Console) -> None:
    """The same record for a terminal."""
    console.print(Text(show_invisible(record.sentence), style="bold"))
    console.print()
    console.print(outcome_table(record))
    console.print(
        Text(
            f"un-steered: AUROC {show_estimate(record.clean_auroc)}, pair-correct "
            f"{show_estimate(record.clean_pair_correct)}",
            style="dim",
        )
    )
    console.print(Text(_count(record)))
    for note in (*record.notes, *(f"left out: {part.n:,} samples: {part.reason}" for part in record.left_out)):
        console.print(Text(show_invisible(note), style="yellow"))


def print_steered(found: SteeredText, console: Console) -> None:
    """Both continuations of one text, one below the other."""
    for name, text in (("un-steered", found.plain), (f"steered: {found.intervention} ({found.what})", found.steered)):
        console.print(Text(f"--- {name}", style="dim"), soft_wrap=True)
        console.print(Text(show_invisible(text)), soft_wrap=True)


def _draw_own_controls(record: ApplyRecord) -> Markup:
    if not record.controls:
        return Markup("<p>Not measured; see what was left out.</p>")
    hint = Markup('<p class="hint">{}</p>').format(
        "The same edits at the same tokens and scales, with directions of the same length: random ones with the "
        "covariance of the pair differences of this corpus, and mean differences after twins were swapped at random."
    )
    return draw_controls(record) + hint


def _describe_origin(origin: AppliedFrom) -> tuple[str, str]:
    model = "this model" if origin.is_same_subject else f"another model, digest {origin.subject_digest}"
    corpus = "no corpus named" if origin.corpus is None else f"fitted on {origin.corpus}"
    seen = ", this very corpus: not held out" if origin.is_same_corpus else ""
    return origin.subject, f"{model}; {corpus}{seen}"


def _count(record: ApplyRecord) -> str:
    total = record.corpus.n_samples
    if not record.n_changed:
        return f"0 of {total} answers changed"
    return (
        f"{record.n_changed} of {total} answers changed: {record.n_to_right} to right, {record.n_to_wrong} from right"
    )


def _judge(label: str, before: str, after: str) -> str:
    if after == label:
        return "now right"
    return "now wrong" if before == label else "still wrong"
