"""What a terminal says of steering vectors and steered text: figures in their columns, names as they are."""

from __future__ import annotations

import io

from rich.console import Console

from vulnscope.records.apply import SteeredText
from vulnscope.records.base import NotMeasured
from vulnscope.records.steer import Agreement, VectorFile, VectorInfo
from vulnscope.report.page import Page
from vulnscope.report.write_terminal import write_terminal
from vulnscope.steer.vectors_page import describe_agreement, describe_steered, describe_vectors


def show(page: Page) -> list[str]:
    """Lines, each with single spaces."""
    console = Console(file=io.StringIO(), width=80, color_system=None)
    write_terminal(page, console)
    return [" ".join(line.split()) for line in console.file.getvalue().splitlines()]  # type: ignore[attr-defined]


def test_agreement_has_a_line_per_site() -> None:
    rows = [
        Agreement.model_construct(site="3[bold]", selector="last", mean_cosine=0.25, n_pairs=20, unit=3.14),
        Agreement.model_construct(
            site="4", selector="mean", mean_cosine=NotMeasured(reason="one pair"), n_pairs=1, unit=2.0
        ),
    ]
    assert show(describe_agreement(rows)) == [
        "agreement of pair differences",
        "site tokens mean cosine pairs norm unit",
        "3[bold] last +0.250 20 3.14",
        "4 mean n/a 1 2.00",
    ]


def test_vectors_stand_below_an_empty_line() -> None:
    vectors = (
        VectorInfo.model_construct(name="a", norm=12.345, unit=None),
        VectorInfo.model_construct(name="b", norm=0.5, unit=3.0),
    )
    found = VectorFile.model_construct(vectors=vectors)
    assert show(describe_vectors(found)) == ["", "vector norm norm unit", "a 12.3 n/a", "b 0.5 3"]


def test_both_texts_are_shown_and_named() -> None:
    found = SteeredText.model_construct(intervention="add", what="at layer 3", plain="one", steered="\x1b[31mtwo")
    assert show(describe_steered(found)) == [
        "--- un-steered", "one", "--- steered: add (at layer 3)", "⟨U+001B⟩[31mtwo",
    ]  # fmt: skip
