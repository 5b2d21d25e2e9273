"""Write every golden file again, after a change that is meant: `python -m tests.regenerate`, then read the diff.

A module with golden files holds `GOLDEN`: a folder of its own, and `render_golden() -> {file name: text}`.
"""

from __future__ import annotations

import sys
from importlib import import_module

MODULES = (
    "tests.api.verbs_source",
    "tests.baselines.golden",
    "tests.cli.golden",
    "tests.models.feature_table",
    "tests.report.golden",
)


def main() -> None:
    """Rewrite the files of all `MODULES` and name those that changed."""
    for name in MODULES:
        module = import_module(name)
        for file, text in module.render_golden().items():
            path = module.GOLDEN / file
            if not path.exists() or path.read_text(encoding="utf-8") != text:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8")
                sys.stdout.write(f"{path}\n")


if __name__ == "__main__":
    main()
