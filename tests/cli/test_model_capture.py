from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.models.zoo import save_tiny
from typer.testing import CliRunner

from vulnscope.cli.model import app
from vulnscope.errors import InputError
from vulnscope.models.read.shards import open_capture


def run(*arguments: str | Path) -> str:
    done = CliRunner().invoke(app, ["capture", *map(str, arguments)], catch_exceptions=True)
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == 0, done.output
    return done.stdout


@pytest.fixture
def texts(tmp_path: Path) -> list[Path]:
    files = [tmp_path / "a.c", tmp_path / "b.py"]
    files[0].write_text("int a;\n", encoding="utf-8")
    files[1].write_text("def f(): pass\n", encoding="utf-8")
    return files


def test_texts_become_shards(tmp_path: Path, texts: list[Path]) -> None:
    model, output = save_tiny("qwen2", tmp_path / "model"), tmp_path / "out"
    sites = ("--site", "1", "--site", "2.mlp_out")
    shown = run(model, *texts, *sites, "--selector", "all", "--output", output)
    assert "vectors × 2 sites in 1 shards" in shown
    loaded = open_capture(output).load("2.mlp_out")
    spec = json.loads(run(model, *texts, *sites, "--selector", "all", "--output", output, "--json"))
    assert (spec["n_texts"], spec["sites"]) == (2, ["1.resid_post", "2.mlp_out"])
    assert loaded["2.mlp_out"].shape == (spec["n_rows"], 32)


def test_bad_requests_are_input_errors(tmp_path: Path, texts: list[Path]) -> None:
    model = save_tiny("qwen2", tmp_path / "model")
    with pytest.raises(InputError, match="layer 9 does not exist; this subject has layers 0 to 2"):
        run(model, *texts, "--site", "9", "--output", tmp_path / "out")
    with pytest.raises(InputError, match=r"selector changed on sample '.*a\.c'"):
        run(model, *texts, "--site", "1", "--selector", "changed", "--output", tmp_path / "out")
    (tmp_path / "latin.c").write_bytes(b"\xe9")
    with pytest.raises(InputError, match=r"latin\.c cannot be read as UTF-8"):
        run(model, tmp_path / "latin.c", "--site", "1", "--output", tmp_path / "out")
