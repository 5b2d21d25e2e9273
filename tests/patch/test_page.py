"""Each figure of a patching stands in its column, and a star needs both its interval and its p-value."""

from __future__ import annotations

import re

import pytest
from tests.report.pages.reading import find_section, find_styles, print_plain, read_tables, read_text
from tests.report.records import make_record

from vulnscope.patch.page import page as describe
from vulnscope.patch.record import PatchCell, PatchRecord, Region
from vulnscope.records.audit import LeftOut
from vulnscope.records.base import Estimate, Number, not_measured
from vulnscope.report.write_html import write_html

MISSING = not_measured("too few pairs")


def about(value: float, half: float) -> Estimate:
    return between(value - half, value, value + half)


def between(low: Number, value: float, high: Number) -> Estimate:
    return Estimate(value=value, low=low, high=high, method="bca", n=40, n_groups=40)


def cell(
    layer: int,
    region: Region,
    shift: Estimate,
    beyond: Estimate,
    p: Number,
    carried: Number = 0.25,
    beyond_p: Number = 0.04,
) -> PatchCell:
    return PatchCell(
        layer=layer,
        region=region,
        n_pairs=40 + layer,
        mean_tokens=3.0,
        shift=shift,
        into_fixed=0.5,
        into_vulnerable=-0.5,
        carried=carried,
        p=0.01,
        p_corrected=p,
        random_shift=about(0.1, 0.05) if layer == 0 else MISSING,
        beyond_random=beyond,
        beyond_p_corrected=beyond_p,
    )


CELLS = (
    cell(0, "prefix", about(0.0, 0.0), MISSING, MISSING.value),
    cell(0, "changed", about(0.5, 0.2), about(0.4, 0.2), 0.03),
    cell(0, "suffix", about(-0.8, 0.1), about(-0.3, 0.1), 0.05, carried=-0.5),
    cell(0, "last", about(0.3, 0.1), about(0.2, 0.1), 0.06),
    cell(1, "prefix", about(-0.02, 0.01), MISSING, MISSING.value),
    cell(1, "changed", about(0.2, 0.2), between(0.0, 0.1, 0.2), 0.01, beyond_p=0.06),
    cell(1, "suffix", about(-0.2, 0.2), between(-0.2, -0.1, 0.0), 0.01, beyond_p=0.06),
    cell(1, "last", MISSING, about(0.2, 0.1), 0.01),
    cell(2, "changed", about(0.1, 0.1), between(MISSING.low, 0.2, 0.3), 0.01, beyond_p=MISSING.value),
    cell(2, "suffix", about(0.1, 0.1), between(-0.3, -0.2, MISSING.high), 0.01),
    cell(2, "last", about(0.1, 0.1), about(0.2, 0.1), MISSING.value, carried=MISSING.value),
)


@pytest.fixture
def record() -> PatchRecord:
    audit = make_record(4)
    return PatchRecord(
        sentence="The code is <used>.",
        subject=audit.subject,
        corpus=audit.corpus,
        protocol="yes-no",
        is_used="yes",
        n_pairs=40,
        margin_deviation=1.234,
        best=CELLS[1],
        cells=CELLS,
        correction="Holm over 9",
        left_out=(LeftOut(reason="no twin", n=1234, examples=()),),
        shortcuts_missing=("rows",),
        config={"seed": 7},
        command="vulnscope patch organism",
        versions={"torch": "2.13.0"},
        seed=7,
        code_digest="0d5c",
        run="20310504-patch",
    )


def draw_maps(record: PatchRecord) -> str:
    return find_section(describe(record), "Layer by region")


def draw_figures(record: PatchRecord) -> str:
    return find_section(describe(record), "Figures")


def test_a_star_needs_both_corrected_p_values_and_one_direction(record: PatchRecord) -> None:
    lines = [line.split() for line in print_plain(describe(record))]
    assert lines[1:5] == [
        ["layer", "prefix", "changed", "suffix", "last"],
        # Without either p-value there is no star, nor where it moves less than donors do, nor at .06 beyond them.
        ["2", "n/a", "+0.10", "+0.10", "+0.10"],
        ["1", "−0.02", "+0.20", "−0.20", "n/a"],
        # A p-value of .05 is enough, on either side of 0; .06 is not.
        ["0", "0.00", "+0.50*", "−0.80*", "+0.30"],
    ]


def test_the_terminal_is_laid_out_in_columns(record: PatchRecord) -> None:
    found = record.model_copy(update={"cells": CELLS[:4]})
    assert print_plain(describe(found))[1:3] == [
        "layer  prefix  changed  suffix    last",
        "0        0.00   +0.50*  −0.80*   +0.30",
    ]
    assert find_styles(describe(record)) == ["bold", "dim", "dim", "yellow"]


def test_the_terminal_says_what_the_star_rests_on_and_what_was_left_out(record: PatchRecord) -> None:
    lines = print_plain(describe(record))
    assert lines[0] == "The code is <used>."
    assert lines[5:] == [
        "nats towards the donor's label; * beyond same-label donors at corrected p ≤ 0.05 (Holm over 9)",
        "left out: 1,234 samples: no twin",
    ]


