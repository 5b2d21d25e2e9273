"""`vulnscope study --preset`: an earlier experiment, repeated as written and done right."""

from __future__ import annotations

from pathlib import Path

import typer

from vulnscope.cli.common import command_line, show_record
from vulnscope.cli.options import corpus_options, model_options, read_group
from vulnscope.cli.progress import staged_progress
from vulnscope.cli.requests import choose_request, is_given
from vulnscope.errors import InputError

_UNUSED = (
    *("against", "prompts", "prompt", "part", "cwe", "language", "limit", "max_batch_tokens"),
    *("change", "budget", "dry_run"),
)


def run_preset(context: typer.Context, name: str, resume: str | None, runs_dir: Path, *, as_json: bool) -> None:
    """Carry out the preset `name` with the model, corpus and seed of the command line, and show its result."""
    from vulnscope.api.presets import PresetRequest, run_preset_request
    from vulnscope.study.presets.recipe import read_recipe

    recipe = read_recipe(name)
    if given := [option for option in _UNUSED if context.params[option]]:
        shown = ", ".join(f"--{option.replace('_', '-')}" for option in given)
        raise InputError(f"the preset fixes its samples and prompts and takes no {shown}; leave it out")
    settings = {
        "subject": read_group(context, model_options),
        "corpus": read_group(context, corpus_options),
        "preset": {**recipe.settings.model_dump(), "seed": context.params["seed"]},
    }
    if not is_given(context, "corpus"):
        settings["corpus"]["name"] = recipe.corpus
    request = choose_request(context, "reproduction", PresetRequest, settings, resume, runs_dir)
    with staged_progress() as tell:
        result = run_preset_request(
            request,
            name,
            runs_dir=runs_dir,
            resume=resume,
            command=command_line(),
            progress=lambda stage, what, done, total: tell(f"{stage}: {what}", done, total),
        )
    from vulnscope.report.reproduction_panels import print_reproduction

    show_record(result.record, print_reproduction, result.report, as_json=as_json)
