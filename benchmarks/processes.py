"""What only a fresh process can tell: peak memory, and what an import costs."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

_AUDIT = """
import json, sys
from pathlib import Path
from vulnscope import api
model, n_pairs, runs_dir = sys.argv[1:]
api.audit(model, "synthetic", corpus_options={"n_pairs": n_pairs}, runs_dir=runs_dir, max_batch_tokens=2048)
# Not ru_maxrss: it survives exec and would tell the parent's peak.
peak = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
print(json.dumps(int(peak.split()[1]) / 1024))
"""
_HELP = """
import atexit, json, sys, time
sys.argv = ["vulnscope", "--help"]
sys.stdout, out = open("/dev/null", "w"), sys.stdout
own = sys.stdlib_module_names
packages = lambda: sorted({name.partition(".")[0] for name in sys.modules} - own - {"__main__"})
before = set(packages())
atexit.register(lambda: print(json.dumps([time.process_time(), [p for p in packages() if p not in before]]), file=out))
from vulnscope.cli import main
main()
"""


def measure_memory(sizes: Sequence[int]) -> list[dict[str, Any]]:
    """Peak resident MiB of whole audits with so many samples, each in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        model = _save_organism(Path(folder))
        return [
            {"n_samples": size, "peak_mib": _run(_AUDIT, model, str(size // 2), f"{folder}/runs-{size}")}
            for size in sizes
        ]


def measure_help() -> dict[str, Any]:
    """CPU seconds of `vulnscope --help`, the interpreter's start included, and the packages it imports."""
    seconds, packages = _run(_HELP)
    return {"cpu_seconds": seconds, "packages": [name for name in packages if not name.startswith("_")]}


def _save_organism(folder: Path) -> str:
    """`organism` where it is installed, else the folder of a random model of its shape."""
    import torch

    from benchmarks.subjects import build_subject

    subject = build_subject("organism", torch.device("cpu"))
    if subject.name == "organism":
        return "organism"
    subject.model.save_pretrained(folder / "model")
    subject.tokenizer.save_pretrained(folder / "model")
    return str(folder / "model")


def _run(code: str, *arguments: str) -> Any:
    result = subprocess.run([sys.executable, "-c", code, *arguments], check=True, capture_output=True, text=True)
    return json.loads(result.stdout.splitlines()[-1])
