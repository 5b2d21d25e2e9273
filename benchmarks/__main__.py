"""`python -m benchmarks NAME`: run one benchmark, write its record and its table in the docs."""

from __future__ import annotations

import argparse
import json
import os
import sys
from importlib import import_module
from pathlib import Path

BENCHMARKS = {
    "audit": "benchmarks.audit",
    "diagnoses": "benchmarks.diagnoses",
    "engine": "benchmarks.engine",
    "false-claims": "benchmarks.false_claims",
    "kills": "benchmarks.kills",
    "mutants": "benchmarks.mutants",
    "plants": "benchmarks.plants",
    "simulations": "benchmarks.simulations",
    "study-kills": "benchmarks.study_kills",
}


def main() -> None:
    """Parse, run, print; a full run also writes `benchmarks/results/NAME.json` and its part of the docs."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("name", choices=sorted(BENCHMARKS))
    parser.add_argument("--quick", action="store_true", help="under two minutes, few items; writes nothing")
    parser.add_argument("--json", action="store_true", help="print the record as JSON")
    parser.add_argument("--data-dir", type=Path, help="folder of the real corpora; default: $VULNSCOPE_DATA")
    parser.add_argument("--only", action="append", default=[], metavar="PART", help="run this part alone, repeatable")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--sae-lens-python", type=Path, metavar="PYTHON", help="python of an environment with SAELens")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads of both sides")
    arguments = parser.parse_args()
    # Read once when OpenMP and the Hub client are loaded; two spinning threads beside a busy process collapse.
    os.environ.update(OMP_NUM_THREADS=str(arguments.threads), OMP_WAIT_POLICY="passive", HF_HUB_OFFLINE="1")
    data_dir = arguments.data_dir or (Path(os.environ["VULNSCOPE_DATA"]) if "VULNSCOPE_DATA" in os.environ else None)

    from benchmarks.options import Options
    from benchmarks.results import write_results

    benchmark = import_module(BENCHMARKS[arguments.name])
    options = Options(arguments.quick, data_dir, tuple(arguments.only), arguments.device, arguments.sae_lens_python)
    record = benchmark.run(options, lambda message: print(message, file=sys.stderr, flush=True))
    table = benchmark.render(record)
    print(json.dumps(record, indent=2) if arguments.json else table)
    if not options.is_quick and not options.only:
        write_results(arguments.name, record, table)


if __name__ == "__main__":
    main()
