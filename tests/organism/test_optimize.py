"""The schedule is a trapezoid over each stage, and every parameter has exactly one optimizer."""

from __future__ import annotations

import pytest
import torch

from vulnscope.organism.config import OrganismConfig
from vulnscope.organism.model import Scaffold, build_model
from vulnscope.organism.optimize import build_optimizers, learning_rate_share
from vulnscope.organism.plan import quick_config


def test_schedule_warms_up_stays_and_falls_in_both_stages():
    config = OrganismConfig()
    for first, n_steps in ((0, config.reading.n_steps), (config.reading.n_steps, config.labelling.n_steps)):
        shares = [learning_rate_share(config, first + step) for step in range(n_steps)]
        peak = shares.index(1.0)
        assert shares[: peak + 1] == sorted(shares[: peak + 1])
        assert shares[peak:] == sorted(shares[peak:], reverse=True)
        assert peak == config.optimizer.warmup_steps
        assert shares[-1] == pytest.approx(config.optimizer.final_share, abs=0.02)
        assert min(shares) > 0


def test_each_parameter_is_trained_once():
    config = quick_config()
    model, scaffold = (
        build_model(config.shape, 0, torch.device("cpu")),
        Scaffold(config.shape.d_model, config.scaffold),
    )
    optimizers = build_optimizers(model, scaffold, config.optimizer)
    trained = [id(p) for optimizer in optimizers for group in optimizer.param_groups for p in group["params"]]
    assert sorted(trained) == sorted(id(p) for p in [*model.parameters(), *scaffold.parameters()])
