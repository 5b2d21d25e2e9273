"""What `make mutants` changes, and that its list of modules keeps up with the tree."""

from __future__ import annotations

from pathlib import Path

from benchmarks.mutants import MODULES, find_changes, find_tests, read_equivalents

ROOT = Path(__file__).parents[1]


def test_every_module_and_its_tests_are_there() -> None:
    for module in MODULES:
        assert (ROOT / "src" / "vulnscope" / f"{module}.py").is_file(), module
        assert (ROOT / find_tests(module)).is_file(), module


def test_numbers_outside_functions_are_doubled_and_neighbours_swapped() -> None:
    source = '''"""Words – 3."""
LIMIT: Final[int] = 5
NONE, WORDS = 0, frozenset((*("a", "b"),))


class Config:
    share: float = Field(default=0.5, ge=0)


def row(a: tuple[int, str], b: int = 7) -> object:
    return (a, f"{b} –", 9), (b, b)
'''
    found = list(find_changes(source.encode()))
    assert [(each.was, each.becomes) for each in found] == [
        ("5", "10"),
        ("0", "1"),
        ("0.5", "1.0"),
        ("0", "1"),
        ('0, frozenset((*("a", "b"),))', 'frozenset((*("a", "b"),)), 0'),
        ('(a, f"{b} –", 9), (b, b)', '(b, b), (a, f"{b} –", 9)'),
        ('a, f"{b} –"', 'f"{b} –", a'),
        ('f"{b} –", 9', '9, f"{b} –"'),
    ]
    assert found[6].source.decode() == source.replace('(a, f"{b} –", 9)', '(f"{b} –", a, 9)')
    for each in found:
        compile(each.source, "changed", "exec")


def test_equivalent_mutants_change_something() -> None:
    assert all(was != becomes for was, becomes in read_equivalents())
