"""Nothing that came from outside acts on a terminal: what a file, a folder or a server says is shown as text."""

from __future__ import annotations

import io
import json
import logging
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.table import Table
from rich.text import Text
from tests.cli.test_run import invoke, start

from vulnscope.cli import common
from vulnscope.errors import InputError
from vulnscope.records.runs import RunList

HOSTILE = "a\x1b[31mX\x1b]0;title\x07\x9b2J\u202eb\u2066"
SHOWN = "a⟨U+001B⟩[31mX⟨U+001B⟩]0;title⟨U+0007⟩⟨U+009B⟩2J⟨U+202E⟩b⟨U+2066⟩"


def table_of(text: str) -> Table:
    table = Table(text)
    table.add_row(text)
    return table


@pytest.mark.parametrize("make", [str, Text, lambda text: Text.assemble(("error: ", "red"), text), table_of])
def test_a_console_lets_no_escape_out_but_its_own_colours(make: Callable[[str], object]) -> None:
    plain, coloured = io.StringIO(), io.StringIO()
    common.VisibleConsole(file=plain, width=300).print(make(HOSTILE))
    assert SHOWN.removeprefix("a")[:8] in plain.getvalue()
    assert not set(plain.getvalue()) & {"\x1b", "\x07", "\x9b", "\u202e", "\u2066"}
    common.VisibleConsole(file=coloured, width=300, force_terminal=True, color_system="standard").print(make(HOSTILE))
    assert "\x1b[31mX" not in coloured.getvalue()
    assert not set(coloured.getvalue()) & {"\x07", "\x9b", "\u202e", "\u2066"}


def test_messages_of_the_log_are_filtered() -> None:
    handler = logging.lastResort
    assert handler is not None
    assert handler.format(logging.LogRecord("x", logging.WARNING, "", 1, "%s", (HOSTILE,), None)) == SHOWN


def test_json_means_the_same_and_holds_no_escape(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with start(tmp_path, "aaaa") as run:
        run.update(error=HOSTILE, status="failed")
    common.print_json(RunList(runs=(run.summary().model_copy(update={"error": HOSTILE}),)))
    printed = capsys.readouterr().out
    assert not set(printed) & {"\x1b", "\x07", "\x9b", "\u202e", "\u2066"}
    assert json.loads(printed)["runs"][0]["error"] == HOSTILE


def test_a_hostile_manifest_is_listed_and_shown_as_text(tmp_path: Path) -> None:
    with start(tmp_path / "runs", "aaaa") as run:
        pass
    manifest = json.loads((run.path / "manifest.json").read_text())
    manifest |= {"id": HOSTILE, "command": HOSTILE, "error": HOSTILE, "status": "failed"}
    (run.path / "manifest.json").write_text(json.dumps(manifest))
    shutil.copytree(run.path, run.path.parent / "b\x1b[31m\u202e")
    for arguments in (["list"], ["show", run.path]):
        printed = invoke(*arguments, "--runs-dir", tmp_path / "runs")
        assert "⟨U+001B⟩" in printed
        assert not set(printed) & {"\x1b", "\x07", "\x9b", "\u202e", "\u2066"}


def test_an_error_shows_what_was_typed_as_text(capsys: pytest.CaptureFixture[str]) -> None:
    common.print_error(str(InputError(f"no run {HOSTILE}")))
    common.print_note(HOSTILE)
    assert not set(capsys.readouterr().err) & {"\x1b", "\x07", "\x9b", "\u202e", "\u2066"}
