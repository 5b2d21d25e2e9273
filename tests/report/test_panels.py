from __future__ import annotations

import re

import pytest
from markupsafe import Markup

from vulnscope.errors import InputError
from vulnscope.kinds.find import find_kind
from vulnscope.records.base import Estimate, NotMeasured, not_measured
from vulnscope.report.draw.curves import draw_curves, draw_dots, find_height
from vulnscope.report.format import show_estimate, show_number
from vulnscope.report.page import Curves, Dots, Range, Series, Tile
from vulnscope.report.panels import (
    draw_map,
    draw_table,
    render_page,
)

HOSTILE = "</style><script>alert(1)</script>\u202e"


def test_no_text_of_a_record_becomes_markup() -> None:
    page = render_page(
        HOSTILE,
        "probe",
        HOSTILE,
        [
            ("table", draw_table((HOSTILE, "x"), [(HOSTILE, HOSTILE)])),
            ("map", draw_map(HOSTILE, [HOSTILE], [(HOSTILE, [Tile(HOSTILE, 0.5, HOSTILE), None])])),
            (
                "lines",
                draw_curves(
                    Curves(
                        [Series(HOSTILE, [(0.0, 0.5, 0.4, 0.6)])],
                        [(HOSTILE, 0.5)],
                        x_label="x",
                        y_label="y",
                        label=HOSTILE,
                    )
                ),
            ),
        ],
        Markup(""),
    )
    assert "<script" not in page
    assert page.count("</style>") == 1
    assert "⟨U+202E⟩" in page


def test_the_page_admits_its_own_style_and_nothing_else() -> None:
    page = render_page("t", "probe", "s", [], Markup(""))
    assert "default-src &#39;none&#39;; style-src &#39;sha256-" in page
    assert "style=" not in page


@pytest.mark.parametrize(
    ("value", "is_signed", "text"),
    [
        (0.5, False, "0.50"),
        (-0.5, True, "−0.50"),
        (0.5, True, "+0.50"),
        (-0.001, True, "0.00"),
        (-0.001, False, "0.00"),
    ],
)
def test_numbers_read_alike_and_zero_has_no_sign(value: float, is_signed: bool, text: str) -> None:
    assert show_number(value, is_signed=is_signed) == text


def test_what_is_missing_says_why() -> None:
    assert show_number(NotMeasured(reason="no pairs")) == "n/a: no pairs"
    assert show_estimate(not_measured("no pairs")) == "n/a: no pairs"
    half = Estimate(
        value=0.5, low=NotMeasured(reason="few"), high=NotMeasured(reason="few"), method="none", n=2, n_groups=2
    )
    assert show_estimate(half) == "0.50 (no interval: few)"
    assert show_estimate(None) == ""


def test_a_figure_is_not_broken_from_its_interval() -> None:
    page = draw_table(("", "value"), [("says", "100 % [98, 100]"), ("gap", "−0.10 [−0.20, +0.10] or [so]")])
    assert "100\u00a0%\u00a0[98,\u00a0100]<" in page
    assert "−0.10\u00a0[−0.20,\u00a0+0.10] or [so]<" in page


def test_pictures_that_share_axes_place_equal_values_alike() -> None:
    one = Series("one", [(0.0, 0.5, None, None), (1.0, 0.6, None, None)])
    other = Series("other", [(0.0, 0.5, None, None), (1.0, 1.2, None, None)])
    height = find_height([one, other])
    assert height == Range(0.4, 1.2)
    assert find_height([], [("level", 0.3)]) == Range(0.3, 1.0)
    drawn = [
        draw_curves(Curves([each], x_label="x", y_label="y", label="l", height=height, width=Range(0.0, 2.0)))
        for each in (one, other)
    ]
    first = [re.search(r'<polyline points="([\d.,]+) ', page) for page in drawn]
    assert all(first)
    assert len({found[1] for found in first if found}) == 1


def test_dots_stand_on_one_axis_and_what_is_missing_is_left_out() -> None:
    half = Estimate(value=0.5, low=0.4, high=0.6, method="bca", n=9, n_groups=40)
    rows = [(HOSTILE, [half, None]), ("CWE-89", [not_measured("one pair"), half])]
    drawn = draw_dots(Dots(rows, ("says", "knows"), label="AUROC"))
    assert drawn.count("<circle") == 2
    assert len(set(re.findall(r'<circle cx="([\d.]+)"', drawn))) == 1
    assert "<script" not in drawn
    assert "could be measured" in draw_dots(Dots([("CWE-89", [None])], ("says",), label="AUROC"))


def test_lines_without_figures_say_so() -> None:
    missing = NotMeasured(reason="no pairs")
    drawn = draw_curves(Curves([Series("s", [(0.0, missing, missing, missing)])], x_label="x", y_label="y", label="l"))
    assert "could be measured" in drawn


def test_every_kind_of_run_can_be_shown() -> None:
    for name in ("audit", "compare", "import", "rescore", "probe", "patch", "steer"):
        assert find_kind(name).record_type.model_fields
    with pytest.raises(InputError, match="runs of kind 'dream' cannot be shown"):
        find_kind("dream")
