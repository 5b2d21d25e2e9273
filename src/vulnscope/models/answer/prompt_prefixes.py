"""Keys and values of prompts up to their last token, run once and forked for every generation that leaves them alone.

Edits at the last token of a prompt and later change nothing before it. So many generations on the same prompts, one
per vector and scale, need the prompts once: each begins from a copy with the last token, as `generate` would after
having read all the others.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import torch
from transformers import DynamicCache

from vulnscope.models.edit.session import active_sessions, suspended
from vulnscope.models.forward.forward import run_model
from vulnscope.models.forward.head import reading_head
from vulnscope.models.subject.selfcheck import LEFT_PADDING, PREFIX_CACHE

if TYPE_CHECKING:
    from jaxtyping import Int
    from torch import Tensor

    from vulnscope.models.forward.prefix import Tokens
    from vulnscope.models.subject.subject import Subject

_LATE = ("last", "generated")


class PromptPrefixes:
    """What `generate` keeps of its prompts from call to call: one cache per batch of them.

    They are those of `subject` as it is, its weights and adapters unchanged between the calls.
    """

    def __init__(self, subject: Subject) -> None:
        self.subject = subject
        self._known: dict[tuple[Tokens, ...], DynamicCache] = {}

    def fork(self, prompts: Sequence[Tokens], inputs: Mapping[str, Int[Tensor, "batch seq"]]) -> DynamicCache | None:
        """A cache of all columns of `inputs` but the last, to be written to.

        None where an edit in force touches them, a prompt is but one token, or the subject's caches are not exact.
        """
        if not _is_left_alone(self.subject, max(map(len, prompts))) or min(map(len, prompts)) < 2:
            return None
        key = tuple(prompts)
        if key not in self._known:
            self._known[key] = _read(self.subject, inputs)
        return copy.deepcopy(self._known[key])


def _is_left_alone(subject: Subject, longest: int) -> bool:
    edits = [edit for session in active_sessions(subject) for edit in session.edits]
    is_late = all(edit.selector.kind in _LATE and edit.condition is None for edit in edits)
    trusted = subject.trusted(longest)
    return is_late and trusted.has(PREFIX_CACHE) and trusted.has(LEFT_PADDING)


def _read(subject: Subject, inputs: Mapping[str, Int[Tensor, "batch seq"]]) -> DynamicCache:
    model = subject.model
    cache = DynamicCache(config=model.config.get_text_config(decoder=True))
    given = {name: tensor[:, :-1] for name, tensor in inputs.items()}
    first = torch.zeros(1, dtype=torch.long, device=subject.device)
    with suspended(subject), reading_head(model, first, first):
        run_model(
            model,
            subject.architecture,
            given["inputs"],
            given.get("position_ids"),
            given.get("attention_mask"),
            cache,
        )
    return cache
