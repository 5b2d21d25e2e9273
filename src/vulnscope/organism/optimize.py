"""Two optimizers and one schedule.

Matrices inside the layers are trained with Muon, whose orthogonalised momentum learnt the variable-matching task in far
fewer steps than AdamW here (Jordan et al. 2024, https://kellerjordan.github.io/posts/muon/); embeddings, biases and
norms with AdamW. Each stage warms up linearly, stays flat and decays linearly, so that the checkpoint between the
stages is an annealed model too.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn
from torch.optim import Optimizer

from vulnscope.errors import MissingPrerequisite
from vulnscope.organism.config import OptimizerConfig, OrganismConfig


def build_optimizers(model: nn.Module, scaffold: nn.Module, config: OptimizerConfig) -> tuple[Optimizer, ...]:
    """Muon for the matrices of the layers, AdamW for everything else."""
    if not hasattr(torch.optim, "Muon"):
        raise MissingPrerequisite(f"torch 2.9 or newer is needed, this is {torch.__version__}: pip install -U torch")
    named = list(model.named_parameters())
    matrices = [parameter for name, parameter in named if _is_layer_matrix(name, parameter)]
    others = [parameter for name, parameter in named if not _is_layer_matrix(name, parameter)]
    return (
        torch.optim.Muon(matrices, lr=config.matrix_learning_rate, weight_decay=config.weight_decay, momentum=0.95),
        torch.optim.AdamW(
            [*others, *scaffold.parameters()], lr=config.learning_rate, betas=config.betas, weight_decay=0.0
        ),
    )


def set_learning_rates(optimizers: Sequence[Optimizer], config: OrganismConfig, step: int) -> None:
    """Set both optimizers to the rates of `step`."""
    share = learning_rate_share(config, step)
    peaks = (config.optimizer.matrix_learning_rate, config.optimizer.learning_rate)
    for optimizer, peak in zip(optimizers, peaks, strict=True):
        for group in optimizer.param_groups:
            group["lr"] = peak * share


def learning_rate_share(config: OrganismConfig, step: int) -> float:
    """The learning rate of `step` as share of the peak, in (0, 1]: a trapezoid over each stage."""
    is_reading = step < config.reading.n_steps
    done = step if is_reading else step - config.reading.n_steps
    n_steps = config.reading.n_steps if is_reading else config.labelling.n_steps
    warm_up = (done + 1) / (config.optimizer.warmup_steps + 1)
    decay = (n_steps - done) / (n_steps * config.optimizer.decay_share)
    return max(config.optimizer.final_share, min(1.0, warm_up, decay))


def _is_layer_matrix(name: str, parameter: nn.Parameter) -> bool:
    return parameter.ndim == 2 and "embed" not in name
