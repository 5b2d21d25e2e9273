"""One study killed in every stage, one after the other, and resumed: are its rows and figures those of a whole one?

Each process gets SIGKILL as soon as the stage it is in has rows on the disk but no result; the next goes on with
`--resume`. No answer is reused from the uninterrupted study.
"""

from __future__ import annotations

import json
import signal
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from benchmarks.kills import RUN_FIELDS, Command
from benchmarks.options import Options
from benchmarks.results import describe_machine

STAGES = ("audit", "changes-rename", "probe", "patch", "steer")
_POLL_SECONDS = 0.05


def run(options: Options, say: Callable[[str], None]) -> dict[str, Any]:
    """The record: rows on the disk at each kill, and whether rows and result end up the same."""
    n_pairs = 16 if options.is_quick else 40
    with tempfile.TemporaryDirectory() as folder:
        study = Study(Path(folder), n_pairs)
        study.finish("whole")
        expected = study.read("whole")
        stages = []
        for stage in STAGES:
            n_rows = study.kill_in("killed", stage)
            say(f"killed in {stage} with {n_rows} of its rows written")
            stages.append({"stage": stage, "n_rows_before": n_rows, "n_rows": expected[0][stage].count(b"\n")})
        study.finish("killed")
        found = study.read("killed")
    say(f"rows {'equal' if found[0] == expected[0] else 'DIFFERENT'}")
    say(f"result {'equal' if found[1] == expected[1] else 'DIFFERENT'}")
    return {
        "machine": describe_machine(torch.device(options.device)),
        "is_quick": options.is_quick,
        "n_samples": 2 * n_pairs,
        "stages": stages,
        "is_rows_equal": found[0] == expected[0],
        "is_result_equal": found[1] == expected[1],
    }


def render(record: dict[str, Any]) -> str:
    """The record as Markdown."""
    rows = ", ".join(f"{each['stage']} {each['n_rows_before']} of {each['n_rows']}" for each in record["stages"])
    rows_end = "byte-equal" if record["is_rows_equal"] else "**different**"
    result_end = "equal" if record["is_result_equal"] else "**different**"
    return (
        f"## Kills of a study\n\nOne study of {record['n_samples']} samples, killed (SIGKILL) in every stage one after "
        f"the other and resumed each time: rows of all stages {rows_end}, result {result_end} to the uninterrupted "
        f"study's. Rows on disk at the moment of the kill: {rows}.\n"
    )


class Study(Command):
    """A study of the organism `biased`."""

    def __init__(self, folder: Path, n_pairs: int) -> None:
        options = ["--option", "templates=train", "--option", f"n_pairs={n_pairs}", "--change", "rename"]
        super().__init__(folder, ["study", "organism:biased", *options, "--device", "cpu"])

    def kill_in(self, name: str, stage: str) -> int:
        """Go on until `stage` has rows, kill, and return how many of them are on the disk."""
        process = self.start(name)
        while process.poll() is None:
            try:
                process.wait(_POLL_SECONDS)
            except subprocess.TimeoutExpired:
                if self._count_rows(name, stage):
                    process.send_signal(signal.SIGKILL)
                    process.wait()
        if process.returncode != -signal.SIGKILL:
            _, errors = process.communicate()
            raise RuntimeError(f"the study ended before {stage} could be killed: {errors.decode()}")
        if any(self._stage(name, stage, "result.json")):
            raise RuntimeError(f"{stage} was finished before it could be killed; take more pairs")
        return self._count_rows(name, stage)

    def read(self, name: str) -> tuple[dict[str, bytes], Any]:
        """The rows of each stage as bytes, and the result without what names runs."""
        (result,) = self.runs(name).glob("*/result.json")
        rows = {stage: path.read_bytes() for stage in STAGES for path in self._stage(name, stage, "rows.jsonl")}
        return rows, _drop_names(json.loads(result.read_text(encoding="utf-8")))

    def _count_rows(self, name: str, stage: str) -> int:
        return sum(path.read_bytes().count(b"\n") for path in self._stage(name, stage, "rows.jsonl"))

    def _stage(self, name: str, stage: str, file: str) -> list[Path]:
        return list(self.runs(name).glob(f"*/stages/{stage}/*/{file}"))


def _drop_names(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _drop_names(inner) for key, inner in value.items() if key not in RUN_FIELDS}
    return [_drop_names(inner) for inner in value] if isinstance(value, list) else value
