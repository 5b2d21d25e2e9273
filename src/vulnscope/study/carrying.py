"""What a study of one model, and an earlier experiment, check before a run is made, and do in it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from vulnscope.errors import InputError
from vulnscope.models.subject.sketch import sketch_model
from vulnscope.study import checks, run
from vulnscope.study.budget import fit_budget
from vulnscope.study.forecast import estimate_study
from vulnscope.study.presets.recipe import read_recipe
from vulnscope.study.presets.reproduction import run_preset
from vulnscope.study.presets.samples import choose_samples

if TYPE_CHECKING:
    from vulnscope.kinds.context import Context
    from vulnscope.models.subject.sketch import Sketch
    from vulnscope.records.requests import SubjectRequest
    from vulnscope.study.config import StudyConfig
    from vulnscope.study.presets.recipe import Recipe
    from vulnscope.study.presets.record import ReproductionRecord
    from vulnscope.study.presets.settings import PresetConfig
    from vulnscope.study.record import StudyForecast, StudyRecord

DEFAULT = "starcoder-steering-2025"


def check_study(context: Context[StudyConfig]) -> None:
    """Refuse what any stage cannot do. A budget is settled before the run is made.

    The run stores the limit, so that resuming it studies the same pairs on any machine.
    """
    checks.check_study(context.corpus, context.settings)
    if context.settings.budget_minutes is not None and context.resume is None:
        sketch = sketch_requested(context.request.subject)
        context.settle(fit_budget([sketch], context.corpus, context.settings))
    checks.check_subject(context.subject, context.settings)


def run_study(context: Context[StudyConfig]) -> StudyRecord:
    """All stages, and the diagnosis."""
    return run.run_study(
        context.subject,
        context.corpus,
        context.settings,
        context.run,
        cache=context.cache,
        progress=tell_stages(context),
    )


def forecast_study(context: Context[StudyConfig]) -> StudyForecast:
    """What it would take, from the config of the model; weights are neither downloaded nor loaded."""
    checks.check_study(context.corpus, context.settings)
    sketch = sketch_requested(context.request.subject)
    return estimate_study(sketch, context.corpus, fit_budget([sketch], context.corpus, context.settings))


def begin_reproduction(words: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of the preset, and its corpus; raises `InputError` for a preset that is none."""
    recipe = read_recipe(words["preset"])
    return {"preset": recipe.settings.model_dump(), "corpus": {"name": recipe.corpus}}


def check_reproduction(context: Context[PresetConfig]) -> Recipe:
    """What the preset does; refuses a corpus without its samples."""
    recipe = read_recipe(context.words.get("preset", DEFAULT))
    choose_samples(context.corpus, recipe, context.settings)
    return recipe


def run_reproduction(context: Context[PresetConfig]) -> ReproductionRecord:
    """The experiment as it was written, and done right beside it."""
    return run_preset(
        context.subject,
        context.corpus,
        context.checked,
        context.settings,
        context.run,
        progress=tell_stages(context),
    )


def tell_stages(context: Context[StudyConfig] | Context[PresetConfig]) -> Callable[[str, str, int, int], None]:
    """Progress whose stages say what they are doing."""
    return lambda stage, what, done, total: context.tell(f"{stage}: {what}", done, total)


def sketch_requested(request: SubjectRequest) -> Sketch:
    """The shapes of the model that is asked for; raises `InputError` with an adapter, which has none of its own."""
    options = request.local_options()
    if options.pop("adapter") is not None:
        raise InputError("estimates are made from the model's config alone; leave out --adapter, or --dry-run/--budget")
    return sketch_model(**options)
