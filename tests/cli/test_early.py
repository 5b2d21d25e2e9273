"""A slip of the pen is answered before anything heavy is imported."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

TELL = """
import sys
from vulnscope.cli import main
try:
    main()
finally:
    print("heavy:", sorted({"torch", "transformers", "scipy"} & set(sys.modules)))
"""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["audit", "./nomodel"], "model folder './nomodel' does not exist"),
        (["audit", "./nomodel", "--dry-run"], "model folder './nomodel' does not exist"),
        (["probe", "organism:nosuch"], "has no variant 'nosuch'; choose one of: biased"),
        (["study", "organism", "--adapter", "./no"], "adapter folder './no' does not exist"),
        (["audit", "organism", "--dtype", "float8"], "unknown dtype 'float8'; choose one of: auto, float32"),
        (["audit", "organism", "--device", "g p u"], "unknown device 'g p u'; choose auto"),
        (["audit", "organism", "--protocol", "nosuch"], "unknown protocol 'nosuch'; choose one of: free-text"),
        (["audit", "organism", "--corpus", "nosuch"], "unknown corpus 'nosuch'; choose one of: crossvul"),
        (
            ["patch", "organism", "--option", "n_pears=5"],
            "corpus 'synthetic' has no option 'n_pears'; its options: seed",
        ),
        (["audit", "organism", "--option", "n_pairs=many"], "corpus 'synthetic', option n_pairs='many'"),
        (
            ["steer", "sweep", "organism", "--corpus", "sven", "--data-dir", "nowhere"],
            "nowhere does not exist; expected",
        ),
        (["audit", "organism", "--corpus", "primevul"], "corpus 'primevul' is read from disk: give its folder"),
    ],
)
def test_a_slip_of_the_pen_is_answered_at_once(tmp_path: Path, arguments: list[str], message: str) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "VULNSCOPE_DATA"}
    environment |= {"VULNSCOPE_CACHE": str(tmp_path), "COLUMNS": "400"}
    done = subprocess.run(
        [sys.executable, "-c", TELL, *arguments],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert message in done.stderr
    assert done.returncode == 2
    assert done.stdout.strip() == "heavy: []"
    assert not (tmp_path / "runs").exists()


def test_the_cache_of_the_hub_is_told_from_a_model(tmp_path: Path) -> None:
    (tmp_path / "models--org--name" / "snapshots" / "abc").mkdir(parents=True)
    done = subprocess.run(
        [sys.executable, "-m", "vulnscope", "audit", "./models--org--name"],
        cwd=tmp_path,
        env={**os.environ, "COLUMNS": "400"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "is where the Hub's files are cached; name the model by its id (org/name), or give" in done.stderr
    assert "models--org--name/snapshots/abc" in done.stderr
