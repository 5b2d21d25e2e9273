"""Headless Chromium for the tests that must see a page run."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import NamedTuple

from tests.programs import need

_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--virtual-time-budget=10000",
    "--enable-logging=stderr",
    "--dump-dom",
)


class Opened(NamedTuple):
    """The page after its scripts ran, and what the console complained of."""

    dom: str
    complaints: list[str]


def open_page(html: str, folder: Path) -> Opened:
    """Open `html` from disk in a browser of its own, wait until it is at rest, and close it."""
    page = folder / "page.html"
    page.write_text(html, encoding="utf-8")
    done = subprocess.run(
        [need("chromium"), *_FLAGS, f"--user-data-dir={folder / 'profile'}", page.as_uri()],
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
        env={**os.environ, "HOME": str(folder)},
    )
    return Opened(done.stdout, [line for line in done.stderr.splitlines() if "CONSOLE" in line])
