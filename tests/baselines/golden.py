"""What fixed runs of every kind leave: their rows, records and manifests, and the words of terminal, page and help.

Whatever differs from one day or machine to the next (times, names of runs, versions, digests of code and of what was
fitted) is blotted out; figures stay as they are and are compared with some room.
"""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.baselines.comparing import find_change
from tests.baselines.making import COLUMNS, GROUPS, make_runs
from tests.baselines.page import read_page

GOLDEN = Path(__file__).parent / "golden"

_PORT = re.compile(r"127\.0\.0\.1:\d+")
_BLOTS = (
    (_PORT, "127.0.0.1:PORT"),
    (re.compile(r"\b\d{8}-\d{6}-([a-z]+)-[0-9a-f]{4}\b"), r"RUN-\1"),
    (re.compile(r"\d{4}-\d\d-\d\d[T ][\d:.]+(?:Z| UTC)"), "TIME"),
    (re.compile(r'("intervention_digest": )"[0-9a-f]+"'), r'\1"FITTED"'),
)


def render_golden() -> dict[str, str]:
    """File name to content; as it was where nothing changed by more than another processor makes."""
    found = read_help()
    for names in GROUPS:
        with tempfile.TemporaryDirectory() as folder:
            found |= run_group(Path(folder), names)
    return {file: _keep(GOLDEN / file, text) for file, text in found.items()}


def run_group(folder: Path, names: Sequence[str]) -> dict[str, str]:
    """What the runs called `names` leave when they are made in `folder`, a few files for each."""
    make_runs(folder, names)
    return {f"{name}/{file}": text for name in names for file, text in _read_run(folder, name).items()}


def read_help() -> dict[str, str]:
    """The help text of every command."""
    from typer.main import get_command
    from typer.testing import CliRunner

    from vulnscope.cli import app

    def ask(command: Any, words: tuple[str, ...]) -> dict[str, str]:
        done = CliRunner().invoke(app, [*words, "--help"], env={"COLUMNS": str(COLUMNS), "NO_COLOR": "1"})
        assert done.exit_code == 0, done.output
        text = {f"help/{'-'.join(('vulnscope', *words))}.txt": _trim(done.stdout)}
        whole = getattr(command, "whole", command)  # commands are made when they are called
        for name, child in getattr(whole, "commands", {}).items():
            text |= ask(child, (*words, name))
        return text

    return ask(get_command(app), ())


def _read_run(folder: Path, name: str) -> dict[str, str]:
    run = folder / "runs" / name
    manifest = json.loads((run / "manifest.json").read_text(encoding="utf-8"))
    rows = run / "rows.jsonl"
    texts = {
        "manifest.json": _lines(manifest),
        "record.json": _lines(json.loads((run / "result.json").read_text(encoding="utf-8"))),
        "terminal.txt": _trim((folder / "printed" / f"{name}.txt").read_text(encoding="utf-8")),
        "page.txt": read_page((run / "report.html").read_text(encoding="utf-8")),
        **({"rows.jsonl": rows.read_text(encoding="utf-8")} if rows.exists() else {}),
    }
    return {file: _blot(text, manifest) for file, text in texts.items()}


def _lines(record: dict[str, Any]) -> str:
    """A field per line."""
    fields = (f"{json.dumps(key)}: {json.dumps(value, ensure_ascii=False)}" for key, value in record.items())
    return "{\n" + ",\n".join(fields) + "\n}\n"


def _blot(text: str, manifest: dict[str, Any]) -> str:
    digests = manifest["digests"]
    blots = {digests["code"]: "CODE", **dict.fromkeys(manifest["versions"].values(), "VERSION")}
    if _PORT.search(json.dumps(manifest)):
        blots[digests["subject"]] = "SUBJECT"
    for known in sorted(blots, key=len, reverse=True):
        text = text.replace(known, blots[known])
    for pattern, blot in _BLOTS:
        text = pattern.sub(blot, text)
    return text


def _trim(text: str) -> str:
    return re.sub(r" +$", "", text, flags=re.M)


def _keep(path: Path, text: str) -> str:
    if not path.exists():
        return text
    before = path.read_text(encoding="utf-8")
    return before if find_change(path.name, before, text) is None else text
