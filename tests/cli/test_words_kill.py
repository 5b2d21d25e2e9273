"""`kill -9` of an audit over an endpoint at any moment, and the resumed run: nothing asked twice, nothing lost."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.cli.conftest import Done
from tests.models.remote.server import Recorded, completion, serve

Run = Callable[..., Done]

N_ASKS = 36
# Dies at the n-th call of a function: once a reply is on the disk, or with half of a batch's bytes in the file.
DRIVER = """
import os, signal, sys
from vulnscope.ask.worded.journal import ReplyJournal
from vulnscope.cli import main
from vulnscope.store import rows

where, count = sys.argv.pop(1), int(sys.argv.pop(1))
calls = iter(range(1, 1000))

def remember(self, *args, kept=ReplyJournal.remember):
    kept(self, *args)
    if where == "reply" and next(calls) == count:
        os.kill(os.getpid(), signal.SIGKILL)

def append(path, data, end, kept=rows.append_durably):
    if where == "row" and next(calls) == count:
        with open(path, "ab") as file:
            file.write(data[: len(data) // 2])
        os.kill(os.getpid(), signal.SIGKILL)
    return kept(path, data, end)

ReplyJournal.remember, rows.append_durably = remember, append
main()
"""


def judge(body: dict[str, Any]) -> Recorded:
    is_fixed = "select ?" in str(body["messages"][-1]["content"])
    return completion(f"Hm.\nVerdict: {'not vulnerable' if is_fixed else 'vulnerable'}")


def command(url: str, twins: Path, runs: Path, concurrency: int) -> list[str]:
    return [
        *("audit", "judge", "--endpoint", url, "--protocol", "free-text", "--corpus", "folder"),
        *("--data-dir", str(twins), "--runs-dir", str(runs), "--concurrency", str(concurrency), "--json"),
    ]


def read_rows(runs: Path) -> bytes:
    (folder,) = runs.iterdir()
    return (folder / "rows.jsonl").read_bytes()


def resume(run_command: Run, runs: Path) -> None:
    (folder,) = runs.iterdir()
    done = run_command("audit", "--resume", folder, "--runs-dir", runs, "--concurrency", "3", "--json")
    assert done.status == 0, done.err
    assert json.loads(done.out)["overall"]["accuracy"]["value"] == 1.0


@pytest.mark.slow
@pytest.mark.parametrize(("where", "count"), [("reply", 20), ("row", 1)])
def test_what_was_answered_is_never_asked_again(
    run_command: Run, twins: Path, tmp_path: Path, where: str, count: int
) -> None:
    with serve(judge) as server:
        assert run_command(*command(server.url, twins, tmp_path / "whole", 3)).status == 0
        server.asked.clear()
        arguments = command(server.url, twins, tmp_path / "killed", 1)
        killed = subprocess.run(
            [sys.executable, "-c", DRIVER, where, str(count), *arguments], capture_output=True, text=True, check=False
        )
        assert killed.returncode == -signal.SIGKILL, killed.stderr
        assert len(server.asked) == (count if where == "reply" else N_ASKS)
        resume(run_command, tmp_path / "killed")
    assert len(server.asked) == N_ASKS
    assert max(Counter(map(repr, server.asked)).values()) == 1
    assert read_rows(tmp_path / "killed") == read_rows(tmp_path / "whole")


@pytest.mark.slow
def test_a_kill_with_requests_under_way_asks_only_those_again(run_command: Run, twins: Path, tmp_path: Path) -> None:
    n_before, concurrency = 15, 3
    started: list[subprocess.Popen[bytes]] = []
    answered: list[str] = []

    def reply(body: dict[str, Any]) -> Recorded:
        if len(answered) == n_before and started:
            return Recorded({}, before=lambda: os.kill(started[0].pid, signal.SIGKILL))
        answered.append(repr(body))
        return judge(body)

    with serve(reply) as server:
        arguments = command(server.url, twins, tmp_path / "killed", concurrency)
        with subprocess.Popen([sys.executable, "-m", "vulnscope", *arguments], stdout=subprocess.DEVNULL) as process:
            started.append(process)
            assert process.wait() == -signal.SIGKILL
        started.clear()
        resume(run_command, tmp_path / "killed")
    assert set(map(repr, server.asked)) == set(answered)
    assert len(set(answered)) == N_ASKS
    # A reply may have been on its way to the disk in each thread, and one to it.
    assert N_ASKS <= len(answered) <= N_ASKS + concurrency
