"""What a study of one model, and an earlier experiment, check before a run is made, and do in it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from vulnscope.errors import InputError
from vulnscope.models.subject.sketch import sketch_model
from vulnscope.study import checks, run
from vulnscope.study.budget import fit_budget
from vulnscope.study.estimate import estimate_study
from vulnscope.study.presets.samples import choose_samples
from vulnscope.study.presets.starcoder import run_preset

if TYPE_CHECKING:
    from vulnscope.kinds.context import Context
    from vulnscope.models.subject.sketch import Sketch
    from vulnscope.records.reproduction import ReproductionRecord
    from vulnscope.records.requests import SubjectRequest
    from vulnscope.records.study import StudyEstimate, StudyRecord
    from vulnscope.study.config import StudyConfig
    from vulnscope.study.presets.settings import StarcoderConfig


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
        command=context.run.manifest.command,
        progress=tell_stages(context),
    )


def forecast_study(context: Context[StudyConfig]) -> StudyEstimate:
    """What it would take, from the config of the model; weights are neither downloaded nor loaded."""
    checks.check_study(context.corpus, context.settings)
    sketch = sketch_requested(context.request.subject)
    return estimate_study(sketch, context.corpus, fit_budget([sketch], context.corpus, context.settings))


def check_reproduction(context: Context[StarcoderConfig]) -> None:
    """Refuse a corpus without the samples of the preset."""
    choose_samples(context.corpus, context.settings)


def run_reproduction(context: Context[StarcoderConfig]) -> ReproductionRecord:
    """The experiment as it was written, and done right beside it."""
    return run_preset(
        context.subject,
        context.corpus,
        context.settings,
        context.run,
        command=context.run.manifest.command,
        progress=tell_stages(context),
    )


def tell_stages(context: Context[StudyConfig] | Context[StarcoderConfig]) -> Callable[[str, str, int, int], None]:
    """Progress whose stages say what they are doing."""
    return lambda stage, what, done, total: context.tell(f"{stage}: {what}", done, total)


def sketch_requested(request: SubjectRequest) -> Sketch:
    """The shapes of the model that is asked for; raises `InputError` with an adapter, which has none of its own."""
    options = request.local_options()
    if options.pop("adapter") is not None:
        raise InputError("estimates are made from the model's config alone; leave out --adapter, or --dry-run/--budget")
    return sketch_model(**options)
