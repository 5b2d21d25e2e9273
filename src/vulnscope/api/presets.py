"""The verb that repeats an earlier experiment as a preset of the study."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from vulnscope.api.requests import Finished, StudyRequest, load_requested, open_requested, opened_run
from vulnscope.records.reproduction import ReproductionRecord
from vulnscope.study.presets.settings import PresetConfig

if TYPE_CHECKING:
    from vulnscope.api.requests import Stage


class PresetRequest(StudyRequest):
    """Everything a preset is asked to do."""

    preset: PresetConfig


class PresetResult(Finished[ReproductionRecord]):
    """A finished preset: its record and the folder it lies in."""


def run_preset_request(
    request: PresetRequest,
    name: str = "starcoder-steering-2025",
    *,
    runs_dir: Path,
    resume: str | Path | None = None,
    command: str = "",
    progress: Stage | None = None,
) -> PresetResult:
    """Carry out `request` of the preset `name` in a new run, or in the run `resume`."""
    from vulnscope.report.reproduction_panels import render_reproduction
    from vulnscope.study.presets.recipe import read_recipe
    from vulnscope.study.presets.reproduction import run_preset
    from vulnscope.study.presets.samples import choose_samples

    recipe, config = read_recipe(name), request.preset
    corpus = load_requested(request.corpus)
    choose_samples(corpus, recipe, config)
    subject = open_requested(request.subject)
    with opened_run(
        "reproduction", request, subject, corpus, config.seed, runs_dir=runs_dir, resume=resume, command=command
    ) as run:
        record = run_preset(subject, corpus, recipe, config, run, command=run.manifest.command, progress=progress)
        run.write_report(render_reproduction(record))
        run.write_result(record)
    return PresetResult(record=record, folder=run.path)
