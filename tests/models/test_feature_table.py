from __future__ import annotations

from tests.models.feature_table import GOLDEN, PAGE, render_row
from tests.models.subjects import tiny_subject
from tests.models.zoo import ARCHITECTURES


def test_the_page_of_architectures_is_what_the_self_checks_say() -> None:
    text = (GOLDEN / PAGE).read_text(encoding="utf-8")
    rows = [line for line in text.splitlines() if line.startswith("| ")][1:]
    assert [row.split(" | ")[0].removeprefix("| ") for row in rows] == list(ARCHITECTURES)
    reasons: dict[str, list[str]] = {}
    assert rows == [render_row(tiny_subject(name), reasons) for name in ARCHITECTURES]
    assert all(f"- {reason}: {', '.join(names)}" in text for reason, names in reasons.items())
