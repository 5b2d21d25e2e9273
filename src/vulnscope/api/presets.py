"""The verb that repeats an earlier experiment as a preset of the study."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from vulnscope.api.requests import opened_run
from vulnscope.errors import InputError
from vulnscope.kinds.context import load_requested, open_requested
from vulnscope.kinds.kind import Finished
from vulnscope.records.reproduction import ReproductionRecord
from vulnscope.records.requests import StudyRequest
from vulnscope.study.presets import PRESETS
from vulnscope.study.presets.settings import StarcoderConfig

if TYPE_CHECKING:
    from vulnscope.api.requests import Stage


class PresetRequest(StudyRequest):
    """Everything a preset is asked to do."""

    preset: StarcoderConfig = StarcoderConfig()


class PresetResult(Finished[ReproductionRecord]):
    """A finished preset: its record and the folder it lies in."""


def check_preset(name: str) -> None:
    """Raise `InputError` listing the presets where there is none called `name`."""
    if name not in PRESETS:
        raise InputError(f"unknown preset {name!r}; choose one of: {', '.join(PRESETS)}")


def run_preset_request(
    request: PresetRequest,
    *,
    runs_dir: Path,
    resume: str | Path | None = None,
    command: str = "",
    progress: Stage | None = None,
) -> PresetResult:
    """Carry out `request` in a new run, or in the run `resume`."""
    from vulnscope.report.reproduction_panels import render_reproduction
    from vulnscope.study.presets.samples import choose_samples
    from vulnscope.study.presets.starcoder import run_preset

    corpus = load_requested(request.corpus)
    choose_samples(corpus, request.preset)
    subject = open_requested(request.subject)
    with opened_run(
        "reproduction", request, subject, corpus, request.preset.seed, runs_dir=runs_dir, resume=resume, command=command
    ) as run:
        record = run_preset(subject, corpus, request.preset, run, command=run.manifest.command, progress=progress)
        run.write_report(render_reproduction(record))
        run.write_result(record)
    return PresetResult(record=record, folder=run.path)
