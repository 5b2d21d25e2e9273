"""Which small wrong changes of the decisive modules their own tests notice.

The library mutmut changes functions; what it leaves alone is changed here: numbers outside functions (limits, speeds,
counts) are doubled, and neighbours in a tuple (columns of a table, cells of a row) swapped. A mutant dies when a test
of the listed modules fails; those that change nothing anyone could see stand in `equivalent_mutants.yaml`, with why.
"""

from __future__ import annotations

import ast
import contextlib
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from importlib import import_module
from importlib.machinery import SourceFileLoader
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from benchmarks.options import Options

MODULES = (
    "study/diagnosis",
    "effects/outcomes",
    "stats/multiplicity",
    "report/format",
    "study/forecast",
    "corpora/check/leaks",
    "audit/figures/leaks",
    "report/pages/leaks",
    "patch/page",
    "study/presets/page",
)
"""Below `src/vulnscope`; the tests of `folder/name` are `tests/folder/test_name.py`."""

QUICK = ("study/diagnosis", "stats/multiplicity")
_ROOT = Path(__file__).parents[1]
_EQUIVALENTS = Path(__file__).parent / "equivalent_mutants.yaml"
_WORKERS = 2
_SECONDS = 120
# Assertions of plugins that are loaded already cannot be rewritten, which matters to none of ours.
_OPTIONS = ("-x", "-q", "-p", "no:cacheprovider", "-W", "ignore::pytest.PytestAssertRewriteWarning")
_LOADED_ONCE = ("hypothesis", "rich.table", "scipy.stats", "sklearn.linear_model", "torch", "transformers")


class Mutant(NamedTuple):
    """One wrong change: the lines it removes and adds, white space aside."""

    was: str
    becomes: str
    is_killed: bool


class Change(NamedTuple):
    """A changed source."""

    was: str
    becomes: str
    source: bytes


def run(options: Options, say: Callable[[str], None]) -> dict[str, Any]:
    """The record: mutants of each module, how many died, and those that did not."""
    modules = options.only or (QUICK if options.is_quick else MODULES)
    equivalents = read_equivalents()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        copy_checkout(root, modules)
        say("functions, by mutmut")
        environment = {
            name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VULNSCOPE_DATA")
        }
        command = [sys.executable, "-m", "mutmut", "run", "--max-children", str(_WORKERS)]
        done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"mutmut failed:\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}")
        functions = {module: list(read_mutants(root, module)) for module in modules}
        say("numbers outside functions, and neighbours in a tuple")
        rest = {module: list(run_changes(root, module)) for module in modules}
    found = [judge(module, functions[module] + rest[module], equivalents) for module in modules]
    return {"is_quick": options.is_quick, "modules": found}


def read_equivalents() -> set[tuple[str, str]]:
    """Lines removed and added of the mutants that no test could notice."""
    listed = yaml.safe_load(_EQUIVALENTS.read_text("utf-8"))
    return {(each["was"], becomes) for each in listed for becomes in each["becomes"]}


def judge(module: str, mutants: list[Mutant], equivalents: set[tuple[str, str]]) -> dict[str, Any]:
    """Counts of one module; survivors as the lines they remove and add."""
    alive = [(each.was, each.becomes) for each in mutants if not each.is_killed]
    survivors = [each for each in alive if each not in equivalents]
    n_equivalent = len(alive) - len(survivors)
    return {
        "module": module,
        "n_mutants": len(mutants),
        "n_equivalent": n_equivalent,
        "n_killed": len(mutants) - len(alive),
        "killed_rate": (len(mutants) - len(alive)) / max(1, len(mutants) - n_equivalent),
        "survivors": [{"was": was, "becomes": becomes} for was, becomes in survivors],
    }


def render(record: dict[str, Any]) -> str:
    """The record as Markdown."""
    rows = [
        f"| `{each['module']}` | {each['n_mutants']} | {each['n_equivalent']} | {each['n_killed']} "
        f"| {len(each['survivors'])} | {100 * each['killed_rate']:.0f} % |"
        for each in record["modules"]
    ]
    lead = (
        "Mutants are small wrong changes, one at a time: an operator, a number, a word, an argument left out, two "
        "columns swapped. Killed is one that a test of the listed modules notices; equivalent one that no test could, "
        "listed with its reason in `benchmarks/equivalent_mutants.yaml`; the rate is of all others. Those that survive "
        "are listed in `benchmarks/results/mutants.json`."
    )
    heads = "| module | mutants | equivalent | killed | survive | rate |"
    return "\n".join(("## Mutants", "", lead, "", heads, "|---|---:|---:|---:|---:|---:|", *rows)) + "\n"


