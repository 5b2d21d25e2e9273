"""A steering study: what each intervention did, beside its controls, and the sweep that chose it."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from vulnscope.effects.words import EFFECTS, describe_ruin
from vulnscope.records.apply import ApplyRecord
from vulnscope.records.base import NotMeasured
from vulnscope.records.steer import Outcome, SteerRecord, SweepCell
from vulnscope.report.format import MINUS, format_number, format_p, format_signed, show_estimate, show_number
from vulnscope.report.page import (
    Block,
    Cell,
    Fact,
    Fold,
    Head,
    LeftOut,
    Map,
    Page,
    Row,
    Section,
    Table,
    Text,
    Tile,
    stack_estimate,
)
from vulnscope.report.pages.common import count_left_out, make_page
from vulnscope.stats import is_impossible


def page(record: SteerRecord) -> Page:
    """What one steering study says."""
    groups = f"fit {record.n_fit}, choose {record.n_choose}, report {record.n_report} groups; p: {record.correction}"
    return make_page(
        record,
        "steer",
        f"{record.subject.name} on {record.corpus.name}, steered",
        facts=(
            Fact("Groups", f"{record.n_fit} fit, {record.n_choose} choose, {record.n_report} report", "disjoint"),
            Fact("Un-steered", f"AUROC {show_estimate(record.clean_auroc)}", "on the groups that report"),
        ),
        sections=(
            Section(
                "Interventions",
                [*list_outcomes(record), Text(f"{say_clean(record)}; {groups}", "hint", only="terminal")],
                is_brief=True,
            ),
            Section("Sweep", map_sweep(record)),
            Section("Controls", [table_controls(record)]),
            Section("Side effects", [table_side_effects(record.outcomes)]),
            Section("By CWE", [fold_cwes(record.outcomes)]),
            Section("Agreement", [_table_agreement(record)]),
            leave_out(record),
        ),
    )


def list_outcomes(record: SteerRecord | ApplyRecord) -> list[Block]:
    """Interventions as rows: effect on sensitivity, on bias, on answers, cost elsewhere, and what can be said."""
    heads = (
        Head("", short="intervention"),
        Head("AUROC change", short="AUROC\nchange"),
        Head("bias shift, nats", short="bias\nshift"),
        Head("pairs right", short="pairs\nright"),
        Head("says vulnerable", short="says\nvuln."),
        "cost elsewhere",
        Head("corrected p", short="p"),
        Head("verdict", is_left=True),
    )
    auroc = stack_estimate(record.clean_auroc, "score")
    rows: list[Row] = [
        (
            "un-steered",
            auroc._replace(text=f"AUROC {auroc.text}", short=""),
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
            Cell(each.name, (each.what,)),
            stack_estimate(each.auroc_change)._replace(short=_sign(each.auroc_change.value)),
            _stack_bias(each),
            stack_estimate(each.pair_correct, "rate"),
            stack_estimate(each.yes_rate, "rate", _unparsed(each)),
            _cost(each),
            Cell(
                format_p(each.p_corrected),
                (
                    f"random {format_p(each.p_random)}",
                    f"shuffled {format_p(each.p_shuffled)}",
                ),
                # The verdict beside it says so already.
                short="n/a" if is_impossible(each.p_corrected) else None,
                is_words=is_impossible(each.p_corrected),
            ),
            Cell(
                f"{EFFECTS[each.effect]}{', ruins ordinary code' * each.is_ruinous}",
                short=f"{each.effect}{', ruinous' * each.is_ruinous}",
                is_words=True,
            ),
        )
        for each in record.outcomes
    ]
    hint = (
        "Bias shift moves all margins alike; only a change of AUROC means that twins are told apart better. A "
        f"threshold on the margin moves the criterion without touching the model. p-values: {record.correction}; "
        "“random” and “shuffled” are those against control directions, which bias shifts have to pass as well. It "
        "ruins ordinary code where perplexity there more than doubles, or less than half of what parsed still does. "
        "More on costs under “Side effects”."
    )
    return [
        Table(heads, rows, form="figures", in_terminal=(0, 2, 1, 3, 4, 6, 7)),
        Text(hint, "hint", only="page"),
    ]


def say_clean(record: SteerRecord | ApplyRecord) -> str:
    """What the un-steered model does, with its intervals."""
    auroc, pairs = show_estimate(record.clean_auroc), show_estimate(record.clean_pair_correct)
    return f"un-steered: AUROC {auroc}, pair-correct {pairs}"


def map_sweep(record: SteerRecord) -> list[Block]:
    """For each method a heat map of layers by scales on the choose groups; the chosen point is marked.

    The tiles show what the choice went by, since a point chosen by another figure would look arbitrary.
    """
    is_by_pairs = record.config.get("choose_by") != "auroc"
    shown, tied = ("Share of pairs right", "AUROC") if is_by_pairs else ("AUROC of the margin", "pairs right")
    blocks: list[Block] = [
        Text(
            f"{shown} on the choose groups, by layer and scale; a frame marks what was chosen, of equals by {tied}. A "
            "pointer shows all figures of a field. None of these groups is in the table above.",
            "hint",
        )
    ]
    for method, selector in dict.fromkeys((cell.method, cell.selector) for cell in record.cells):
        own = [cell for cell in record.cells if (cell.method, cell.selector) == (method, selector)]
        scales = sorted({cell.scale for cell in own})
        sites = list(dict.fromkeys(cell.site for cell in own))
        found = {(cell.site, cell.scale): cell for cell in own}
        rows = [
            (site, [_tile(found.get((site, scale)), is_by_pairs=is_by_pairs) for scale in scales])
            for site in reversed(sites)
        ]
        columns = [f"{scale:+g}".replace("-", MINUS) for scale in scales]
        blocks += [Text(f"{method} ({selector})", "heading"), Map(columns, rows)]
    return blocks


def table_controls(record: SteerRecord | ApplyRecord) -> Block:
    """What directions that mean nothing did."""
    rows = []
    for each in record.controls:
        changes = each.auroc_changes
        highest = show_number(max(changes), 3, is_signed=True) if changes else "n/a"
        middle = show_number(median(changes), 3, is_signed=True) if changes else "n/a"
        shifts = [abs(shift) for shift in each.bias_shifts]
        bias = f"{max(shifts):.2f}" if shifts else "n/a"
        pairs = show_number(max(each.pair_correct_changes), is_signed=True) if each.pair_correct_changes else "n/a"
        rows.append((f"{each.n} × {each.name}", middle, highest, pairs, bias))
    heads = ("", "median AUROC change", "highest", "highest pair-correct change", "largest bias shift, nats")
    return Table(heads, rows)


def table_side_effects(outcomes: Sequence[Outcome]) -> Block:
    """What interventions cost elsewhere."""
    rows = [
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
        for each in outcomes
        if (costs := each.side_effects) is not None
    ]
    heads = (
        "", "KL, nats per position", "perplexity", "AUROC of “does it contain a loop?”", "says yes to that",
        "no answer to that", "continuations that parse",
    )  # fmt: skip
    return Table(heads, rows) if rows else Text("Not measured.")


def fold_cwes(outcomes: Sequence[Outcome]) -> Block:
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
    table = Table(("", "pairs", "bias shift, nats", "AUROC change", "corrected p"), rows)
    return Fold(f"{len(rows)} rows", [table])


def leave_out(record: SteerRecord | ApplyRecord) -> Section:
    """What was left out; a terminal shows what else is worth a note first."""
    parts = count_left_out(record.left_out)
    noted = [
        Text(line, "warning", only="terminal") for line in (*record.notes, *(f"left out: {part}" for part in parts))
    ]
    return Section("Left out", [LeftOut([*parts, *record.notes], only="page"), *noted], is_brief=True)


def _table_agreement(record: SteerRecord) -> Block:
    """Cosine agreement of pair differences; near 0 no single direction can serve all pairs."""
    rows = [
        (f"{each.site} ({each.selector})", show_number(each.mean_cosine, 3), each.n_pairs, f"{each.unit:.2f}")
        for each in record.agreement
    ]
    return Table(("", "mean cosine of pair differences", "pairs", "norm unit"), rows)


def _stack_bias(outcome: Outcome) -> Cell:
    cell = stack_estimate(outcome.bias_shift)
    return cell._replace(reasons=(*cell.reasons, *_hold_bias(outcome)), short=_sign(outcome.bias_shift.value))


def _hold_bias(outcome: Outcome) -> tuple[str, ...]:
    """How the bias shift stands against controls, and how much went against the sign of the scale."""
    controls = (("random", outcome.bias_p_random), ("shuffled", outcome.bias_p_shuffled))
    ps = ", ".join(f"{name} {format_p(p)}" for name, p in controls if not isinstance(p, NotMeasured))
    rate = outcome.anti_steered_rate
    against = "" if isinstance(rate, NotMeasured) or rate == 0 else f"{format_number(rate, 'rate')} against the sign"
    return tuple(filter(None, (ps and f"p {ps}", against)))


def _unparsed(outcome: Outcome) -> str:
    rate = outcome.unparsed_rate.value
    return "" if isinstance(rate, NotMeasured) or rate == 0 else f"{format_number(rate, 'rate')} no answer"


def _cost(outcome: Outcome) -> Cell:
    """KL on ordinary code, and how much of it still parses."""
    costs = outcome.side_effects
    if costs is None:
        untouched = outcome.kind in ("threshold", "prompt")
        return Cell("none: weights untouched" if untouched else "not measured")
    parses = f"{format_number(costs.parses_clean, 'rate')} → {format_number(costs.parses_edited, 'rate')}"
    ruin = describe_ruin(costs)
    return Cell(f"KL {show_number(costs.kl_nats, 3)} nats", (f"parses {parses}",), (ruin,) if ruin else ())


def _sign(value: float | NotMeasured) -> str:
    return format_signed(value)


def _tile(cell: SweepCell | None, *, is_by_pairs: bool) -> Tile | None:
    if cell is None or isinstance(cell.auroc, NotMeasured):
        return None
    tip = (
        f"AUROC {cell.auroc:.2f}, pair-correct {cell.pair_correct:.2f}, bias shift "
        f"{format_signed(cell.bias_shift)} nats, says vulnerable {cell.yes_rate:.2f}"
    )
    value, strength = (cell.pair_correct, cell.pair_correct) if is_by_pairs else (cell.auroc, 2 * (cell.auroc - 0.5))
    return Tile(f"{value:.2f}", strength, tip, is_marked=cell.is_chosen)
