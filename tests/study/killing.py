"""A small study in a process of its own, ended by SIGKILL in the middle of a stage.

As a program: `python -m tests.study.killing ROOT LOG STAGE WHAT` dies when some of that stage's work is done, not all.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import torch
from tests.ask.builders import make_corpus, make_sample, tiny_subject

from vulnscope import store
from vulnscope.patch.config import PatchConfig
from vulnscope.probe.config import ProbeConfig
from vulnscope.steer.config import SteerConfig
from vulnscope.study.config import StudyConfig
from vulnscope.study.kind import STUDY
from vulnscope.study.record import StudyRecord
from vulnscope.study.run import run_study

CORPUS = make_corpus(
    make_sample(number, label, code=f"void f{number}(char *to, char *from) {{\n  str{n}cpy(to, from, sizeof to);\n}}\n")
    for number in range(20)
    for label, n in (("vulnerable", ""), ("fixed", "n"))
)
CONFIG = StudyConfig(
    n_bootstrap=200,
    max_batch_tokens=4096,
    changes=("rename",),
    probe=ProbeConfig(n_folds=3, n_inner=2, n_permutations=19, curve_repeats=1, reinitialise=False),
    patch=PatchConfig(max_pairs=4),
    steer=SteerConfig(methods=("mean-difference-paired",), scales=(-1.0, 1.0), layers="0,1", preface=None),
)
MOMENTS = {
    "audit": "asking",
    "changes": "asking",
    "probe": "fitting",
    "patch": "patching",
    "steer": "choose",
}
"""What each stage is doing when it is killed."""


def kill(module: str, root: Path, log: Path, stage: str, what: str) -> None:
    """Run the program `module` in `root` until it is killed while `stage` does `what`."""
    environment = {**os.environ, "OMP_NUM_THREADS": str(torch.get_num_threads())}
    command = [sys.executable, "-m", module, str(root), str(log), stage, what]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGKILL, f"{stage}: {done.stderr}"


class Listener:
    """Writes every step of a study to a file, and ends the process in the middle of one."""

    def __init__(self, log: Path, stage: str = "", what: str = "") -> None:
        self._log = log
        self._last = (stage, what)

    def __call__(self, stage: str, what: str, done: int, total: int) -> None:
        with self._log.open("a", encoding="utf-8") as file:
            file.write(f"{stage}\t{what}\t{done}\n")
        if (stage, what) == self._last and 0 < done < total:
            os.kill(os.getpid(), signal.SIGKILL)


def carry_out(root: Path, listener: Listener) -> StudyRecord:
    """The study in `root`, from where an earlier one there stopped."""
    subject = tiny_subject()
    with store.open_run(
        root,
        "study",
        CONFIG,
        subject_digest=subject.digest,
        corpus_digest=CORPUS.content_digest,
        seed=0,
        device="cpu",
        resume=next(root.glob("*-study-*"), None),
    ) as run:
        record = run_study(subject, CORPUS, CONFIG, run, progress=listener)
        run.write_report(STUDY.render(record))
        run.write_result(record)
    return record


if __name__ == "__main__":
    carry_out(Path(sys.argv[1]), Listener(Path(sys.argv[2]), *sys.argv[3:]))
