"""Two small studies held against one another in a process of their own, ended by SIGKILL at one moment.

As a program: `python -m tests.study.killing_two ROOT LOG STAGE WHAT` dies when that stage comes to it.
"""

from __future__ import annotations

import os
import signal
import sys
from functools import partial
from pathlib import Path

from tests.models.zoo import tiny_model, tiny_tokenizer
from tests.study.killing import CONFIG, CORPUS, Listener

from vulnscope import store
from vulnscope.models import Subject, wrap_model
from vulnscope.study.kind import AGAINST
from vulnscope.study.two.against import Side, run_against
from vulnscope.study.two.record import AgainstRecord

SMALL = CONFIG.model_copy(
    update={
        "changes": (),
        "probe": CONFIG.probe.model_copy(update={"layers": (1,)}),
        "patch": CONFIG.patch.model_copy(update={"max_pairs": 2}),
        "steer": CONFIG.steer.model_copy(update={"side_effects": False, "gate": False}),
    }
)


class Ender(Listener):
    """Ends the process as soon as a step is told of, also one that is done in one go."""

    def __call__(self, stage: str, what: str, done: int, total: int) -> None:
        super().__call__(stage, what, done, total)
        if (stage, what) == self._last:
            os.kill(os.getpid(), signal.SIGKILL)


def open_tiny(seed: int) -> Subject:
    """A random model that reads characters; equal seeds give equal digests in every process."""
    return wrap_model(tiny_model("qwen2", seed), tiny_tokenizer(), name=f"tiny-{seed}")


def carry_out_two(root: Path, listener: Listener) -> AgainstRecord:
    """Both studies in `root` and what differs, from where an earlier process there stopped."""
    sides = tuple(Side(SMALL, open_tiny(seed).digest, "cpu", partial(open_tiny, seed)) for seed in (0, 1))
    with store.open_run(
        root,
        "against",
        SMALL,
        subject_digest=" ".join(side.digest for side in sides),
        corpus_digest=CORPUS.content_digest,
        seed=0,
        device="cpu",
        resume=next(root.glob("*-against-*"), None),
    ) as run:
        record = run_against((sides[0], sides[1]), CORPUS, SMALL, run, corpus_request={}, progress=listener)
        run.write_report(AGAINST.render(record))
        run.write_result(record)
    return record


if __name__ == "__main__":
    stage, what = sys.argv[3:]
    inside = stage[3:] in ("audit", "probe", "patch", "steer")
    carry_out_two(Path(sys.argv[1]), (Listener if inside else Ender)(Path(sys.argv[2]), stage, what))
