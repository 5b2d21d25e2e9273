"""The page of two studies says why an interval is missing, and keeps a figure over its interval."""

from __future__ import annotations

import re

from vulnscope.records.base import Estimate, NotMeasured
from vulnscope.report.write_html import write_blocks
from vulnscope.study.two.page import list_figures
from vulnscope.study.two.record import AgainstRecord, Difference, FigureDifference


def draw(change: Estimate) -> str:
    side = Estimate(value=0.5, low=0.4, high=0.6, method="bca", n=80, n_groups=40)
    own = Difference(first=side, second=side, change=change, p=0.5, p_corrected=1.0, detectable=0.2)
    figures = (FigureDifference(name="probe", difference=own),)
    return write_blocks(list_figures(AgainstRecord.model_construct(figures=figures, correction="none")))


def test_a_figure_stands_over_its_interval() -> None:
    page = draw(Estimate(value=0.1, low=-0.1, high=0.3, method="jackknife", n=80, n_groups=40))
    assert re.search(r"<td>\+0.10\s*<small>\[−0.10, \+0.30\]</small></td>", page)
    assert "Without an interval" not in page


def test_a_missing_interval_has_its_reason_below() -> None:
    missing = NotMeasured(reason="too few groups (23, 30 needed)")
    page = draw(Estimate(value=0.1, low=missing, high=missing, method="none", n=40, n_groups=23))
    assert re.search(r"<td>\+0.10\s*</td>", page)
    assert "Without an interval: too few groups (23, 30 needed)." in page
