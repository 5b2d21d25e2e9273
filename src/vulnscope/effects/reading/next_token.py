"""What a subject says after the last token of a text: differentiable, so that vectors can be fitted by it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch

from vulnscope.models.forward.forward import run_model
from vulnscope.models.read.early_exit import pad_right

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor

    from vulnscope.models import Subject, TokenText
    from vulnscope.prompts import AnswerTokens


def read_next(subject: Subject, items: Sequence[TokenText]) -> Float[Tensor, "n vocab"]:
    """Log-probabilities after the last token of each item; what follows a token cannot change it."""
    tokens, positions = (tensor.to(subject.device) for tensor in pad_right([item.tokens for item in items]))
    logits = run_model(subject.model, subject.architecture, tokens, positions)
    last = torch.tensor([len(item.tokens) - 1 for item in items], device=logits.device)
    return logits[torch.arange(len(items), device=logits.device), last].float().log_softmax(-1)


def first_token_odds(log_probs: Float[Tensor, " vocab"], answers: AnswerTokens) -> Float[Tensor, ""]:
    """Log-odds of yes against no in nats, by the answers' first tokens."""
    first = {
        wanted: sorted({s[0] for s, a in zip(answers.sequences, answers.answers, strict=True) if a == wanted})
        for wanted in ("yes", "no")
    }
    return log_probs[first["yes"]].logsumexp(0) - log_probs[first["no"]].logsumexp(0)
