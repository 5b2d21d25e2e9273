"""Something chosen, and what it did on the report groups."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from vulnscope.interventions import Intervention, Vectors, resolve_edits

if TYPE_CHECKING:
    from vulnscope.effects.margins import Margins
    from vulnscope.effects.trials import Trial
    from vulnscope.models import Edit
    from vulnscope.records.steer import Kind


@dataclass(frozen=True, eq=False)
class Tried:
    """A chosen intervention and what it did on the report groups; `sign` is that of its scale, 0 where it has none."""

    name: str
    kind: Kind
    what: str
    sign: float
    margins: Margins
    intervention: Intervention
    vectors: Vectors | None = None
    trial: Trial | None = None

    @property
    def edits(self) -> tuple[Edit, ...]:
        """Its edits with their numbers in place."""
        return resolve_edits(self.intervention, self.vectors)
