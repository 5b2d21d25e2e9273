from __future__ import annotations

import re

from tests.report.blocks import HOSTILE

from vulnscope.records.base import Estimate, NotMeasured, not_measured
from vulnscope.report.draw.curves import draw_curves, draw_dots, find_height
from vulnscope.report.page import Curves, Dots, Range, Series


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
