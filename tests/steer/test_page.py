"""The page of a steering study: each figure in its column, on a page and in a terminal."""

from __future__ import annotations

import io

from rich.console import Console

from vulnscope.records.base import Estimate, NotMeasured
from vulnscope.records.steer import Outcome, SideEffects, SteerRecord
from vulnscope.report.page import Cell, Table, as_cell, as_head
from vulnscope.report.write_terminal import write_blocks
from vulnscope.steer.page import list_outcomes


def estimate(value: float) -> Estimate:
    return Estimate(value=value, low=value - 0.1, high=value + 0.1, method="bca", n=40, n_groups=40)


def make_record() -> SteerRecord:
    outcome = Outcome.model_construct(
        name="add",
        what="at layer 3",
        kind="threshold",
        auroc_change=estimate(0.02),
        bias_shift=estimate(-1.5),
        pair_correct=estimate(0.31),
        yes_rate=estimate(0.62),
        unparsed_rate=estimate(0.0),
        anti_steered_rate=0.25,
        side_effects=None,
        p_corrected=0.04,
        p_random=0.1,
        p_shuffled=NotMeasured(reason="none"),
        bias_p_random=0.3,
        bias_p_shuffled=0.2,
        effect="criterion only",
    )
    return SteerRecord.model_construct(
        outcomes=(outcome,),
        clean_auroc=estimate(0.55),
        clean_pair_correct=estimate(0.2),
        clean_yes_rate=estimate(0.7),
        correction="Holm",
    )


def test_figures_stand_in_their_columns() -> None:
    table, _ = list_outcomes(make_record())
    assert isinstance(table, Table)
    shown = {as_head(head).text: as_cell(cell) for head, cell in zip(table.heads, table.rows[1], strict=True)}
    assert shown == {
        "": Cell("add", ("at layer 3",)),
        "AUROC change": Cell("+0.02", ("[−0.08, +0.12]",), short="+0.02"),
        "bias shift, nats": Cell(
            "−1.50", ("[−1.60, −1.40]",), ("p random 0.300, shuffled 0.200", "25 % against the sign"), short="−1.50"
        ),
        "pairs right": Cell("31 %", ("[21, 41]",)),
        "says vulnerable": Cell("62 %", ("[52, 72]",)),
        "cost elsewhere": Cell("none: weights untouched"),
        "corrected p": Cell("0.040", ("random 0.100", "shuffled n/a")),
        "verdict": Cell("only moved the criterion", short="criterion only", is_words=True),
    }


def test_what_an_intervention_ruins_stands_beside_its_verdict() -> None:
    costs = SideEffects(**dict.fromkeys(SideEffects.model_fields, 1))  # type: ignore[arg-type]
    ruined = costs.model_copy(
        update={"perplexity_clean": 36.0, "perplexity_edited": 97_718.0, "parses_clean": 0.8, "parses_edited": 0.1}
    )
    record = make_record()
    (outcome,) = record.outcomes
    record = record.model_copy(update={"outcomes": (outcome.model_copy(update={"side_effects": ruined}),)})
    table, _ = list_outcomes(record)
    assert isinstance(table, Table)
    shown = {as_head(head).text: as_cell(cell) for head, cell in zip(table.heads, table.rows[1], strict=True)}
    assert shown["verdict"].text == "only moved the criterion, ruins ordinary code"
    assert shown["verdict"].short == "criterion only, ruinous"
    assert shown["cost elsewhere"].reasons == (
        "ruins ordinary code: perplexity 36 → 97,718, continuations that parse 80 % → 10 %",
    )


def test_a_terminal_has_room_for_the_figures_alone() -> None:
    console = Console(file=io.StringIO(), width=80, color_system=None)
    write_blocks(list_outcomes(make_record()), console)
    lines = console.file.getvalue().splitlines()  # type: ignore[attr-defined]
    assert [line.split() for line in lines[3:]] == [
        ["un-steered", "20", "%", "70", "%"],
        ["add", "−1.50", "+0.02", "31", "%", "62", "%", "0.040", "criterion", "only"],
    ]
    assert lines[1].split() == ["bias", "AUROC", "pairs", "says"]
