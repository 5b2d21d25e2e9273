"""What one patching is asked to do."""

from __future__ import annotations

from pydantic import Field

from vulnscope.ask.settings import Selection


class PatchConfig(Selection):
    """Resolved settings of twin patching; stored in the run and in the result."""

    layers: tuple[int, ...] = Field(default=(), description="layers to patch; () patches all")
    max_pairs: int = Field(default=64, ge=2, description="at most so many pairs, drawn over groups")
