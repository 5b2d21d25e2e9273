"""What `vulnscope doctor` found on this machine."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from vulnscope.records.base import Record


class Check(Record):
    """One thing looked at. `missing` is an absent option; `failed` breaks what the package promises."""

    name: str
    state: Literal["ok", "missing", "failed"]
    detail: str
    remedy: str | None = Field(default=None, description="command or setting that helps")


class MachineReport(Record):
    """All checks, in the order shown."""

    checks: tuple[Check, ...]

    @property
    def is_healthy(self) -> bool:
        """No check failed; missing options are fine."""
        return all(check.state != "failed" for check in self.checks)
