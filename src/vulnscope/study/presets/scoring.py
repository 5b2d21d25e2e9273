"""Margins of several settings in one call: the engine computes what none of them edits once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import torch

from vulnscope.effects.margins import read_margins
from vulnscope.models import score

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor

    from vulnscope.ask.scored.items import QuestionItems
    from vulnscope.effects.margins import Margins
    from vulnscope.models import Edit, Subject

    Vectors = Mapping[int, Float[Tensor, "n d_model"]]


def score_settings(
    subject: Subject,
    asked: tuple[QuestionItems, QuestionItems],
    tried: Sequence[Vectors],
    make: Callable[[Vectors], Sequence[Edit]],
) -> list[Margins]:
    """Margins under each of `tried`: vectors by layer, a row per sample, of which `make` makes edits.

    All have the same layers; vectors of no layer are no edit.
    """
    n_asked = len(asked[0].items)
    items = [item for question in asked for _ in tried for item in question.items]
    answers = [given.sequences for question in asked for _ in tried for given in question.answers]
    vectors = {layer: torch.cat([each[layer] for _ in asked for each in tried]) for layer in tried[0]}
    scores = score(subject, items, answers, edits=make(vectors) or None)
    parts = [scores[start : start + n_asked] for start in range(0, len(scores), n_asked)]
    return [
        read_margins(asked, first, second)
        for first, second in zip(parts[: len(tried)], parts[len(tried) :], strict=True)
    ]
