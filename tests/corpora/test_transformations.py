"""Transformed code is checked by what reads it: Python runs it, a C compiler compiles it. Only our own code is run."""

from __future__ import annotations

import ast
import subprocess
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vulnscope.corpora import Corpus, Sample
from vulnscope.corpora.code.syntax import parse
from vulnscope.corpora.transformations import KINDS, TransformError, augment, transform
from vulnscope.corpora.transformations.c_scopes import find_c_locals
from vulnscope.corpora.transformations.python_scopes import find_python_locals
from vulnscope.corpora.transformations.source import TextEdit, apply_edits, map_lines
from vulnscope.errors import InputError

FIXTURES = Path(__file__).parents[1] / "fixtures" / "transformations"
PYTHON = (FIXTURES / "functions.py").read_text()
C = (FIXTURES / "functions.c").read_text()
SEEDS = range(4)
INPUTS: dict[str, st.SearchStrategy[tuple[Any, ...]]] = {
    "scale": st.tuples(st.lists(st.integers(-200, 200))),
    "nested": st.tuples(st.integers(), st.integers(), st.integers()),
    "shadow": st.tuples(st.integers(-5, 5)),
    "guarded": st.tuples(st.text("0123456789ab", max_size=5)),
    "boxes": st.tuples(st.integers()),
    "matched": st.tuples(st.lists(st.integers(0, 9), min_size=1, max_size=4)),
    "counted": st.tuples(st.integers(-2, 6)),
}


def sample_of(code: str, language: str, **fields: Any) -> Sample:
    return Sample(**{"id": "one", "corpus": "test", "language": language, "label": "fixed", "code": code, **fields})


def run(code: str) -> dict[str, Any]:
    names: dict[str, Any] = {}
    exec(compile(code, "fixture", "exec"), names)
    return names


@pytest.fixture(scope="module", params=[*KINDS, "rename+comments+dead-code+whitespace"])
def kinds(request: pytest.FixtureRequest) -> list[str]:
    return str(request.param).split("+")


@pytest.fixture(scope="module")
def variants(kinds: list[str]) -> list[dict[str, Any]]:
    return [run(transform(sample_of(PYTHON, "python"), kinds, seed).code) for seed in SEEDS]


@pytest.mark.parametrize("name", INPUTS)
def test_python_behaves_the_same(name: str, variants: list[dict[str, Any]]) -> None:
    original = run(PYTHON)[name]

    @settings(max_examples=20)
    @given(INPUTS[name])
    def check(arguments: tuple[Any, ...]) -> None:
        expected = original(*deepcopy(arguments))
        for variant in variants:
            assert variant[name](*deepcopy(arguments)) == expected

    check()


@pytest.mark.needs("gcc")
def test_c_compiles_to_the_same_program(kinds: list[str], tmp_path: Path) -> None:
    """Optimised assembly, which knows nothing of names, comments and dead code, stays the same."""

    def compile_code(code: str) -> str:
        path = tmp_path / "code.c"
        path.write_text(code)
        command = ["gcc", "-std=gnu11", "-O2", "-S", "-fno-asynchronous-unwind-tables", "-o", "-", path.name]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    expected = compile_code(C)
    for seed in SEEDS[:2]:
        changed = transform(sample_of(C, "c"), kinds, seed).code
        assert changed != C
        assert compile_code(changed) == expected


@pytest.mark.needs("gcc")
def test_an_excerpt_of_c_below_its_return_type_is_read_all_the_same(kinds: list[str], tmp_path: Path) -> None:
    """Functions of the GNU style are often cut from their file at the line that begins with their name."""
    code = "measure(const char *word, int limit)\n{\n    /* a word */\n    int length = (int)strlen(word);\n"
    code += "    if (length > limit)\n        return limit;\n    return length;\n}\n"
    changed = transform(sample_of(code, "c", changed_lines=(4,)), kinds, 2)
    assert "strlen" in changed.code.split("\n")[changed.changed_lines[0] - 1]
    assert changed.code.lstrip(" ").startswith("measure(")
    if "rename" in kinds:
        assert "length" not in changed.code
    compiled = []
    for text in (code, changed.code):
        (tmp_path / "code.c").write_text(f"#include <string.h>\nint {text}")
        command = ["gcc", "-std=gnu11", "-O2", "-S", "-o", "-", "code.c"]
        compiled.append(subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True).stdout)
    assert compiled[0] == compiled[1]


