from __future__ import annotations

from pathlib import Path

import pytest

from vulnscope.corpora.ordinary import load_ordinary
from vulnscope.errors import InputError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    (root / "lib").mkdir(parents=True)
    (root / ".hidden").mkdir()
    (root / "a.py").write_text("import os\n\ndef f(x):\n    return x\n\nclass C:\n    def g(self):\n        return 1\n")
    (root / "lib" / "b.c").write_text("int h(void) {\n  return 0;\n}\nint k(int a) {\n  return a;\n}\n")
    (root / "lib" / "copy.py").write_text("def f(x):\n    return x\n")
    (root / "c.java").write_text("class A { void m() {} }\n")
    (root / "latin.py").write_bytes(b"def g():\n    return '\xe9'\n")
    (root / ".hidden" / "d.py").write_text("def secret():\n    pass\n")
    (root / "link.py").symlink_to(root / "a.py")
    return root


def test_functions_and_methods_are_found_once_and_the_rest_is_told(folder: Path) -> None:
    corpus, left_out = load_ordinary(folder, limit=100)
    assert [sample.id for sample in corpus.samples] == [
        "background/a.py:3",
        "background/a.py:7",
        "background/lib/b.c:1",
        "background/lib/b.c:4",
    ]
    assert corpus.samples[1].code == "    def g(self):\n        return 1"
    assert {sample.label for sample in corpus.samples} == {"unlabelled"}
    assert len(set(corpus.groups.values())) == 2
    assert set(left_out) == {
        "1 files: functions of java cannot be found (no grammar)",
        "1 functions: copies of others",
        "1 files: cannot be read as UTF-8",
    }
    assert [bad.path for bad in corpus.bad_rows] == ["latin.py"]


def test_languages_known_code_and_a_limit_leave_functions_out(folder: Path) -> None:
    python, left_out = load_ordinary(folder, languages=["python"], limit=100)
    assert {sample.language for sample in python.samples} == {"python"}
    assert "1 files: c is no language of the corpus" in left_out
    known = [f"\n{python.samples[0].code}\n\n"]
    rest, left_out = load_ordinary(folder, without=known, limit=100)
    assert len(rest.samples) == 3
    assert "2 functions: the same code is in the corpus" in left_out
    drawn, left_out = load_ordinary(folder, limit=2, seed=1)
    assert len(drawn.samples) == 2
    assert "2 functions: not drawn" in left_out
    assert drawn == load_ordinary(folder, limit=2, seed=1).corpus


def test_a_folder_without_functions_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is not a folder"):
        load_ordinary(tmp_path / "missing", limit=1)
    (tmp_path / "A.java").write_text("class A {}\n")
    with pytest.raises(InputError, match=r"holds no function .*1 files: functions of java cannot be found"):
        load_ordinary(tmp_path, limit=1)
