"""Deciding per text whether a conditional edit applies: a read-out of the unedited subject on the prompt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from vulnscope.models.edit.edits import Condition
from vulnscope.models.edit.session import suspended
from vulnscope.models.read.activations import capture
from vulnscope.models.text.items import TokenText

if TYPE_CHECKING:
    from vulnscope.models.subject.subject import Subject


def decide(subject: Subject, condition: Condition, items: Sequence[TokenText]) -> list[bool]:
    """For which of `items` the condition holds.

    Decided before any edit, on the prompt alone, so that a generated or scored answer cannot change the decision,
    and neither can the cache, the batch or another edit.
    """
    prompts = [cut_answer(item) for item in items]
    distinct = {prompt.tokens: prompt for prompt in prompts}
    with suspended(subject):
        found = capture(subject, list(distinct.values()), [condition.site], condition.selector, "mean")
    held = condition.holds(found[condition.site]).tolist()
    decisions = dict(zip(distinct, held, strict=True))
    return [bool(decisions[prompt.tokens]) for prompt in prompts]


def cut_answer(item: TokenText) -> TokenText:
    """The prompt of `item` alone."""
    n = item.prompt_length
    if n == len(item.tokens):
        return item
    return replace(item, tokens=item.tokens[:n], offsets=item.offsets and item.offsets[:n], n_prompt=None)
