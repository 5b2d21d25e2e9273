"""Panels of a steering study: what each intervention did, beside its controls, and the sweep that chose it."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup
from rich.console import Console
from rich.table import Table
from rich.text import Text

from vulnscope.records.apply import ApplyRecord
from vulnscope.records.base import NotMeasured
from vulnscope.records.steer import Outcome, SteerRecord, SweepCell
from vulnscope.report.format import format_number, format_p, show_estimate, show_invisible, show_number
from vulnscope.report.page import Tile
from vulnscope.report.panels import (
    draw_facts,
    draw_map,
    draw_notes,
    draw_reproduction,
    draw_table,
    render_page,
    stack_estimate,
)

_EFFECTS = {
    "sensitivity": "told twins apart better",
    "criterion only": "only moved the criterion",
    "nothing shown": "nothing shown",
}


def render_steer(record: SteerRecord) -> str:
    """The page of one steering study. Every text of `record` is escaped; equal records give equal bytes."""
    sections = [
        ("Interventions", draw_outcomes(record)),
        ("Sweep", draw_sweep(record)),
        ("Controls", draw_controls(record)),
        ("Side effects", draw_side_effects(record.outcomes)),
        ("By CWE", draw_cwes(record.outcomes)),
        ("Agreement", draw_agreement(record)),
        ("Left out", draw_notes(record.notes, record.left_out)),
        ("Reproduce", draw_reproduction(record.command, record.config, record.versions, record.run)),
    ]
    facts = draw_facts(
        record.subject,
        record.corpus,
        [
            ("Groups", f"{record.n_fit} fit, {record.n_choose} choose, {record.n_report} report", "disjoint"),
            ("Un-steered", f"AUROC {show_estimate(record.clean_auroc)}", "on the groups that report"),
        ],
    )
    title = f"{record.subject.name} on {record.corpus.name}, steered"
    return render_page(title, "steer", record.sentence, sections, facts)


def draw_outcomes(record: SteerRecord | ApplyRecord) -> Markup:
    """Interventions as rows: effect on sensitivity, on bias, on answers, cost elsewhere, and what can be said."""
    heads = (
        "", "AUROC change", "bias shift, nats", "pairs right", "says vulnerable", "cost elsewhere", "corrected p",
        "verdict",
    )  # fmt: skip
    rows: list[tuple[object, ...]] = [
        (
            "un-steered",
            Markup("AUROC {}").format(stack_estimate(record.clean_auroc, "score")),
            "",
            stack_estimate(record.clean_pair_correct, "rate"),
            stack_estimate(record.clean_yes_rate, "rate"),
            "",
            "",
            "",
        )
    ]
    rows += [
        (
            Markup("{}<small>{}</small>").format(show_invisible(each.name), show_invisible(each.what)),
            stack_estimate(each.auroc_change),
            stack_estimate(each.bias_shift, note=_against(each)),
            stack_estimate(each.pair_correct, "rate"),
            stack_estimate(each.yes_rate, "rate", _unparsed(each)),
            _cost(each),
            Markup("{}<small>random {}</small><small>shuffled {}</small>").format(
                *(format_p(p) for p in (each.p_corrected, each.p_random, each.p_shuffled))
            ),
            Markup('<span class="why">{}</span>').format(_EFFECTS[each.effect]),
        )
        for each in record.outcomes
    ]
    hint = (
        "Bias shift moves all margins alike; only a change of AUROC means that twins are told apart better. A "
        f"threshold on the margin moves the criterion without touching the model. p-values: {record.correction}; "
        "“random” and “shuffled” are those against control directions. More on costs under “Side effects”."
    )
    return draw_table(heads, rows, is_figures=True) + Markup('<p class="hint">{}</p>').format(hint)


def _against(outcome: Outcome) -> str:
    rate = outcome.anti_steered_rate
    return "" if isinstance(rate, NotMeasured) or rate == 0 else f"{format_number(rate, 'rate')} against the sign"


def _unparsed(outcome: Outcome) -> str:
    rate = outcome.unparsed_rate.value
    return "" if isinstance(rate, NotMeasured) or rate == 0 else f"{format_number(rate, 'rate')} no answer"


def _cost(outcome: Outcome) -> Markup:
    """KL on ordinary code, and how much of it still parses."""
    costs = outcome.side_effects
    if costs is None:
        untouched = outcome.kind in ("threshold", "prompt")
        return Markup("{}").format("none: weights untouched" if untouched else "not measured")
    parses = f"{format_number(costs.parses_clean, 'rate')} → {format_number(costs.parses_edited, 'rate')}"
    return Markup("KL {} nats<small>parses {}</small>").format(show_number(costs.kl_nats, 3), parses)


def draw_sweep(record: SteerRecord) -> Markup:
    """For each method a heat map of layers by scales on the choose groups; the chosen point is marked.

    The tiles show what the choice went by, since a point chosen by another figure would look arbitrary.
    """
    parts = []
    is_by_pairs = record.config.get("choose_by") != "auroc"
    for method, selector in dict.fromkeys((cell.method, cell.selector) for cell in record.cells):
        own = [cell for cell in record.cells if (cell.method, cell.selector) == (method, selector)]
        scales = sorted({cell.scale for cell in own})
        sites = list(dict.fromkeys(cell.site for cell in own))
        found = {(cell.site, cell.scale): cell for cell in own}
        rows = [
            (site, [_tile(found.get((site, scale)), is_by_pairs=is_by_pairs) for scale in scales])
            for site in reversed(sites)
        ]
        columns = [f"{scale:+g}".replace("-", "−") for scale in scales]
        parts.append(Markup("<h3>{} ({})</h3>{}").format(method, selector, draw_map("", columns, rows)))
    shown, tied = ("Share of pairs right", "AUROC") if is_by_pairs else ("AUROC of the margin", "pairs right")
    caption = Markup('<p class="hint">{}</p>').format(
        f"{shown} on the choose groups, by layer and scale; a frame marks what was chosen, of equals by {tied}. A "
        "pointer shows all figures of a field. None of these groups is in the table above."
    )
    return Markup("").join([caption, *parts])


def draw_controls(record: SteerRecord | ApplyRecord) -> Markup:
    """What directions that mean nothing did."""
    rows = []
    for each in record.controls:
        changes = sorted(each.auroc_changes)
        highest = f"{changes[-1]:+.3f}" if changes else "n/a"
        median = f"{changes[len(changes) // 2]:+.3f}" if changes else "n/a"
        shifts = [abs(shift) for shift in each.bias_shifts]
        bias = f"{max(shifts):.2f}" if shifts else "n/a"
        pairs = f"{max(each.pair_correct_changes):+.2f}" if each.pair_correct_changes else "n/a"
        rows.append((f"{each.n} × {each.name}", median, highest, pairs, bias))
    heads = ("", "median AUROC change", "highest", "highest pair-correct change", "largest bias shift, nats")
    return draw_table(heads, rows)


def draw_side_effects(outcomes: Sequence[Outcome]) -> Markup:
    """What interventions cost elsewhere."""
    rows = []
    for each in outcomes:
        costs = each.side_effects
        if costs is None:
            continue
        rows.append(
            (
                each.name,
                show_number(costs.kl_nats, 3),
                f"{show_number(costs.perplexity_clean, 1)} → {show_number(costs.perplexity_edited, 1)}",
                f"{show_number(costs.off_target_clean)} → {show_number(costs.off_target_edited)}",
                f"{format_number(costs.off_target_yes_clean, 'rate')} → "
                f"{format_number(costs.off_target_yes_edited, 'rate')}",
                format_number(costs.off_target_unparsed, "rate"),
                f"{format_number(costs.parses_clean, 'rate')} → {format_number(costs.parses_edited, 'rate')}",
            )
        )
    if not rows:
        return Markup("<p>Not measured.</p>")
    heads = (
        "", "KL, nats per position", "perplexity", "AUROC of “does it contain a loop?”", "says yes to that",
        "no answer to that", "continuations that parse",
    )  # fmt: skip
    return draw_table(heads, rows)


def draw_cwes(outcomes: Sequence[Outcome]) -> Markup:
    """Bias shift and sensitivity within each CWE."""
    rows = [
        (
            f"{each.name}: {part.cwe}",
            part.n_pairs,
            show_estimate(part.bias_shift, is_signed=True),
            show_estimate(part.auroc_change, is_signed=True),
            format_p(part.p_corrected),
        )
        for each in outcomes
        for part in each.per_cwe
    ]
    table = draw_table(("", "pairs", "bias shift, nats", "AUROC change", "corrected p"), rows)
    return Markup("<details><summary>{} rows</summary>{}</details>").format(len(rows), table)


def draw_agreement(record: SteerRecord) -> Markup:
    """Cosine agreement of pair differences; near 0 no single direction can serve all pairs."""
    rows = [
        (f"{each.site} ({each.selector})", show_number(each.mean_cosine, 3), each.n_pairs, f"{each.unit:.2f}")
        for each in record.agreement
    ]
    return draw_table(("", "mean cosine of pair differences", "pairs", "norm unit"), rows)


def print_steer(record: SteerRecord, console: Console) -> None:
    """The same record for a terminal."""
    console.print(Text(show_invisible(record.sentence), style="bold"))
    console.print()
    console.print(outcome_table(record))
    console.print(
        Text(
            f"un-steered: AUROC {show_estimate(record.clean_auroc)}, pair-correct "
            f"{show_estimate(record.clean_pair_correct)}; fit {record.n_fit}, choose {record.n_choose}, report "
            f"{record.n_report} groups; p: {record.correction}",
            style="dim",
        )
    )
    for note in (*record.notes, *(f"left out: {part.n:,} samples: {part.reason}" for part in record.left_out)):
        console.print(Text(show_invisible(note), style="yellow"))


def outcome_table(record: SteerRecord | ApplyRecord) -> Table:
    """Interventions as rows for a terminal, narrow enough for 80 columns; the un-steered model on top."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("intervention", overflow="fold")
    for name in ("bias\nshift", "AUROC\nchange", "pairs\nright", "says\nvuln.", "p"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    clean = (format_number(rate.value, "rate") for rate in (record.clean_pair_correct, record.clean_yes_rate))
    table.add_row("un-steered", "", "", *clean, "", "")
    for each in record.outcomes:
        table.add_row(
            Text(show_invisible(each.name)),
            _plain(each.bias_shift.value),
            _plain(each.auroc_change.value),
            format_number(each.pair_correct.value, "rate"),
            format_number(each.yes_rate.value, "rate"),
            format_p(each.p_corrected),
            each.effect,
        )
    return table


def _plain(value: float | NotMeasured) -> str:
    return "n/a" if isinstance(value, NotMeasured) else f"{value:+.2f}".replace("-", "−")


def _tile(cell: SweepCell | None, *, is_by_pairs: bool) -> Tile | None:
    if cell is None or isinstance(cell.auroc, NotMeasured):
        return None
    tip = (
        f"AUROC {cell.auroc:.2f}, pair-correct {cell.pair_correct:.2f}, bias shift {cell.bias_shift:+.2f} nats, says "
        f"vulnerable {cell.yes_rate:.2f}"
    )
    value, strength = (cell.pair_correct, cell.pair_correct) if is_by_pairs else (cell.auroc, 2 * (cell.auroc - 0.5))
    return Tile(f"{value:.2f}", strength, tip, is_marked=cell.is_chosen)
