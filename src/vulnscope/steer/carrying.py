"""What the kinds `steer` and `apply` check before a run is made, do in it, and show in place of one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vulnscope import store
from vulnscope.effects.apply_run import check_applying, run_applying
from vulnscope.effects.continuations import write_both
from vulnscope.effects.stored import read_source
from vulnscope.errors import InputError
from vulnscope.interventions import load_intervention, save_intervention
from vulnscope.steer.run import check_steered, check_steering, run_steering

if TYPE_CHECKING:
    from vulnscope.interventions import Stored
    from vulnscope.kinds.context import Context
    from vulnscope.records.apply import ApplyRecord, SteeredText
    from vulnscope.records.steer import SteerRecord
    from vulnscope.steer.config import ApplyConfig, SteerConfig

_INTERVENTION = "intervention"


def check_steer(context: Context[SteerConfig]) -> None:
    """Refuse what cannot be fitted or swept."""
    check_steering(context.corpus, context.settings)
    check_steered(context.subject, context.settings)


def run_steer(context: Context[SteerConfig]) -> SteerRecord:
    """Fit, choose and report; how far pair differences agree is noted at once."""
    return run_steering(
        context.subject,
        context.corpus,
        context.settings,
        context.run,
        progress=context.tell,
        on_agreement=context.note,
    )


def check_apply(context: Context[ApplyConfig]) -> Stored:
    """The intervention asked for, which fits corpus and model; of a run that is continued, its own copy."""
    stored = _read(context)
    check_applying(context.corpus, context.settings)
    if stored.vectors is not None:
        stored.vectors.check_subject(context.subject, is_forced=context.settings.is_forced)
    return stored


def run_apply(context: Context[ApplyConfig]) -> ApplyRecord:
    """Apply the intervention, a copy of which stays in the run."""
    stored: Stored = context.checked
    save_intervention(context.run.path / _INTERVENTION, stored.intervention, stored.vectors)
    return run_applying(
        context.subject,
        context.corpus,
        context.settings,
        stored,
        context.run,
        progress=context.tell,
    )


def show_text(context: Context[ApplyConfig], *, text: str | None, tokens: int) -> SteeredText | None:
    """What the model writes after `text`, un-steered and steered; the corpus is not read."""
    if text is None:
        return None
    if context.resume is not None:
        raise InputError("--text shows one text and makes no run; leave out --resume")
    stored = read_source(context.settings)
    return write_both(context.subject, stored, text, tokens, is_forced=context.settings.is_forced)


def _read(context: Context[ApplyConfig]) -> Stored:
    if context.resume is not None:
        own = store.load_run(context.resume, context.runs_dir).path / _INTERVENTION
        if own.is_dir():
            return load_intervention(own)
    return read_source(context.settings)
