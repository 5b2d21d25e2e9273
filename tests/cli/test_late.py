"""Commands are listed without being made, and what is listed is what they say themselves."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

from typer.main import get_command

from vulnscope.cli import app
from vulnscope.cli.commands import Late

COMMAND = "import sys; from vulnscope.cli import app; app(standalone_mode=False); print(*sys.modules)"


def list_late(group: Any, name: str) -> Iterator[tuple[str, Late]]:
    for word, found in group.commands.items():
        if isinstance(found, Late):
            yield f"{name}{word}", found
            if hasattr(found.whole, "commands"):
                yield from list_late(found.whole, f"{name}{word} ")


def test_help_lists_the_sentence_of_each_command_and_group() -> None:
    late = dict(list_late(get_command(app), ""))
    assert {"audit", "study", "steer", "steer sweep", "steer apply", "corpus", "run"} <= set(late)
    for words, found in late.items():
        assert (found.name, found.help) == (found.whole.name, found.whole.help), words


def test_help_makes_no_settings() -> None:
    done = subprocess.run([sys.executable, "-c", COMMAND, "--help"], capture_output=True, text=True, check=True)
    assert "Audit, probe, patch and steer MODEL" in done.stdout
    loaded = set(done.stdout.rsplit("\n", 2)[-2].split())
    assert "vulnscope.study.kind" in loaded
    assert not loaded & {"pydantic", "vulnscope.study.config", "vulnscope.cli.steer", "vulnscope.cli.kinds"}
