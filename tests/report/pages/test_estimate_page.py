"""What a study would take: each figure in its row, and both studies together."""

from __future__ import annotations
