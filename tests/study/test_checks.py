"""Layers that a model lacks are named before anything runs, with the model and whatever asked for them."""

from __future__ import annotations

import pytest
from tests.ask.builders import make_corpus, make_pairs, tiny_subject

from vulnscope.errors import InputError
from vulnscope.patch.config import PatchConfig
from vulnscope.probe.config import ProbeConfig
from vulnscope.steer.config import SteerConfig
from vulnscope.study.checks import check_shapes, check_study, check_subject
from vulnscope.study.config import StudyConfig


@pytest.mark.parametrize(
    ("config", "layer"),
    [
        (StudyConfig(probe=ProbeConfig(layers=(0, 3))), 3),
        (StudyConfig(patch=PatchConfig(layers=(7,))), 7),
        (StudyConfig(steer=SteerConfig(layers="1,5")), 5),
    ],
)
def test_a_layer_that_is_not_there_is_named_with_the_model(config: StudyConfig, layer: int) -> None:
    subject = tiny_subject()
    for check in (check_shapes, check_subject):
        with pytest.raises(InputError, match=rf"^tiny: .*layer {layer}\b.*0 to 2"):
            check(subject, config)


def test_layers_that_are_there_pass() -> None:
    config = StudyConfig(
        probe=ProbeConfig(layers=(0, 2)), patch=PatchConfig(layers=(1,)), steer=SteerConfig(layers="0,2")
    )
    check_shapes(tiny_subject(), config)
    check_subject(tiny_subject(), config)


def test_every_stage_must_fit_the_corpus() -> None:
    check_study(make_corpus(make_pairs(30)), StudyConfig())
    with pytest.raises(InputError):
        check_study(make_corpus(make_pairs(30)[::2]), StudyConfig())
    # Three groups are enough to ask about, and too few to fit, choose and report on.
    with pytest.raises(InputError, match="groups"):
        check_study(make_corpus(make_pairs(2)), StudyConfig())
