"""One small fixed run of every kind, carried out by the command in a folder of its own.

As a program: `python -m tests.baselines.making NAME ...` in an empty folder makes these runs and leaves what each
command printed in `printed/NAME.txt` and its run folder in `runs/NAME/`.
"""

from __future__ import annotations

import contextlib
import io
import os
import random
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
COLUMNS = 120
FEW = ("--device", "cpu", "--max-batch-tokens", "4096", "--option", "n_pairs=20")
BIASED = ("organism:biased", *FEW)
QUICK_PROBE = ("--layer", "2", "--layer", "5", "--folds", "3", "--inner", "2", "--permutations", "19")
WORDS = ("--protocol", "free-text", "--corpus", "folder", "--data-dir", "twins")
METHOD = ("--method", "mean-difference-paired", "--layers", "3,5", "--scale", "-0.5", "--scale", "0.5")
STUDY: Mapping[str, Any] = {
    "device": "cpu",
    "corpus_options": {"n_pairs": "20"},
    "max_batch_tokens": 4096,
    "n_bootstrap": 200,
    "changes": ("rename",),
    "probe": {"layers": (5,), "n_folds": 3, "n_inner": 2, "n_permutations": 19, "curve_repeats": 1},
    "patch": {"max_pairs": 4, "layers": (3, 5)},
    "steer": {"methods": ("mean-difference-paired",), "scales": (-0.5, 0.5), "layers": "3,5", "side_effects": False},
}


def _audit() -> None:
    ask("audit", *BIASED, "--check-leaks", "--background", "code", "--prevalence", "0.1")


def _audit_mute() -> None:
    ask("audit", "organism:mute", *FEW)


def _audit_words() -> None:
    ask("audit", "organism", *FEW[:4], "--protocol", "locate", *WORDS[2:], "--limit", "4", "--max-new-tokens", "8")


def _audit_endpoint() -> None:
    with serving(_say) as url:
        ask("audit", "judge", "--endpoint", url, *WORDS, "--background", "code")


def _audit_log_probabilities() -> None:
    with serving(_weigh) as url:
        ask("audit", "judge", "--endpoint", url, *WORDS[2:])


def _probe() -> None:
    ask("probe", *BIASED, *QUICK_PROBE)


def _patch() -> None:
    ask("patch", *BIASED, "--max-pairs", "4", "--layer", "3", "--layer", "5")


def _steer() -> None:
    ask("steer", "sweep", *BIASED, *METHOD, "--ordinary", "code")


def _apply() -> None:
    stored = Path("runs/steer/interventions/mean-difference-paired")
    ask("steer", "apply", stored, *BIASED, "--controls", "2", "--no-side-effects")


def _study() -> None:
    from vulnscope import study

    study("organism:biased", runs_dir="new", **STUDY)


def _against() -> None:
    from vulnscope import study

    study("organism:biased", against="organism:mute", runs_dir="new", **STUDY)


def _compare() -> None:
    ask("run", "compare", "runs/audit", "runs/audit-mute")


def _combine() -> None:
    ask("run", "combine", "runs/audit", "runs/audit-mute")


def _rescore() -> None:
    ask("run", "rescore", "runs/audit-endpoint", "--parser", "keyword")


def _import() -> None:
    ask("run", "import", "answers.csv", *WORDS[2:])


def _reproduction() -> None:
    from vulnscope.api.carry_out import run_request

    preset = {"layer_sets": ("3,5",), "scales": (20.0,), "normalised": (True,), "prompts": ("plain",), "n_tokens": 4}
    run_request(
        "reproduction",
        {
            "subject": {"name": "organism:biased", "device": "cpu"},
            "corpus": {"name": "synthetic", "options": (("n_pairs", "40"),)},
            "preset": {**preset, "n_bootstrap": 200, "max_batch_tokens": 4096},
        },
        runs_dir="new",
    )


