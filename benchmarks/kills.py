"""An audit killed at random moments and resumed: are its rows and figures those of an uninterrupted one?

Each trial starts the command in a process of its own, sends SIGKILL after a random share of the time the whole takes,
and repeats until the run has ended, each time with `--resume` where a run folder exists. A killed start of Python
counts as a kill like any other. No answer is reused between trials.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from benchmarks.options import Options
from benchmarks.results import describe_machine

RUN_FIELDS = ("run", "command")


def run(options: Options, say: Callable[[str], None]) -> dict[str, Any]:
    """The record: how many of the trials ended like the uninterrupted run."""
    n_trials, n_pairs = (3, 20) if options.is_quick else (20, 150)
    with tempfile.TemporaryDirectory() as folder:
        audit = Audit(Path(folder), n_pairs)
        started = time.monotonic()
        audit.finish("whole")
        seconds = time.monotonic() - started
        expected = audit.read("whole")
        moments = random.Random(0)
        trials = []
        for number in range(n_trials):
            share = moments.random()
            rows_before = audit.kill(f"killed-{number}", share * seconds)
            audit.finish(f"killed-{number}")
            is_equal = audit.read(f"killed-{number}") == expected
            say(f"killed after {share:.0%} with {rows_before} rows written: {'equal' if is_equal else 'DIFFERENT'}")
            trials.append({"share": share, "n_rows_before": rows_before, "is_equal": is_equal})
    return {
        "machine": describe_machine(torch.device(options.device)),
        "is_quick": options.is_quick,
        "n_samples": 2 * n_pairs,
        "n_rows": expected[0].count(b"\n"),
        "trials": trials,
        "n_equal": sum(trial["is_equal"] for trial in trials),
    }


def render(record: dict[str, Any]) -> str:
    """The record as Markdown."""
    rows = ", ".join(str(trial["n_rows_before"]) for trial in record["trials"])
    return (
        f"## Kills\n\nAn audit of {record['n_samples']} samples, killed (SIGKILL) at random moments and resumed: rows "
        f"and figures equal to the uninterrupted run in **{record['n_equal']} of {len(record['trials'])}** trials. "
        f"Rows on disk at the moment of the kill, of {record['n_rows']}: {rows}.\n"
    )


class Command:
    """One command per name, each with its own runs and its own cache of answers."""

    def __init__(self, folder: Path, arguments: Sequence[str]) -> None:
        self._folder = folder
        self._arguments = arguments

    def finish(self, name: str) -> None:
        """Run to the end, from where the last process stopped."""
        process = self.start(name)
        _, errors = process.communicate()
        if process.returncode:
            raise RuntimeError(f"{self._arguments[0]} ended with code {process.returncode}: {errors.decode()}")

    def runs(self, name: str) -> Path:
        """The folder of its runs."""
        return self._folder / name / "runs"

    def start(self, name: str) -> subprocess.Popen[bytes]:
        """Start it in a process of its own, with `--resume` where a run folder exists."""
        resume = [option for path in self.runs(name).glob("*/manifest.json") for option in ("--resume", path.parent)]
        return subprocess.Popen(
            [sys.executable, "-m", "vulnscope", *self._arguments, "--runs-dir", self.runs(name), *resume],
            env={**os.environ, "VULNSCOPE_CACHE": str(self._folder / name / "cache")},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )


class Audit(Command):
    """An audit of the organism."""

    def __init__(self, folder: Path, n_pairs: int) -> None:
        options = ["--option", f"n_pairs={n_pairs}", "--device", "cpu", "--max-batch-tokens", "2048"]
        super().__init__(folder, ["audit", "organism", *options])

    def kill(self, name: str, after: float) -> int:
        """Start, kill after so many seconds, and return how many rows were on disk by then."""
        process = self.start(name)
        try:
            process.wait(after)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
        process.wait()
        return sum(path.read_bytes().count(b"\n") for path in self.runs(name).glob("*/rows.jsonl"))

    def read(self, name: str) -> tuple[bytes, dict[str, Any]]:
        """The rows as bytes, and the result without what names the run."""
        (folder,) = self.runs(name).iterdir()
        result = json.loads((folder / "result.json").read_text(encoding="utf-8"))
        return (folder / "rows.jsonl").read_bytes(), {k: v for k, v in result.items() if k not in RUN_FIELDS}
