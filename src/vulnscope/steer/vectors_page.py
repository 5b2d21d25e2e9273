"""Steering in a terminal: how far pair differences agree, what a vector file holds, one text with and without."""

from __future__ import annotations

from collections.abc import Sequence

from vulnscope.records.apply import SteeredText
from vulnscope.records.steer import Agreement, VectorFile
from vulnscope.report.format import show_number
from vulnscope.report.page import Block, Head, Page, Section, Table, Text


def describe_agreement(rows: Sequence[Agreement]) -> Page:
    """Site by site, before there is a result."""
    shown = [
        (
            row.site,
            row.selector,
            show_number(row.mean_cosine, 3, is_signed=True) if isinstance(row.mean_cosine, float) else "n/a",
            row.n_pairs,
            f"{row.unit:.2f}",
        )
        for row in rows
    ]
    heads = ("site", Head("tokens", is_left=True), "mean cosine", "pairs", "norm unit")
    return _describe("agreement", [Text("agreement of pair differences", "heading"), Table(heads, shown)])


def describe_vectors(found: VectorFile) -> Page:
    """The vectors of a file, after an empty line."""
    rows = [
        (vector.name, f"{vector.norm:.3g}", "n/a" if vector.unit is None else f"{vector.unit:.3g}")
        for vector in found.vectors
    ]
    return _describe("vectors", [Table(("vector", "norm", "norm unit"), rows, is_apart=True)])


def describe_steered(found: SteeredText) -> Page:
    """Both continuations of one text, one below the other."""
    blocks = [
        Text("--- un-steered", "hint"),
        Text(found.plain),
        Text(f"--- steered: {found.intervention} ({found.what})", "hint"),
        Text(found.steered),
    ]
    return _describe("steered text", blocks)


def _describe(kind: str, blocks: Sequence[Block]) -> Page:
    return Page(kind.capitalize(), kind, "", sections=[Section(kind.capitalize(), blocks, is_brief=True)], is_soft=True)
