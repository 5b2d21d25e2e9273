"""Which tokens an answer hangs on, to first order: gradient times input (Simonyan et al. 2014; Shrikumar et al. 2017).

    a_t = h_t · ∂m/∂h_t

h_t is what enters the first layer at token t, m the log-odds of yes against no by first tokens. The sum over t is the
change of m per unit by which all h are made longer; it is no share of m, and says nothing of what a token's removal
would do further than a straight line reaches.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from vulnscope.effects.reading.next_token import first_token_odds, read_next
from vulnscope.models import Site, edited, replace

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor

    from vulnscope.models import Subject, TokenText
    from vulnscope.prompts import AnswerTokens


def attribute_tokens(subject: Subject, item: TokenText, answers: AnswerTokens) -> Float[Tensor, " seq"]:
    """Nats per token of `item`, > 0 towards yes, on the CPU."""
    entered: list[Tensor] = []

    def keep(hidden: Tensor) -> Tensor:
        entered.append(hidden.detach().requires_grad_())
        return entered[-1]

    with edited(subject, [replace(Site(0, "resid_pre"), keep)], [item], check=False), torch.enable_grad():
        odds = first_token_odds(read_next(subject, [item])[0], answers)
    (gradient,) = torch.autograd.grad(odds, entered)
    return (gradient * entered[0]).sum(-1).detach().float().cpu()
