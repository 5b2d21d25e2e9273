"""What every test shares: a folder of its own, no network, no telemetry, and the real data where a machine has it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# Set before any test imports transformers or huggingface_hub, which read these once.
os.environ.update(
    HF_HUB_OFFLINE="1",
    HF_HUB_DISABLE_TELEMETRY="1",
    HF_DATASETS_OFFLINE="1",
    TRANSFORMERS_VERBOSITY="error",
    TOKENIZERS_PARALLELISM="false",
    DO_NOT_TRACK="1",
    WANDB_MODE="disabled",
)
# Programs that tests start find what the tests import, wherever they are started.
ROOT = Path(__file__).parents[1]
os.environ["PYTHONPATH"] = os.pathsep.join(map(str, (ROOT / "src", ROOT)))
# What a user has set must not reach a test: where runs and caches go, how wide and colourful a terminal is.
DATA = os.environ.pop("VULNSCOPE_DATA", None) or os.environ.get("VULNSCOPE_TEST_DATA")
if DATA:
    # Under a name that only tests know: parallel workers are started with what this process leaves in its environment.
    os.environ["VULNSCOPE_TEST_DATA"] = DATA
for _name in ("VULNSCOPE_RUNS", "VULNSCOPE_CACHE", "COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR"):
    os.environ.pop(_name, None)

# One of several workers computes with one thread, so that they do not fight over cores.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ["OMP_NUM_THREADS"] = "1"

# A slow machine is not a failure, and a change is tested on the same inputs as the one before it; new inputs are looked
# for with `--hypothesis-profile=explore`.
settings.register_profile("explore", deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=1000)
settings.register_profile("vulnscope", settings.get_profile("explore"), max_examples=100, derandomize=True)
settings.load_profile("vulnscope")


def _stand_in(folder: Path) -> Iterator[None]:
    """Let what follows run in `folder`, with its own cache: nothing depends on the folder that pytest was called in."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("VULNSCOPE_CACHE", str(folder / "cache"))
        yield


# One for each scope: a fixture of a module is made before any fixture of a test, one of the session before both.
@pytest.fixture(scope="session", autouse=True)
def _folder_of_the_session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    yield from _stand_in(tmp_path_factory.mktemp("session"))


@pytest.fixture(scope="module", autouse=True)
def _folder_of_the_module(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    yield from _stand_in(tmp_path_factory.mktemp("module"))


@pytest.fixture(autouse=True)
def _folder_of_the_test(tmp_path: Path) -> Iterator[None]:
    yield from _stand_in(tmp_path)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip or fail a test marked `needs(...)` where a program is missing."""
    from tests.programs import need

    for mark in item.iter_markers("needs"):
        for name in mark.args:
            need(name)


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The folder of real corpora; skips where `VULNSCOPE_DATA` is unset, fails where it is set and wrong."""
    if not DATA:
        pytest.skip("real data: VULNSCOPE_DATA is not set")
    path = Path(DATA)
    if not path.is_dir():
        pytest.fail(f"VULNSCOPE_DATA={DATA} is not a folder")
    return path


@pytest.fixture(scope="session")
def real_corpus_dir(data_dir: Path) -> Callable[[str], Path]:
    """Folder of one real corpus; fails where the data is incomplete."""

    def find(name: str) -> Path:
        path = data_dir / name
        if not path.is_dir():
            pytest.fail(f"VULNSCOPE_DATA={data_dir} is incomplete: no folder {name!r}")
        return path

    return find


@pytest.fixture(scope="session")
def fixtures_dir() -> Path:
    """Folder of committed fixtures."""
    return Path(__file__).parent / "fixtures"
