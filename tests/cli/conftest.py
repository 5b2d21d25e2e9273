"""A tiny random model on disk, a folder of twins, and the command run in this process."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from tests.models.zoo import save_tiny


class Done(NamedTuple):
    """How a command ended."""

    status: int
    out: str
    err: str


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny("qwen2", tmp_path_factory.mktemp("models") / "tiny", max_position_embeddings=1024)


@pytest.fixture
def twins(tmp_path: Path) -> Path:
    folder = tmp_path / "twins"
    for number in range(6):
        pair = folder / f"query-{number}"
        pair.mkdir(parents=True)
        (pair / "vulnerable.py").write_text(f"def f{number}(db, x):\n    return db.execute('select ' + x)\n")
        (pair / "fixed.py").write_text(f"def f{number}(db, x):\n    return db.execute('select ?', (x,))\n")
    return folder


@pytest.fixture
def run_command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Done]:
    """`vulnscope ARGUMENTS` in the folder of the test."""

    def run(*arguments: str | Path) -> Done:
        from vulnscope.cli import main

        monkeypatch.setattr("sys.argv", ["vulnscope", *map(str, arguments)])
        status = 0
        try:
            main()
        except SystemExit as end:
            status = end.code if isinstance(end.code, int) else int(bool(end.code))
        captured = capsys.readouterr()
        return Done(status, captured.out, captured.err)

    return run
