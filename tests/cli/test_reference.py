"""The reference page of the command line is what the commands say, and every command says something."""

from __future__ import annotations

from tests.cli.golden import GOLDEN, _commands, render_golden
from typer.main import get_command


def test_every_command_and_option_is_documented() -> None:
    from vulnscope.cli import app

    for name, command in _commands(get_command(app), "vulnscope"):
        assert command.help, name
        for param in command.params:
            assert param.param_type_name == "argument" or getattr(param, "help", None), f"{name}: {param.name}"


def test_the_page_is_current() -> None:
    for file, text in render_golden().items():
        assert (GOLDEN / file).read_text(encoding="utf-8") == text, "run: python -m tests.regenerate"
