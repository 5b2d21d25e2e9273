from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from vulnscope.records.base import Record
from vulnscope.store import Run, open_run


class SmallConfig(Record):
    corpus: str = "synthetic"
    limit: int | None = 10


class SmallRow(Record):
    sample: str
    margin: float = 0.5
    text: str = ""


OpenRun = Callable[..., Run]


@pytest.fixture
def open_small(tmp_path: Path) -> OpenRun:
    """`open_run` with everything but the arguments at hand fixed; ids and times count up."""
    numbers = count()

    def open_it(**changes: Any) -> Run:
        settings: dict[str, Any] = {
            "config": SmallConfig(),
            "subject_digest": "s" * 16,
            "corpus_digest": "c" * 16,
            "seed": 7,
            "device": "cpu",
            "command": "vulnscope audit organism --corpus synthetic",
            "versions": {"python": "3.11.7", "torch": "2.13.0"},
            "code": "d" * 16,
            "clock": lambda: datetime(2031, 5, 4, 3, 2, 1, tzinfo=UTC),
            "token": lambda: f"{next(numbers):04x}",
        }
        return open_run(tmp_path / "runs", "audit", **{**settings, **changes})

    return open_it


@pytest.fixture
def batches() -> list[list[SmallRow]]:
    """Eleven rows in four batches, with text that strains line handling."""
    rows = [SmallRow(sample=f"s{i}", margin=i / 3, text="naïve\u2028\n\r\x00☃"[: i % 9]) for i in range(11)]
    return [rows[0:3], rows[3:4], rows[4:9], rows[9:11]]
