"""A sweep into a run folder, killed and continued: the rows are those of an uninterrupted one, to the byte."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from tests.models.subjects import random_tokens, tiny_subject

from vulnscope.models.sweeps.grid import make_grid
from vulnscope.models.sweeps.sweep_plan import WorkOptions, WorkPlan
from vulnscope.models.sweeps.sweeping import plan_sweep, run_sweep
from vulnscope.store import Run, open_run

KILLED = """
import os, signal, sys
from pathlib import Path
from tests.models.test_sweep_kill import start, sweep_into
with start(Path(sys.argv[1])) as run:
    append = run.append
    def append_and_die(rows):
        if run.n_batches == int(sys.argv[2]):
            os.kill(os.getpid(), signal.SIGKILL)
        append(rows)
    run.append = append_and_die
    sweep_into(run)
"""


def start(root: Path, resume: str | None = None) -> Run:
    """A run folder for the sweep."""
    digests = {"subject_digest": "tiny", "corpus_digest": "random", "code": "same"}
    return open_run(root, "sweep", WorkOptions(max_tokens=4), seed=0, device="cpu", resume=resume, **digests)


def sweep_into(run: Run) -> None:
    """The sweep, with its plan and each unit's rows stored, from where the run stands."""
    prompts = random_tokens(7, 5, 9, 6)
    vectors = {"a": torch.ones(32), "b": torch.arange(32.0)}
    grid = make_grid([0, 1], vectors, (-1.0, 0.0, 1.0), ("last", "all"), unit="raw")
    how = WorkPlan.model_validate(run.plan) if run.plan else WorkOptions(max_tokens=4)
    job = plan_sweep(tiny_subject(), prompts, [((5,), (6, 7))] * 4, grid, how)
    run.save_plan(job.plan)
    for rows in run_sweep(job, skip=run.n_batches, on_backoff=run.revise_plan):
        run.append(rows)


@pytest.mark.slow
@pytest.mark.parametrize("n_done", [0, 3, 5])
def test_a_killed_sweep_resumes_to_the_same_bytes(tmp_path: Path, n_done: int) -> None:
    with start(tmp_path / "whole") as whole:
        sweep_into(whole)
    environment = {**os.environ, "OMP_NUM_THREADS": str(torch.get_num_threads())}
    command = [sys.executable, "-c", KILLED, str(tmp_path / "broken"), str(n_done)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    (broken,) = (tmp_path / "broken").iterdir()
    with start(tmp_path / "broken", resume=broken.name) as again:
        assert again.n_batches == n_done
        sweep_into(again)
    assert (broken / "rows.jsonl").read_bytes() == (whole.path / "rows.jsonl").read_bytes()
