"""Writes a page that has a template of its own: it opens from disk, loads nothing and runs this package's scripts."""

from __future__ import annotations

import json
import math
from functools import cache
from typing import TYPE_CHECKING

from vulnscope.cwe import describe_cwe
from vulnscope.records.answers import STATES
from vulnscope.records.audit import AuditRecord
from vulnscope.records.base import Estimate, NotMeasured, Number
from vulnscope.records.comparison import ComparisonRecord
from vulnscope.report import format as reading
from vulnscope.report import view
from vulnscope.report.draw import assets
from vulnscope.report.draw.engine import make_environment
from vulnscope.report.glossary import GLOSSARY
from vulnscope.report.pages import comparison as comparison

if TYPE_CHECKING:
    from jinja2 import Environment

    from vulnscope.report.page import Page


def write_template(page: Page) -> str:
    """The page of an audit or a comparison. Every text of its record is escaped; equal records give equal bytes."""
    record = page.record
    assert isinstance(record, AuditRecord | ComparisonRecord)
    data = view.chart_data(record) if isinstance(record, AuditRecord) else comparison.chart_data(record)
    config = record.model_dump(mode="json")["config"]
    return (
        _environment()
        .get_template(page.template)
        .render(
            record=record,
            config_text=json.dumps(config, indent=2, sort_keys=True, ensure_ascii=False),
            data=assets.embed_json(data),
            policy=assets.security_policy(),
            styles=tuple(map(assets.read_asset, assets.STYLES)),
            scripts=tuple(map(assets.read_asset, assets.SCRIPTS)),
        )
    )


@cache
def _environment() -> Environment:
    environment = make_environment()
    environment.globals.update(
        change_label=comparison.change_label,
        change_scale=comparison.change_scale,
        describe_cwe=describe_cwe,
        describe_impossible=view.describe_impossible,
        footnotes=view.Footnotes,
        glossary=GLOSSARY,
        group_compared=comparison.group_compared,
        group_slices=view.group_slices,
        has_answers=view.has_answers,
        is_ensemble=view.is_ensemble,
        is_synthetic=view.is_synthetic,
        list_cells=view.list_cells,
        list_tiles=view.list_tiles,
        name_answer=reading.name_answer,
        name_slice=view.name_slice,
        states=STATES,
    )
    environment.filters.update(
        change=reading.format_change,
        change_interval=reading.format_change_interval,
        count=reading.format_count,
        coverage=reading.tell_coverage,
        heat=_heat,
        interval=reading.format_interval,
        number=reading.format_number,
        p=reading.format_p,
        percent_place=_percent_place,
        reason=reading.find_reason,
        signed=reading.format_signed,
        signed_interval=reading.format_signed_interval,
    )
    environment.tests.update(measured=_is_measured)
    return environment


def _is_measured(value: Number | Estimate) -> bool:
    return not isinstance(value.value if isinstance(value, Estimate) else value, NotMeasured)


def _percent_place(value: float) -> str:
    """Where a value in [0, 1] lies on a range drawn 100 wide."""
    return f"{100 * min(max(value, 0.0), 1.0):.2f}"


def _heat(share: Number) -> str:
    """Style class of a share against the even chance of 1/2: five steps on either side."""
    if isinstance(share, NotMeasured):
        return ""
    step = min(5, math.ceil(10 * abs(share - 0.5) - 1e-9))
    return f"heat-{'p' if share > 0.5 else 'm'}{step}" if step else "heat-0"
