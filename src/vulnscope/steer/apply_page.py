"""An applied intervention: what it did to the answers on a corpus, beside its controls and its costs."""

from __future__ import annotations

from vulnscope.records.apply import AppliedFrom, ApplyRecord
from vulnscope.report.format import format_signed, show_estimate
from vulnscope.report.page import Block, Fact, Page, Section, Table, Text
from vulnscope.report.pages.common import make_page
from vulnscope.steer.page import (
    fold_cwes,
    leave_out,
    list_outcomes,
    say_clean,
    table_controls,
    table_side_effects,
)


def page(record: ApplyRecord) -> Page:
    """What one applied intervention says."""
    first = record.outcomes[0]
    origin = () if record.found_in is None else (_describe_origin(record.found_in),)
    return make_page(
        record,
        "steer apply",
        f"{first.name} applied to {record.subject.name} on {record.corpus.name}",
        facts=(
            Fact("Intervention", first.name, first.what),
            *origin,
            Fact("Un-steered", f"AUROC {show_estimate(record.clean_auroc)}", "on the same samples"),
        ),
        sections=(
            Section(
                "Effect", [*list_outcomes(record), Text(say_clean(record), "hint", only="terminal")], is_brief=True
            ),
            Section("Answers that changed", _list_changed(record), is_brief=True),
            Section("Controls", _list_controls(record)),
            Section("Side effects", [table_side_effects(record.outcomes)]),
            Section("By CWE", [fold_cwes(record.outcomes)]),
            leave_out(record),
        ),
    )


def _list_changed(record: ApplyRecord) -> list[Block]:
    """Samples answered otherwise than before, those first whose margin moved most; a terminal shows how many."""
    counted = Text(_count(record), only="terminal")
    if not record.n_changed:
        return [counted, Text("No answer changed.", only="page")]
    rows = [
        (
            each.sample,
            " ".join(each.cwes) or "none",
            each.label,
            f"{each.before} → {each.after}",
            _judge(each.label, each.before, each.after),
            f"{format_signed(each.margin_before)} → {format_signed(each.margin_after)}",
        )
        for each in record.changed
    ]
    shown = f" The {len(rows)} whose margin moved most are shown." if record.n_changed > len(rows) else ""
    return [
        counted,
        Text(_count(record) + shown, "hint", only="page"),
        Table(("", "CWE", "is", "says", "", "margin, nats"), rows, only="page"),
    ]


def _list_controls(record: ApplyRecord) -> list[Block]:
    if not record.controls:
        return [Text("Not measured; see what was left out.")]
    hint = (
        "The same edits at the same tokens and scales, with directions of the same length: random ones with the "
        "covariance of the pair differences of this corpus, and mean differences after twins were swapped at random."
    )
    return [table_controls(record), Text(hint, "hint")]


def _describe_origin(origin: AppliedFrom) -> Fact:
    model = "this model" if origin.is_same_subject else f"another model, digest {origin.subject_digest}"
    corpus = "no corpus named" if origin.corpus is None else f"fitted on {origin.corpus}"
    seen = ", this very corpus: not held out" if origin.is_same_corpus else ""
    return Fact("Vectors from", origin.subject, f"{model}; {corpus}{seen}")


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
