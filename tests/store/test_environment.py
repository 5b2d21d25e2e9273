from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from vulnscope.store import cache_dir, code_digest, collect_versions, runs_dir


def test_versions_are_read_without_importing() -> None:
    program = (
        "import sys; from vulnscope.store import collect_versions; v = collect_versions()\n"
        "assert set(v) >= {'python', 'torch', 'transformers', 'tokenizers', 'numpy', 'scipy', 'scikit-learn'}, v\n"
        "assert not {'torch', 'transformers', 'numpy', 'sklearn'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
    assert collect_versions()["python"].count(".") == 2


def test_the_code_digest_follows_content_and_names(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("1")
    first = code_digest(tmp_path)
    (tmp_path / "notes.txt").write_text("no code")
    assert code_digest(tmp_path) == first
    (tmp_path / "a.py").write_text("2")
    assert code_digest(tmp_path) != first
    (tmp_path / "a.py").write_text("1")
    (tmp_path / "a.py").rename(tmp_path / "b.py")
    assert code_digest(tmp_path) != first
    assert len(code_digest()) == 16


@pytest.mark.parametrize(
    ("environ", "system", "expected"),
    [
        ({"VULNSCOPE_CACHE": "/x", "XDG_CACHE_HOME": "/y", "HOME": "/h"}, "linux", "/x"),
        ({"XDG_CACHE_HOME": "/y", "HOME": "/h"}, "linux", "/y/vulnscope"),
        ({"HOME": "/h"}, "linux", "/h/.cache/vulnscope"),
        ({"HOME": "/h"}, "darwin", "/h/Library/Caches/vulnscope"),
    ],
)
def test_cache_folder(environ: dict[str, str], system: str, expected: str) -> None:
    assert cache_dir(environ, system) == Path(expected)


def test_runs_folder() -> None:
    assert runs_dir({}) == Path("runs")
    assert runs_dir({"VULNSCOPE_RUNS": "/data/runs"}) == Path("/data/runs")