@pytest.mark.parametrize(("code", "language"), [(PYTHON, "python"), (C, "c")])
def test_the_same_seed_gives_the_same(code: str, language: str, kinds: list[str]) -> None:
    one, other = (transform(sample_of(code, language), kinds, 7).code for _ in range(2))
    assert one == other != code
    if kinds != ["strip-comments"]:
        assert len({transform(sample_of(code, language), kinds, seed).code for seed in SEEDS}) > 1


def test_python_names_that_are_left_alone() -> None:
    found = find_python_locals(parse(PYTHON, "python").root_node)
    expected = {"values", "result", "index", "start", "rest", "named", "add", "amount", "seen", "total", "key"}
    assert (expected - {"add", "amount"}) <= set(found)  # a function; given by keyword
    kept = {"scale", "by", "FACTOR", "self", "Box", "size", "box", "append", "amount", "second", "offset_", "add"}
    renamed_amounts = [node.start_point.row for node in found.get("amount", [])]
    assert not (kept - {"amount"}) & set(found)
    # `amount` is renamed as a loop variable, but not as the parameter that a caller names.
    assert PYTHON.split("\n").index("    def add(amount):") not in renamed_amounts
    assert all(node.start_point.row > 10 for node in found["total"])


@pytest.mark.parametrize(
    ("code", "renamed"),
    [
        ("def f(a):\n    import a.b\n    return a\n", set()),
        ("def f(a, b=a):\n    return a\n", {"a", "b"}),
        ("x = 1\ndef f():\n    global x\n    x = 2\n    y = x\n    return y\n", {"y"}),
        ("def f(a):\n    b = a\n    return eval('b')\n", set()),
        ("@route('/x')\ndef f(a):\n    b = a\n    return b\n", {"b"}),
        ("def f(a):\n    b = a\n    return f'{b=}'\n", {"a"}),
        ("class A:\n    x = 1\n    y = [x for z in range(x)]\n", {"z"}),
        ("def f(a):\n    if any((last := x) for x in a):\n        return last\n", {"a", "x"}),
        ("def f(x):\n    class A:\n        x = x\n    return A.x, x\n", {"x"}),
        ("print(x)\n", set()),
    ],
)
def test_python_scopes(code: str, renamed: set[str]) -> None:
    assert set(find_python_locals(parse(code, "python").root_node)) == renamed


def test_a_default_is_read_outside() -> None:
    code = transform(sample_of("a = 1\ndef f(a, b=a):\n    return a + b\n", "python"), ["rename"]).code
    assert code.startswith("a = 1\n")
    assert "=a):" in code
    assert run(code)["f"](5) == 6


def test_c_names_that_are_left_alone() -> None:
    found = find_c_locals(parse(C, "c").root_node)
    assert {"values", "length", "index", "value", "first", "before", "size", "kind", "local"} <= set(found)
    # A macro's own text, a member behind offsetof, an extern, enumerators, old-style parameters, other functions.
    assert not {"total", "data", "pick", "errors", "small", "large", "a", "b", "shared", "printf", "amount"} & set(
        found
    )
    lines = C.split("\n")
    rows = {node.start_point.row for node in found["count"]}
    assert lines.index("    int before = count;") not in rows
    assert lines.index("int shadowed(int count)") in rows


@pytest.mark.parametrize(
    ("code", "renamed"),
    [
        ("int f(int a) { return sizeof(a) + (b)a; }", {"a"}),
        ("typedef int a; int f(void) { a b = 1; return b; }", {"b"}),
        ("int f(struct s *p, int m) { return container_of(p, struct s, m)->x; }", set()),
        ('int f(int a) { __asm__("" : "=r"(a)); return a; }', set()),
        ("int f(int a) { return a +; }", set()),
        ("int f(int a);", set()),
    ],
)
def test_c_scopes(code: str, renamed: set[str]) -> None:
    assert set(find_c_locals(parse(code, "c").root_node)) == renamed


