"""The Python of the how-to pages runs as printed, each page from top to bottom in a folder of its own."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.models.zoo import save_tiny

from vulnscope.models.subject import files

HOW_TO = Path(__file__).parents[1] / "docs" / "how-to"
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PAGES = [page for page in sorted(HOW_TO.glob("*.md")) if BLOCK.search(page.read_text(encoding="utf-8"))]


def blocks(page: Path) -> list[tuple[int, str]]:
    """Line number and source of each block."""
    text = page.read_text(encoding="utf-8")
    return [(text.count("\n", 0, found.start(1)), found[1]) for found in BLOCK.finditer(text)]


@pytest.fixture
def organism(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A tiny random subject in place of the organism where this checkout holds none."""
    if not any((Path(files.__file__).parents[1] / "weights" / "organism").glob("*.safetensors")):
        folder = save_tiny("qwen2", tmp_path / "organism")
        monkeypatch.setattr(files, "_organism_folder", lambda: folder)


@pytest.mark.slow
@pytest.mark.usefixtures("organism")
@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.stem))
def test_the_code_of_a_page_runs(page: Path, tmp_path: Path) -> None:
    namespace: dict[str, object] = {}
    for line, source in blocks(page):
        # Padded with empty lines, so that a traceback names the line of the page. A file of Python, since nnsight, once
        # imported, reads the source around every `backward()`.
        script = tmp_path / f"{page.stem}-{line}.py"
        script.write_text("\n" * line + source, encoding="utf-8")
        exec(compile(script.read_text(encoding="utf-8"), str(script), "exec"), namespace)


def test_every_block_is_at_least_python() -> None:
    for page in PAGES:
        for line, source in blocks(page):
            compile("\n" * line + source, str(page), "exec")
