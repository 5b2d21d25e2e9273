"""Rows of sweeps as they are stored, by this version and by older ones."""

from __future__ import annotations

from typing import Any

import pytest

from vulnscope.effects import margins

SCORES = [[-0.5], [-1.5]]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([SCORES, [7], -0.5], (7,)),
        ([SCORES, [7, 9], -0.5], (7, 9)),
        ([SCORES, 7, -0.5, False], (7,)),
        # Which token ties with it is not known: it is no label, so that the answer stays unparsed.
        ([SCORES, 7, -0.5, True], (7, -1)),
    ],
)
def test_rows_of_older_versions_name_one_top_token(given: list[Any], expected: tuple[int, ...]) -> None:
    assert margins._read_top(given) == expected
