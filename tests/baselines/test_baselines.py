"""Fixed runs of every kind leave what they left before; what changed on purpose is written anew by tests.regenerate."""

from __future__ import annotations

import pytest
from tests.baselines.comparing import find_change
from tests.baselines.golden import GOLDEN, read_help, run_group
from tests.baselines.making import GROUPS
from tests.baselines.page import read_page


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return run_group(tmp_path_factory.mktemp("runs"), GROUPS[0])


@pytest.fixture(scope="module")
def studies(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return run_group(tmp_path_factory.mktemp("studies"), GROUPS[1])


def list_changes(found: dict[str, str], place: str) -> list[str]:
    """What of the golden files in the folder `place` is no longer so."""
    known = {path.relative_to(GOLDEN).as_posix() for path in (GOLDEN / place).iterdir()}
    now = {file for file in found if file.startswith(f"{place}/")}
    changes = [f"{file}: {'gone' if file in known else 'new'}" for file in sorted(known ^ now)]
    for file in sorted(known & now):
        change = find_change(file, (GOLDEN / file).read_text(encoding="utf-8"), found[file])
        changes += [] if change is None else [f"{file}: {change}"]
    return changes


@pytest.mark.slow
@pytest.mark.parametrize("name", GROUPS[0])
def test_a_run_leaves_what_it_left_before(runs: dict[str, str], name: str) -> None:
    assert list_changes(runs, name) == []


@pytest.mark.slow
@pytest.mark.parametrize("name", GROUPS[1])
def test_a_study_leaves_what_it_left_before(studies: dict[str, str], name: str) -> None:
    assert list_changes(studies, name) == []


def test_help_says_what_it_said_before() -> None:
    assert list_changes(read_help(), "help") == []


@pytest.mark.parametrize(
    ("file", "before", "now", "is_same"),
    [
        ("a.txt", "0.51 [0.34, 0.52]", "0.50  [0.34,\n0.52]", True),
        ("a.txt", "0.51 of it", "0.53 of it", False),
        ("a.txt", "54 % of all", "55 % of all", True),
        ("a.txt", "54 % of all", "56 % of all", False),
        ("a.txt", "40 samples", "41 samples", False),
        ("a.txt", "knows", "known", False),
        ("a.txt", "one", "one more", False),
        ("a.txt", "| a | b |", "| a b |", False),
        ("a.txt", "1.5e-05 nats", "9.6e-06 nats", True),
        ("a.json", '{"a": [1.00001, "x"]}', '{"a": [1.0, "x"]}', True),
        ("a.txt", "1.5e-05 nats", "1.5e-03 nats", False),
        ("a.json", '{"a": 1.01}', '{"a": 1.0}', False),
        ("a.json", '{"a": 1}', '{"a": 2}', False),
        ("a.json", '{"a": 1}', '{"a": 1.0}', False),
        ("a.json", '{"a": null}', "{}", False),
        ("a.jsonl", '{"a": 1}\n', '{"a": 1}\n{"a": 1}\n', False),
    ],
)
def test_what_counts_as_the_same(file: str, before: str, now: str, is_same: bool) -> None:
    assert (find_change(file, before, now, is_exact=False) is None) == is_same
    assert (find_change(file, now, before, is_exact=False) is None) == is_same
    assert find_change(file, before, now, is_exact=True) is not None


def test_a_page_is_read_for_what_it_says() -> None:
    plain = "<h2>A  title</h2><p>Some <b>words</b></p><table><tr><th>a</th><td>1 <small>x</small></td></tr></table>"
    wrapped = f"<style>p {{}}</style><div class='new'><section>{plain}</section></div><script>run()</script>"
    said = "# A title\nSome words\n| a | 1 x |\n"
    assert read_page(plain) == read_page(wrapped) == said
    chart = '<svg><rect x="1" fill="red"/><text>tip</text></svg><svg aria-hidden="true"><rect x="1"/></svg>'
    data = '<script type="application/json">{"b": [1], "a": "<"}</script>'
    assert read_page(chart + data) == 'tip chart: rect x=1\ndata a: "<"\ndata b: [1]\n'