def copy_checkout(root: Path, modules: tuple[str, ...]) -> None:
    """Sources, tests and settings in `root`, with what mutmut is to change and to run."""
    for name in ("src", "tests"):
        shutil.copytree(_ROOT / name, root / name)
    settings = {
        "source_paths": ["src"],
        "only_mutate": [f"src/vulnscope/{module}.py" for module in modules],
        "pytest_add_cli_args_test_selection": [
            tests for module in modules if (root / (tests := find_tests(module))).exists()
        ],
        "pytest_add_cli_args": ["-p", "no:cacheprovider"],
        "use_git_change_detection": False,
    }
    lines = "".join(f"{name} = {json.dumps(value)}\n" for name, value in settings.items())
    text = (_ROOT / "pyproject.toml").read_text("utf-8")
    (root / "pyproject.toml").write_text(f"{text}\n[tool.mutmut]\n{lines}", "utf-8")


def find_tests(module: str) -> str:
    """The test file of a module."""
    folder, _, name = module.rpartition("/")
    return f"tests/{folder}/test_{name}.py"


def read_mutants(root: Path, module: str) -> Iterator[Mutant]:
    """What mutmut found in one module; survivors with their lines, the others without."""
    from mutmut.mutation.diff_apply import get_diff_for_mutant

    path = f"src/vulnscope/{module}.py"
    codes = json.loads((root / "mutants" / f"{path}.meta").read_text("utf-8"))["exit_code_by_key"]
    with contextlib.chdir(root):
        for name, code in codes.items():
            # 0: all tests passed; 33: none reached the function; None: not run.
            if code in (0, 33, None):
                lines = get_diff_for_mutant(name, path=path).splitlines()[2:]
                yield Mutant(_join(lines, "-"), _join(lines, "+"), is_killed=False)
            else:
                yield Mutant("", "", is_killed=True)


def _join(lines: list[str], sign: str) -> str:
    return " ".join(line[1:].strip() for line in lines if line.startswith(sign))


def run_changes(root: Path, module: str) -> Iterator[Mutant]:
    """Every further change of one module, each tested in a process of its own, forked with libraries loaded."""
    for name in _LOADED_ONCE:
        import_module(name)
    path = root / "src" / "vulnscope" / f"{module}.py"
    source = path.read_bytes()
    changes = list(find_changes(source))
    with get_context("fork").Pool(_WORKERS, maxtasksperchild=1) as pool:
        if (root / find_tests(module)).exists() and pool.apply(fails, (root, module, Change("", "", source))):
            raise SystemExit(f"the tests of {module} fail without any change")
        for change, is_killed in zip(changes, pool.imap(partial(fails, root, module), changes), strict=True):
            yield Mutant(change.was, change.becomes, is_killed)


def fails(root: Path, module: str, change: Change) -> bool:
    """Whether the tests of `module` notice `change`; only for a process that ends afterwards."""
    import pytest

    if not (root / find_tests(module)).exists():
        return False
    path = str(root / "src" / "vulnscope" / f"{module}.py")
    load = SourceFileLoader.get_code
    SourceFileLoader.get_code = lambda self, name: (  # type: ignore[method-assign]
        compile(change.source, path, "exec", dont_inherit=True) if self.path == path else load(self, name)
    )
    sys.path[:0] = [str(root / "src"), str(root)]
    os.environ.pop("VULNSCOPE_DATA", None)
    signal.signal(signal.SIGALRM, _give_up)
    signal.alarm(_SECONDS)
    with contextlib.chdir(root), contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        return pytest.main([*_OPTIONS, find_tests(module)]) != 0


def _give_up(*_: object) -> None:
    raise TimeoutError(f"more than {_SECONDS} s")


def find_changes(source: bytes) -> Iterator[Change]:
    """Numbers outside functions doubled, and neighbours in tuples swapped."""
    tree = ast.parse(source)
    starts = [0, *(place + 1 for place, byte in enumerate(source) if byte == ord("\n"))]

    def span(node: ast.expr) -> tuple[int, int]:
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        return starts[node.lineno - 1] + node.col_offset, starts[node.end_lineno - 1] + node.end_col_offset

    def change(begin: int, end: int, new: bytes) -> Change:
        return Change(
            " ".join(source[begin:end].decode().split()),
            " ".join(new.decode().split()),
            source[:begin] + new + source[end:],
        )

    for node in _outside_functions(tree):
        if isinstance(node, ast.Constant) and type(node.value) in (int, float):
            yield change(*span(node), repr(2 * node.value or 1).encode())
    for row in _displayed_tuples(tree):
        for one, other in zip(row.elts, row.elts[1:], strict=False):
            (begin, middle), (after, end) = span(one), span(other)
            if source[begin:middle] != source[after:end]:
                yield change(begin, end, source[after:end] + source[middle:after] + source[begin:middle])


def _outside_functions(node: ast.AST) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, ast.FunctionDef | ast.Lambda | ast.Subscript):
            yield child
            yield from _outside_functions(child)


def _displayed_tuples(node: ast.AST) -> Iterator[ast.Tuple]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Tuple) and isinstance(child.ctx, ast.Load):
            yield child
        # Annotations, and lists of words that are unpacked where they stand, mean the same in any order.
        if not isinstance(child, ast.Subscript | ast.Starred):
            yield from _displayed_tuples(child)