def test_every_figure_stands_in_its_column(record: PatchRecord) -> None:
    (table,) = read_tables(draw_figures(record))
    assert table[:3] == [
        ["", "shift, nats", "donors of the same label", "beyond those", "corrected p", "carried over", "pairs"],
        [
            "layer 0, changed",
            "+0.50 [+0.30, +0.70]",
            "+0.10 [+0.05, +0.15]",
            "+0.40 [+0.20, +0.60]",
            "0.030 beyond donors 0.040",
            "0.25",
            "40",
        ],
        [
            "layer 0, suffix",
            "−0.80 [−0.90, −0.70]",
            "+0.10 [+0.05, +0.15]",
            "−0.30 [−0.40, −0.20]",
            "0.050 beyond donors 0.040",
            "−0.50",
            "40",
        ],
    ]
    assert [row[0] for row in table[1:]] == [f"layer {c.layer}, {c.region}" for c in CELLS if c.region != "prefix"]
    assert table[-1][4:] == ["n/a beyond donors 0.040", "n/a: too few pairs", "42"]
    assert 'class="shown"' in draw_figures(record)


def test_the_shared_prefix_is_said_in_a_line(record: PatchRecord) -> None:
    text = read_text(draw_figures(record))
    assert text.endswith(
        "The shared prefix moves the margin by 0.02 nats at most. Carried over: 1 is the whole way to the other twin."
    )
    without = record.model_copy(update={"cells": CELLS[1:4]})
    assert read_text(draw_figures(without)).endswith("40 Carried over: 1 is the whole way to the other twin.")


def test_the_maps_show_twins_beside_their_control(record: PatchRecord) -> None:
    twins, donors = read_tables(draw_maps(record))
    assert twins == [
        ["", "prefix", "changed", "suffix", "last"],
        ["layer 2", "n/a", "+0.10", "+0.10", "+0.10"],
        ["layer 1", "−0.02", "+0.20", "−0.20", "n/a"],
        ["layer 0", "0.00", "+0.50", "−0.80", "+0.30"],
    ]
    assert donors == [
        ["", "changed", "suffix", "last"],
        ["layer 2", "n/a", "n/a", "n/a"],
        ["layer 1", "n/a", "n/a", "n/a"],
        ["layer 0", "+0.10", "+0.10", "+0.10"],
    ]
    assert read_text(draw_maps(record)).startswith("The other twin prefix changed")
    assert "Control: donors of the same label changed suffix" in read_text(draw_maps(record))
    assert draw_maps(record).count('<p class="hint">Mean move of the margin, in nats, towards the label of') == 1
    assert draw_maps(record).endswith(
        "both directions together. A pointer shows the interval; all intervals stand below. The shared prefix has seen "
        "nothing of the difference and must read 0. The control takes donors of the same label from random other "
        "pairs: what it moves is no trace of the label.</p>"
    )


def test_colours_share_a_scale_and_the_cell_behind_the_claim_is_marked(record: PatchRecord) -> None:
    page = draw_maps(record)
    tiles = re.findall(r'aria-label="([^"]*)".*?fill="var\(--(\w+)\)" fill-opacity="([\d.]+)" (.*?)/>', page)
    # The largest move is 0.8 nats, which has the full colour of 0.75.
    found = {tip: (colour, float(strength)) for tip, colour, strength, _ in tiles}
    assert found["+0.50 [+0.30, +0.70] nats, 40 pairs"] == ("fixed", 0.47)
    assert found["−0.80 [−0.90, −0.70] nats, 40 pairs"] == ("vulnerable", 0.75)
    assert found["+0.10 [+0.05, +0.15] nats, 40 pairs"] == ("fixed", 0.09)
    assert [tip for tip, _, _, edge in tiles if "stroke-width" in edge] == ["+0.50 [+0.30, +0.70] nats, 40 pairs"]


@pytest.mark.parametrize("shift", [MISSING, about(0.0, 0.0)])
def test_a_patching_that_moved_nothing_has_maps_without_colour(record: PatchRecord, shift: Estimate) -> None:
    cells = tuple(each.model_copy(update={"shift": shift, "random_shift": MISSING}) for each in CELLS)
    page = find_section(describe(record.model_copy(update={"cells": cells, "best": None})), "Layer by region")
    assert set(re.findall(r'fill-opacity="([\d.]+)"', page)) <= {"0.00"}
    assert "stroke-width" not in page


def test_the_page_opens_with_the_sentence_and_its_facts(record: PatchRecord) -> None:
    page = write_html(describe(record))
    text = read_text(page)
    assert "<title>organism on synthetic, patched · Vulnscope</title>" in page
    assert re.findall(r"<h2>(.*?)</h2>", page) == ["Layer by region", "Figures", "Left out", "Reproduce"]
    assert text.startswith(
        "Vulnscope patch Layer by region Figures Left out Reproduce The code is <used>. Model organism"
    )
    assert "Used yes p-values: Holm over 9, one test per layer and region" in text
    assert "Patched 40 pairs margins vary by 1.23 nats unpatched" in text
    assert "Left out 1,234 samples: no twin shortcut not taken: rows Reproduce vulnscope patch organism" in text
    assert '"seed": 7' in text
    assert text.endswith("run 20310504-patch; torch 2.13.0")