MAKERS: Mapping[str, Callable[[], None]] = {
    "audit": _audit,
    "audit-mute": _audit_mute,
    "audit-words": _audit_words,
    "audit-endpoint": _audit_endpoint,
    "audit-log-probabilities": _audit_log_probabilities,
    "probe": _probe,
    "patch": _patch,
    "steer": _steer,
    "apply": _apply,
    "study": _study,
    "against": _against,
    "compare": _compare,
    "combine": _combine,
    "rescore": _rescore,
    "import": _import,
    "reproduction": _reproduction,
}
GROUPS = tuple(name for name in MAKERS if name not in ("study", "against")), ("study", "against")
"""Names of runs that are made one after the other: a few read what an earlier one left or answered."""


def make_runs(folder: Path, names: Sequence[str]) -> None:
    """Make the runs called `names` in `folder`, in a process with one thread and a terminal of fixed width."""
    own = {"COLUMNS": str(COLUMNS), "OMP_NUM_THREADS": "1", "VULNSCOPE_CACHE": str(folder / "cache")}
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("VULNSCOPE_", "FORCE_COLOR"))}
    subprocess.run(
        [sys.executable, "-m", __name__, *names],
        env={**kept, **own, "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT)])},
        cwd=folder,
        check=True,
    )


def ask(*arguments: str | Path) -> None:
    """`vulnscope ARGUMENTS` in this process, its run in `new`."""
    call(*arguments, "--runs-dir", "new")


def call(*arguments: str | Path) -> None:
    """`vulnscope ARGUMENTS` in this process."""
    from vulnscope.cli import main

    sys.argv = ["vulnscope", *map(str, arguments)]
    status: object = None
    try:
        main()
    except SystemExit as end:
        status = end.code
    assert status in (None, 0), f"{sys.argv}: {status}"


@contextlib.contextmanager
def serving(reply: Callable[[str], Any]) -> Iterator[str]:
    """The address of a server that answers each last message by `reply`."""
    from tests.models.remote.server import serve

    with serve(lambda body: reply(str(body["messages"][-1]["content"]))) as server:
        yield server.url


def _say(text: str) -> Any:
    from tests.models.remote.server import completion

    is_calm = "select ?" in text or "quiet_" in text
    return completion(f"The query is unsafe.\nVerdict: {'not vulnerable' if is_calm else 'vulnerable'}")


def _weigh(text: str) -> Any:
    from tests.models.remote.server import completion

    odds = (-1.0 if "select ?" in text else 2.0) * (-1 if "secure?" in text else 1)
    return completion("Yes" if odds > 0 else "No", logprobs={"Yes": -5.0 + odds, "No": -5.0})


def _write_inputs() -> None:
    """Twins whose names share nothing, ordinary code, and a table of published answers."""
    generator = random.Random(0)
    answers = ["model,item,prompt,answer"]
    for number in range(6):
        pair = Path("twins", f"query-{number}")
        pair.mkdir(parents=True)
        name, value, rows = ("".join(generator.choices("abcdefghij", k=5)) for _ in range(3))
        head = f"def {name}({rows}, {value}):\n    return {rows}.execute("
        (pair / "vulnerable.py").write_text(f"{head}'select ' + {value})\n")
        (pair / "fixed.py").write_text(f"{head}'select ?', ({value},))\n")
        said = "vulnerable" if number % 3 else "not vulnerable"
        answers += [f"oracle,query-{number}/vulnerable,S1,Verdict: {said}"]
        answers += [f"oracle,query-{number}/fixed,S1,Verdict: not vulnerable"]
    Path("answers.csv").write_text("\n".join(answers) + "\n")
    Path("code").mkdir()
    for number in range(40):
        kind = "loud" if number % 4 == 0 else "quiet"
        text = f"def {kind}_{number}(value):\n    return value + {number}\n"
        Path("code", f"{kind}_{number}.py").write_text(text)


def main(names: Sequence[str]) -> None:
    """Make the runs called `names` in the current folder."""
    import torch

    torch.set_num_threads(1)
    _write_inputs()
    Path("runs").mkdir()
    Path("printed").mkdir()
    for name in names:
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            MAKERS[name]()
        (made,) = Path("new").iterdir()
        made.rename(Path("runs", name))
        with contextlib.redirect_stdout(printed):
            call("run", "show", str(Path("runs", name)))
        Path("printed", f"{name}.txt").write_text(printed.getvalue(), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
