"""Earlier experiments as presets of the study: repeated as they were written, and done right beside it."""

from __future__ import annotations

STARCODER = "starcoder-steering-2025"
PRESETS = (STARCODER,)
"""Names that `study --preset` takes."""
