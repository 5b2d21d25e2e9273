"""The plain way to the numbers of sweeps and patches: one full forward per prompt, answer and point."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext

import torch
from torch import Tensor

from vulnscope.models.edit.operations import Where
from vulnscope.models.forward.forward import run_model
from vulnscope.models.forward.hooks import Site, tapped
from vulnscope.models.subject.subject import Subject
from vulnscope.models.sweeps.grid import Point
from vulnscope.models.text.items import TokenText
from vulnscope.models.text.selectors import select

Tokens = tuple[int, ...]
Answers = Sequence[Sequence[Tokens]]


def log_probs(subject: Subject, tokens: Tokens, site: Site, tap: Callable[[Tensor], Tensor] | None) -> Tensor:
    """Log-probabilities after every token of one sequence, with `tap` at `site`."""
    hook = tapped(subject.model, subject.architecture, {site: tap}) if tap else nullcontext()
    with torch.inference_mode(), hook:
        positions = torch.arange(len(tokens))[None]
        return run_model(subject.model, subject.architecture, torch.tensor([tokens]), positions)[0].log_softmax(-1)


def plain_scores(subject: Subject, prompt: Tokens, answers: Sequence[Tokens], run: Callable[[Tokens], Tensor]) -> list:
    """Log-probabilities of each token of each answer, where `run` gives those after every token."""
    found = []
    for answer in answers:
        rows = run(prompt + answer[:-1])
        found.append(tuple(float(rows[len(prompt) - 1 + i, token]) for i, token in enumerate(answer)))
    return found


def plain_point(subject: Subject, number: int, prompt: Tokens, answers: Sequence[Tokens], point: Point) -> list:
    """The scores of one prompt under one point."""

    def run(tokens: Tokens) -> Tensor:
        if point.edit is None:
            return log_probs(subject, tokens, point.site, None)
        picked = torch.from_numpy(select(TokenText(tokens, n_prompt=len(prompt)), point.selector))
        where = Where(torch.full_like(picked, number), picked)

        def tap(hidden: Tensor) -> Tensor:
            hidden = hidden.clone()
            hidden[0, picked] = point.edit.operation.apply(hidden[0, picked], where)  # type: ignore[union-attr]
            return hidden

        return log_probs(subject, tokens, point.site, tap)

    return plain_scores(subject, prompt, answers, run)


def states_at(subject: Subject, tokens: Tokens, site: Site) -> Tensor:
    """What flows through `site` when the sequence runs plainly."""
    seen: list[Tensor] = []
    log_probs(subject, tokens, site, lambda hidden: seen.append(hidden[0].clone()) or hidden)  # type: ignore[func-returns-value]
    return seen[0]
