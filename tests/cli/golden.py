"""Golden file of the command line: its reference page, taken from the commands themselves."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from typer.main import get_command

GOLDEN = Path(__file__).parents[2] / "docs" / "reference"
_INTRO = """# Command line

Results go to stdout, messages and progress to stderr. Exit status: 0 fine, 1 findings or a failed check, 2 usage,
3 failure, 130 interrupted. Every command that shows a result takes `--json`.
"""


def render_golden() -> dict[str, str]:
    """The page, one section per command."""
    from vulnscope.cli import app

    sections = [_section(name, command) for name, command in _commands(get_command(app), "vulnscope")]
    return {"command-line.md": _INTRO + "".join(sections)}


def _commands(command: Any, name: str) -> Iterator[tuple[str, Any]]:
    command = getattr(command, "whole", command)
    if hasattr(command, "commands"):
        for child in sorted(command.commands):
            yield from _commands(command.commands[child], f"{name} {child}")
    else:
        yield name, command


def _section(name: str, command: Any) -> str:
    arguments = [param for param in command.params if param.param_type_name == "argument"]
    options = [param for param in command.params if param.param_type_name == "option" and not param.hidden]
    usage = " ".join([name, *(_usage(argument) for argument in arguments), "[OPTIONS]"])
    help_text = " ".join((command.help or "").split())
    rows = "".join(f"| {_flags(option)} | {_cell(option.help or '')} | {_default(option)} |\n" for option in options)
    return f"\n## {name}\n\n```\n{usage}\n```\n\n{help_text}\n\n| option | | default |\n|---|---|---|\n{rows}"


def _usage(argument: Any) -> str:
    word = argument.metavar or (argument.name or "").upper()
    return word if argument.required or word.startswith("[") else f"[{word}]"


def _flags(option: Any) -> str:
    return ", ".join(f"`{flag}`" for flag in (*option.opts, *option.secondary_opts))


def _default(option: Any) -> str:
    value = option.default
    is_shown = isinstance(value, str | int | float | Path) and not isinstance(value, bool)
    return f"`{value}`" if is_shown and str(value) else ""


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
