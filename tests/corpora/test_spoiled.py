"""The conformance of all loaders on bad input: one table of layouts by cases, in `layouts`."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from tests.corpora.layouts import LAYOUTS
from tests.corpora.spoiling import CASES, Layout, Spoilt

from vulnscope.corpora import load_corpus
from vulnscope.corpora.check.problems import find_problems
from vulnscope.registry import list_names

TABLE = [(name, case, layout) for name, layout in LAYOUTS.items() for case in CASES]
BAD = [(name, layout, case) for name, case, layout in TABLE if case != "unassigned CWE"]


def test_every_loader_and_every_case_is_in_the_table() -> None:
    assert {layout.loader for layout in LAYOUTS.values()} == set(list_names("corpus")) - {"synthetic"}
    for name, layout in LAYOUTS.items():
        assert tuple(layout.cases) == CASES, name
        reasons = [case for case in layout.cases.values() if isinstance(case, str)]
        assert all(reasons)
        assert len(reasons) <= len(CASES) // 2, name


def spoil(name: str, spoilt: Spoilt, corpora_dir: Path, tmp_path: Path) -> Path:
    root = Path(shutil.copytree(corpora_dir / name, tmp_path / name))
    load_corpus(LAYOUTS[name].loader, root, **LAYOUTS[name].options)  # as it is, it is good
    spoilt.do(root)
    return root


@pytest.mark.parametrize(
    ("name", "layout", "case"),
    [entry for entry in BAD if isinstance(entry[1].cases[entry[2]], Spoilt)],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_bad_input_is_a_clear_error_or_a_reported_row(
    name: str, layout: Layout, case: str, corpora_dir: Path, tmp_path: Path
) -> None:
    spoilt = layout.cases[case]
    assert isinstance(spoilt, Spoilt)
    root = spoil(name, spoilt, corpora_dir, tmp_path)
    with pytest.raises(spoilt.error, match=spoilt.words) as caught:
        load_corpus(layout.loader, root, **layout.options)
    if spoilt.n_bad is None:
        assert str(root) in str(caught.value) or "nothing is left to read" in str(caught.value)
        return
    assert "leave bad rows out with --skip-bad" in str(caught.value)
    corpus = load_corpus(layout.loader, root, skip_bad=True, **layout.options)
    assert len(corpus.bad_rows) == spoilt.n_bad
    assert corpus.n_rows_in == corpus.n_rows_out + spoilt.n_bad
    assert all(row.path for row in corpus.bad_rows)


@pytest.mark.parametrize(
    "name", [name for name in LAYOUTS if isinstance(LAYOUTS[name].cases["unassigned CWE"], Spoilt)]
)
def test_a_number_that_is_no_weakness_is_kept_and_told(name: str, corpora_dir: Path, tmp_path: Path) -> None:
    layout = LAYOUTS[name]
    spoilt = layout.cases["unassigned CWE"]
    assert isinstance(spoilt, Spoilt)
    corpus = load_corpus(layout.loader, spoil(name, spoilt, corpora_dir, tmp_path), **layout.options)
    assert not corpus.bad_rows
    (problem,) = find_problems(corpus.samples)
    assert "CWE-9999 (" in problem