def test_lines_follow_the_edits() -> None:
    code = b"a\n  b\nc\n"
    edits = [TextEdit(4, 4, "x\n  "), TextEdit(0, 1, "aa")]
    assert apply_edits(code, edits) == b"aa\n  x\n  b\nc\n"
    assert map_lines(code, edits, (1, 2, 3)) == (1, 3, 4)


def test_changed_lines_stay_on_their_code(kinds: list[str]) -> None:
    lines = tuple(number for number, line in enumerate(C.split("\n"), 1) if "strlen" in line or "goto" in line)
    changed = transform(sample_of(C, "c", changed_lines=lines), kinds, 3)
    shown = [changed.code.split("\n")[number - 1] for number in changed.changed_lines]
    assert len(shown) == 2
    assert "strlen" in shown[0]
    assert "goto" in shown[1]


def test_a_variant_says_what_it_is() -> None:
    base = sample_of(PYTHON, "python", pair_id="p", cwes=("CWE-89",), split="val", group_keys=("commit:c",))
    changed = transform(base, ["rename", "comments"], 5)
    assert (changed.id, changed.pair_id) == ("one~rename+comments", "p~rename+comments")
    assert changed.augmentation is not None
    assert changed.augmentation.kind == "rename+comments"
    assert changed.augmentation.base_id == "one"
    assert changed.augmentation.version == "seed 5"
    assert (changed.label, changed.cwes, changed.split) == (base.label, base.cwes, base.split)
    assert set(base.group_keys) < set(changed.group_keys)


@pytest.mark.parametrize(
    ("code", "language", "kind", "reason"),
    [
        ("x := 1", "go", "rename", "language 'go' is not among those that can be transformed: python, c"),
        ("print(1)\n", "python", "rename", "no local name that can be renamed"),
        ("x = 1\n", "python", "strip-comments", "no comment to take out"),
        ("int x;\n", "c", "dead-code", "no function body that dead code could be put into"),
        ("int f(int a) { return a +; }", "c", "rename", "the parser cannot read a function whole, so no name in it is"),
        ("x", "python", "whitespace", "no white space that could be changed"),
        ("'doc'\n", "python", "comments", "no statement that a comment could be put before"),
    ],
)
def test_what_cannot_be_transformed(code: str, language: str, kind: str, reason: str) -> None:
    with pytest.raises(TransformError, match=reason):
        transform(sample_of(code, language), [kind])


def test_an_unknown_kind() -> None:
    with pytest.raises(InputError, match="unknown transformation 'shuffle'; choose one of: comments, dead-code"):
        transform(sample_of(C, "c"), ["shuffle"])
    with pytest.raises(InputError, match="no transformation given; choose from: comments"):
        transform(sample_of(C, "c"), [])


@given(st.text("ab=()[]:,#'\"\\ \t\n{}/*;+if", max_size=60), st.sampled_from(["python", "c"]), st.sampled_from(KINDS))
def test_any_text_is_refused_or_transformed(code: str, language: str, kind: str) -> None:
    try:
        changed = transform(sample_of(code, language, changed_lines=(1,)), [kind])
    except TransformError:
        return
    assert changed.code != code
    if language == "python":
        try:
            ast.parse(code)
        except (SyntaxError, ValueError):
            return
        ast.parse(changed.code)


