"""A vector found by gradient descent on the twins' own margins (after Cao et al. 2024, "bi-directional preference
optimisation", and Dunefsky & Cohan 2025, "one-shot steering").

    minimise over |v| = r:  mean log(1 + exp(−(m(x_vulnerable; v) − m(x_fixed; v))))
                            + mean max(0, KL(clean ‖ edited) − K)

m is the log-odds of yes to "is it vulnerable?", the same v is added to both twins, so that a mere shift of all margins
gains nothing; KL is taken over the next token after the prompt, K is the budget. Adam, projected to |v| = r after each
step; it starts from the mean difference. Our deviation: a pairwise loss on twins and a hinge on KL.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from vulnscope.effects.reading.next_token import first_token_odds, read_next
from vulnscope.models import add, edited
from vulnscope.steer.methods.mean_difference import fit_paired

if TYPE_CHECKING:
    from jaxtyping import Float

    from vulnscope.steer.fitting import FitData

_PAIRS_PER_STEP = 8
_RATE = 0.1


def fit_gradient(data: FitData) -> Float[Tensor, " d_model"]:
    """The vector of fixed length that best separates the twins' margins within a KL budget."""
    length = data.config.gradient_norm * data.unit.value
    start = fit_paired(data)
    vector = (start / start.norm().clamp(min=1e-30) * length).to(data.subject.device).requires_grad_()
    optimiser = torch.optim.Adam([vector], lr=_RATE * length / len(start) ** 0.5)
    generator = np.random.default_rng(data.config.seed)
    for _ in range(data.config.gradient_steps):
        drawn = generator.permutation(len(data.pairs))[:_PAIRS_PER_STEP]
        loss = _loss(data, vector, data.pairs[drawn])
        (vector.grad,) = torch.autograd.grad(loss, [vector])
        optimiser.step()
        with torch.no_grad():
            vector.mul_(length / vector.norm().clamp(min=1e-30))
    found: Tensor = vector.detach().cpu()
    return found


def _loss(data: FitData, vector: Tensor, pairs: np.ndarray) -> Tensor:
    places = pairs.ravel().tolist()
    items = [data.asked[0].items[place] for place in places]
    answers = [data.asked[0].answers[place] for place in places]
    with torch.no_grad():
        clean = read_next(data.subject, items)
    with edited(data.subject, [add(data.site, vector, selector=data.selector, unit="raw")], items, check=False):
        changed = read_next(data.subject, items)
    odds = [first_token_odds(row, asked) for row, asked in zip(changed, answers, strict=True)]
    margins = torch.stack(odds).view(-1, 2)
    divergence = (clean.exp() * (clean - changed)).sum(-1)
    ranking = functional.softplus(-(margins[:, 0] - margins[:, 1])).mean()
    total: Tensor = ranking + functional.relu(divergence - data.config.gradient_kl_nats).mean()
    return total
