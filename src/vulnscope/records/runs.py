"""What a run folder says about itself: how it was made, how far it came, and where it stands."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import AwareDatetime, Field

from vulnscope.records.base import Record

Status = Literal["running", "interrupted", "failed", "finished"]


class RunSpec(Record):
    """Everything that decides a run's rows. A resumed run must agree in every field but `command`."""

    kind: str = Field(pattern=r"^[a-z][a-z0-9-]*$", description="audit, probe, ...")
    command: str = Field(description="command line that started it")
    config: dict[str, object] = Field(description="resolved config")
    digests: dict[str, str] = Field(description="of subject, corpus and code")
    versions: dict[str, str]
    seed: int
    device: str


class Manifest(RunSpec):
    """`manifest.json`: the spec, the batch plan with its revisions, and the state."""

    schema_version: Literal[1] = 1
    id: str
    status: Status = "running"
    error: str | None = Field(default=None, description="why it stopped, where it did")
    created: AwareDatetime
    finished: AwareDatetime | None = None
    n_resumed: int = Field(default=0, ge=0, description="times it was continued")
    plan: dict[str, object] | None = Field(default=None, description="batch plan over the full item list")
    plan_revisions: tuple[dict[str, object], ...] = Field(default=(), description="back-off, in order")


class RunSummary(Record):
    """One line of `vulnscope run list`."""

    id: str
    path: str
    kind: str
    status: Status | Literal["corrupt"]
    created: datetime | None = None
    finished: datetime | None = None
    n_rows: int = Field(ge=0, description="rows on disk")
    command: str = Field(default="", description="what the user typed")
    error: str | None = None


class RunList(Record):
    """What `vulnscope run list --json` prints."""

    runs: tuple[RunSummary, ...]


class RunDetail(Record):
    """What `vulnscope run show --json` prints."""

    summary: RunSummary
    manifest: Manifest
    result: dict[str, object] | None = Field(description="the result record; None where there is none yet")


class RenderedReport(Record):
    """What `vulnscope run report --json` prints."""

    run: str
    report: str = Field(description="path of the HTML file")