class TestAugment:
    @pytest.fixture
    def corpus(self, make_corpus: Callable[[list[Sample]], Corpus]) -> Corpus:
        before = (
            "def f(items, limit):\n    total = 0\n    for item in items:\n        total += item\n    return total\n"
        )
        after = before.replace("+= item\n", "+= min(item, limit)\n")
        twins = [
            sample_of(code, "python", id=f"p/{label}", label=label, pair_id="p", split="train")
            for label, code in (("vulnerable", before), ("fixed", after))
        ]
        half = [
            sample_of(code, "python", id=f"q/{label}", label=label, pair_id="q")
            for label, code in (("vulnerable", "def g(a):\n    return a\n"), ("fixed", "def g(**a): pass\n"))
        ]
        return make_corpus([*twins, *half, sample_of("x := 1", "go", id="go")])

    def test_every_sample_and_kind_is_accounted_for(self, corpus: Corpus) -> None:
        wide = augment(corpus, ["rename"], 1)
        assert wide.samples[:5] == corpus.samples
        assert [sample.id for sample in wide.samples[5:]] == [
            "p/vulnerable~rename",
            "p/fixed~rename",
            "q/vulnerable~rename",
            "q/fixed~rename",
        ]
        assert [str(row) for row in wide.bad_rows] == [
            "go~rename: not transformed: language 'go' is not among those that can be transformed: python, c"
        ]
        assert wide.n_rows_in == corpus.n_rows_in + 3

    def test_a_variant_stays_in_its_group_under_any_selection(self, corpus: Corpus) -> None:
        wide = augment(corpus, ["rename", "misleading"], 1)
        for sample in wide.samples:
            base = sample.augmentation.base_id if sample.augmentation else sample.id
            assert wide.groups[sample.id] == corpus.groups[base or ""]
        some = wide.keep(sample for sample in wide.samples if sample.augmentation)
        assert all(some.groups[sample.id] == wide.groups[sample.id] for sample in some.samples)

    def test_twins_get_the_same_names(self, corpus: Corpus) -> None:
        wide = augment(corpus, ["rename", "dead-code"], 1)
        pair = next(pair for pair in wide.pairs if pair.id == "p~rename")
        before, after = pair.vulnerable.code.split("\n"), pair.fixed.code.split("\n")
        assert [one == other for one, other in zip(before, after, strict=True)] == [True, True, True, False, True, True]
        assert pair.vulnerable.changed_lines == (4,)

    def test_dead_code_stands_before_a_line_that_twins_share(
        self, make_corpus: Callable[[list[Sample]], Corpus]
    ) -> None:
        lines = [
            "def f(items):",
            "    total = 0",
            "    for item in items:",
            "        total += item",
            "    return total",
            "",
        ]
        guards = [f"    if len(items) > {number}: return {number}" for number in range(9)]
        twins = [
            sample_of("\n".join(text), "python", id=f"p/{label}", label=label, pair_id="p")
            for label, text in (("vulnerable", lines), ("fixed", [*lines[:2], *guards, *lines[2:]]))
        ]
        for seed in range(8):
            (pair,) = [pair for pair in augment(make_corpus(twins), ["dead-code"], seed).pairs if "~" in pair.id]
            below = []
            for side, original in ((pair.vulnerable, lines), (pair.fixed, [*lines[:2], *guards, *lines[2:]])):
                added = [number for number, line in enumerate(side.code.split("\n")) if line not in original]
                below.append(side.code.split("\n")[max(added) + 1])
            assert below[0] == below[1]

    def test_one_twin_that_cannot_be_transformed_takes_the_other_along(self, corpus: Corpus) -> None:
        wide = augment(corpus, ["dead-code"], 1)
        ids = {sample.id for sample in wide.samples}
        assert "p/fixed~dead-code" in ids
        assert ("q/vulnerable~dead-code" in ids) == ("q/fixed~dead-code" in ids)

    def test_variants_are_not_transformed_again(self, corpus: Corpus) -> None:
        wide = augment(augment(corpus, ["rename"]), ["whitespace"])
        assert not [sample.id for sample in wide.samples if sample.id.count("~") > 1]

    def test_nothing_to_transform(self, corpus: Corpus) -> None:
        with pytest.raises(InputError, match=r"nothing could be transformed by rename: .*language 'go'"):
            augment(corpus.keep(corpus.samples[4:]), ["rename"])


def test_real_sven_can_be_transformed(load_real: Callable[[str], Corpus]) -> None:
    corpus = load_real("sven")
    some = corpus.keep(sample for pair in corpus.pairs[::80] for sample in (pair.vulnerable, pair.fixed))
    for kind in ("rename", "whitespace"):
        wide = augment(some, [kind])
        assert len(wide.samples) > 1.5 * len(some.samples)
