from __future__ import annotations

import pytest
from tests.models.zoo import tiny_model
from torch import nn

from vulnscope.errors import InputError, SubjectError
from vulnscope.models.forward.architecture import map_architecture


def test_an_ambiguous_layer_list_names_candidates_and_the_way_out() -> None:
    model = tiny_model("llama")
    model.twin = nn.ModuleList(nn.Linear(2, 2) for _ in range(3))
    with pytest.raises(SubjectError, match=r"several module lists could be the 3 decoder layers") as caught:
        map_architecture(model)
    assert "model.layers (3), twin (3)" in str(caught.value)
    assert "--layers-path PATH" in str(caught.value)
    assert map_architecture(model, "model.layers").n_layers == 3


def test_a_missing_layer_list_names_what_there_is() -> None:
    model = tiny_model("llama")
    model.config.num_hidden_layers = 7
    with pytest.raises(SubjectError, match=r"no module list is the 7 decoder layers.*model.layers \(3\)"):
        map_architecture(model)


def test_a_wrong_path_lists_the_right_ones() -> None:
    with pytest.raises(InputError, match=r"'model.nothing' is no list of layers; this model has: model.layers"):
        map_architecture(tiny_model("llama"), "model.nothing")


def test_limits_of_length_come_from_the_config() -> None:
    assert map_architecture(tiny_model("gpt2")).max_positions == 512
    assert map_architecture(tiny_model("mamba")).max_positions is None


def test_branches_are_named_with_the_reason_where_there_is_none() -> None:
    assert map_architecture(tiny_model("llama")).branch(0, "mlp_out").path == "mlp"
    bloom = map_architecture(tiny_model("bloom"))
    assert bloom.branch(0, "mlp_in").path == "mlp"
    assert bloom.branch(0, "mlp_out").reason == "its module 'mlp' adds the residual itself"
    assert "no feed-forward module" in map_architecture(tiny_model("opt")).branch(0, "mlp_in").reason
    assert "several feed-forward modules" in map_architecture(tiny_model("granitemoehybrid")).branch(0, "mlp_in").reason
