"""What a study would take, in a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vulnscope.report.pages.estimate import page
from vulnscope.report.write_terminal import write_terminal

if TYPE_CHECKING:
    from rich.console import Console

    from vulnscope.records.against import AgainstEstimate
    from vulnscope.records.study import StudyEstimate


def print_estimate(estimate: StudyEstimate | AgainstEstimate, console: Console) -> None:
    """Memory item by item, then time and disk stage by stage, and what the figures rest on."""
    write_terminal(page(estimate), console)
