"""What every benchmark can be told."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Options:
    """Command-line options of one benchmark run."""

    is_quick: bool
    data_dir: Path | None
    only: tuple[str, ...]
    device: str
    sae_lens_python: Path | None = None
