"""A kill at any moment of an audit, and the resumed run that equals an uninterrupted one."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tests.ask.builders import begin_run, make_corpus, make_pairs, tiny_subject

from vulnscope.audit.config import AuditConfig
from vulnscope.audit.run import run_audit
from vulnscope.records.audit import AuditRecord

CONFIG = AuditConfig(n_bootstrap=200, max_batch_tokens=250)

# Dies at the n-th call of a function: before it scores a batch, or with half of a batch's bytes in the file.
DRIVER = """
import os, signal, sys
from pathlib import Path
from tests.audit.test_kill import audit
from vulnscope.ask.scored import asking
from vulnscope.store import rows

where, count = sys.argv[2], int(sys.argv[3])
calls = iter(range(1, 1000))

def dying(call, last_act):
    def wrapped(*args, **kwargs):
        if next(calls) == count:
            last_act(*args)
            os.kill(os.getpid(), signal.SIGKILL)
        return call(*args, **kwargs)
    return wrapped

def write_half(path, data, end):
    with open(path, "ab") as file:
        file.write(data[: len(data) // 2])

if where == "scoring":
    asking.score_batch = dying(asking.score_batch, lambda *args: None)
else:
    rows.append_durably = dying(rows.append_durably, write_half)
audit(Path(sys.argv[1]))
"""


def audit(root: Path, resume: Path | None = None) -> tuple[AuditRecord, bytes]:
    with begin_run(root, CONFIG, resume=resume) as run:
        record = run_audit(tiny_subject(), make_corpus(make_pairs(6)), CONFIG, run)
        return record, (run.path / "rows.jsonl").read_bytes()


@pytest.mark.slow
@pytest.mark.parametrize("where", ["scoring", "writing"])
@pytest.mark.parametrize("count", [1, 2, 3])
def test_a_killed_audit_resumes_to_the_same_rows(tmp_path: Path, where: str, count: int) -> None:
    killed = subprocess.run(
        [sys.executable, "-c", DRIVER, str(tmp_path / "killed"), where, str(count)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    (folder,) = (tmp_path / "killed").iterdir()
    resumed, rows = audit(tmp_path / "killed", resume=folder)
    whole, expected = audit(tmp_path / "whole")
    assert rows == expected
    assert resumed.model_copy(update={"run": whole.run}) == whole
