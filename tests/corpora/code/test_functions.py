from __future__ import annotations

import pytest

from vulnscope.corpora.code.functions import function_lines

C = "int a;\nint f(void)\n{\n  return 1;\n}\n#ifdef X\nvoid g(void) {}\n#endif\n"
CPP = """\
namespace n {
struct S {
  int m() { return 1; }
};
}
extern "C" {
int h() {
  auto f = [] { return 1; };
  return f();
}
}
"""
PYTHON = """\
import os

@wraps
def f():
    def inner():
        pass
    return inner

@dataclass
class C:
    def m(self):
        pass
"""


@pytest.mark.parametrize(
    ("code", "language", "expected"),
    [
        (C, "c", [(2, 5), (7, 7)]),
        (CPP, "cpp", [(3, 3), (7, 10)]),
        (PYTHON, "python", [(3, 7), (11, 12)]),
        (PYTHON, "cobol", []),
        ("", "c", []),
        ("int broken( {", "c", []),
    ],
)
def test_outermost_functions(code: str, language: str, expected: list[tuple[int, int]]) -> None:
    assert [(lines.start, lines.stop - 1) for lines in function_lines(code, language)] == expected


def test_deep_nesting_does_not_exhaust_the_stack() -> None:
    assert function_lines("int f(void) { return 1; }\nint x = " + "(" * 50_000 + "1" + ")" * 50_000 + ";\n", "c")
