"""Something chosen, and what it did on the report groups."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vulnscope.effects.margins import Margins
    from vulnscope.interventions import Intervention, Vectors
    from vulnscope.models import Edit
    from vulnscope.records.steer import Kind
    from vulnscope.steer.points import Trial


@dataclass(frozen=True, eq=False)
class Tried:
    """A chosen intervention and what it did on the report groups."""

    name: str
    kind: Kind
    what: str
    sign: float
    margins: Margins
    edits: tuple[Edit, ...] = ()
    intervention: Intervention | None = None
    vectors: Vectors | None = None
    trial: Trial | None = None
