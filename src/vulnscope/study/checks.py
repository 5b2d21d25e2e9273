"""Whether a study can be carried out, told before a model is opened or a run made."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vulnscope.ask.checks import check_layers
from vulnscope.audit.run import check_audit
from vulnscope.errors import InputError
from vulnscope.patch.patching import check_patching
from vulnscope.probe.run import check_probe
from vulnscope.steer.layers import choose_layers
from vulnscope.steer.run import check_steered, check_steering

if TYPE_CHECKING:
    from vulnscope.corpora import Corpus
    from vulnscope.models import Subject
    from vulnscope.models.forward.architecture import Shaped
    from vulnscope.study.config import StudyConfig


def check_study(corpus: Corpus, config: StudyConfig) -> None:
    """Raise `InputError` where any stage cannot be carried out on `corpus`, before a model is opened or a run made."""
    check_audit(corpus, config.of_stage(config.audit))
    check_probe(corpus, config.of_stage(config.probe))
    check_patching(corpus, config.of_stage(config.patch))
    check_steering(corpus, config.of_stage(config.steer))


def check_subject(subject: Subject, config: StudyConfig) -> None:
    """Raise `InputError` where any stage does not fit `subject`, before a run is made."""
    check_shapes(subject, config)
    check_steered(subject, config.of_stage(config.steer))


def check_shapes(model: Shaped, config: StudyConfig) -> None:
    """Raise `InputError` where a stage asks for layers that `model` lacks; its weights are not needed."""
    n_layers = model.architecture.n_layers
    try:
        for layers in (config.probe.layers, config.patch.layers):
            check_layers(layers, n_layers)
        choose_layers(config.steer.layers, n_layers)
    except InputError as error:
        raise InputError(f"{model.name}: {error}") from error
