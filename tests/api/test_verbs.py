"""The verbs are what the kinds say."""

from __future__ import annotations

from tests.api.verbs_source import GOLDEN, render_golden


def test_the_verbs_are_written_from_the_kinds() -> None:
    for file, text in render_golden().items():
        assert (GOLDEN / file).read_text(encoding="utf-8") == text, "run: python -m tests.regenerate"
