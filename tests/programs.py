"""Programs that some tests need: `@pytest.mark.needs("gcc")` skips a test where one is missing.

`VULNSCOPE_REQUIRE=chromium,gcc` names those that must be there: without one of them its tests fail instead.
"""

from __future__ import annotations

import os
import shutil
from typing import NamedTuple, NoReturn

import pytest


class Program(NamedTuple):
    """What a program may be called, and the packages that bring it."""

    names: tuple[str, ...]
    packages: str


PROGRAMS = {
    "bwrap": Program(("bwrap",), "bubblewrap"),
    "chromium": Program(("chromium", "chromium-browser", "google-chrome", "google-chrome-stable"), "chromium"),
    "gcc": Program(("gcc",), "gcc libc6-dev"),
}


def find_program(name: str) -> str | None:
    """Its path, or None."""
    return next((path for own in PROGRAMS[name].names if (path := shutil.which(own))), None)


def need(name: str) -> str:
    """Its path; skips or fails the test where there is none."""
    return find_program(name) or lack(name, f"no {name} on this machine; apt-get install {PROGRAMS[name].packages}")


def lack(name: str, reason: str) -> NoReturn:
    """Skip the test that runs, or fail it where the program is required."""
    required = [each for each in os.environ.get("VULNSCOPE_REQUIRE", "").split(",") if each]
    if unknown := sorted(set(required) - PROGRAMS.keys()):
        pytest.fail(f"VULNSCOPE_REQUIRE names {', '.join(unknown)}; known: {', '.join(PROGRAMS)}")
    if name in required:
        pytest.fail(f"{reason} (required by VULNSCOPE_REQUIRE)")
    pytest.skip(reason)
