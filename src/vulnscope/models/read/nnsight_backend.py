"""nnsight as a second, independent way to read and edit a subject: the oracle our hooks must agree with.

Texts run one by one, unpadded and uncached; of the edits only plain additions are offered. What is checked is where
hidden states are read and changed and at which tokens, so nothing of our hooks, batches or caches is shared.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from vulnscope.errors import SubjectError
from vulnscope.models.edit.operations import Add
from vulnscope.models.edit.session import active_sessions
from vulnscope.models.forward.call_layout import Call, announced, announcing
from vulnscope.models.forward.hooks import Site, Tap
from vulnscope.models.forward.prefix import TOKEN_BITS
from vulnscope.models.forward.tree_forward import NextToken, Read, answer_reads
from vulnscope.models.subject.sites import name_site

if TYPE_CHECKING:
    from jaxtyping import Float, Int

    from vulnscope.models.forward.prefix import Forest
    from vulnscope.models.subject.subject import Subject

NNSIGHT = "nnsight"
# Sites of one layer in the order they are computed; nnsight refuses to look back.
_ORDER = ("resid_pre", "attn_out", "mlp_in", "mlp_out", "resid_post")
_WRAPPED: WeakKeyDictionary[nn.Module, Any] = WeakKeyDictionary()


@dataclass(frozen=True, eq=False)
class Addition:
    """A vector to add at some positions of a site."""

    site: Site
    positions: Int[Tensor, " n"]
    vector: Float[Tensor, " d_model"]


def read_traced(subject: Subject, rows: Sequence[Sequence[int]], taps: Mapping[Site, Tap]) -> None:
    """Call each tap with the hidden states of all token `rows`, padded on the right with zeros."""
    found: dict[Site, list[Tensor]] = {site: [] for site in taps}
    for number, row in enumerate(rows):
        states, _ = _trace(subject, row, list(taps), _additions(subject, number))
        for site, hidden in states.items():
            found[site].append(hidden[0])
    for site, tap in taps.items():
        tap(pad_sequence(found[site], batch_first=True))


def read_traced_forest(subject: Subject, forest: Forest, reads: Sequence[Read]) -> list[NextToken]:
    """Answers to `reads` on a forest without shared prefixes, in their order."""
    answers: dict[int, NextToken] = {}
    for number, node in enumerate(forest.nodes):
        asked = [i for i, read in enumerate(reads) if read.node == number]
        tokens = [key & ((1 << TOKEN_BITS) - 1) for key in node.tokens]
        _, logits = _trace(subject, tokens, [], _additions(subject, forest.owners[number]))
        wanted = [reads[i] for i in asked]
        rows = logits[0, [read.offset for read in wanted]].float()
        answers.update(zip(asked, answer_reads(rows, wanted) if wanted else [], strict=True))
    return [answers[i] for i in range(len(reads))]


def _additions(subject: Subject, item: int) -> list[Addition]:
    """What the sessions in force add to text number `item` of those they are bound to."""
    found = []
    for session in active_sessions(subject):
        for site, operation, positions, row in session.touched(item):
            if not isinstance(operation, Add) or operation.keep_norm:
                raise SubjectError(
                    f"the nnsight backend can only add vectors; {operation.name} at {name_site(site)} needs "
                    "open_subject without backend="
                )
            found.append(Addition(site, positions, operation.vector[row if len(operation.vector) > 1 else 0]))
    return found


@torch.no_grad()
def _trace(
    subject: Subject, tokens: Sequence[int], sites: Sequence[Site], additions: Sequence[Addition]
) -> tuple[dict[Site, Tensor], Tensor]:
    """Hidden states at `sites` and the logits of one row, with `additions` made."""
    wrapped = _wrap(subject)
    ids = torch.tensor([list(tokens)], device=subject.device)
    places = torch.arange(ids.shape[1], device=subject.device)[None]
    given = {"position_ids": places, "use_cache": False}
    accepted = {name: value for name, value in given.items() if name in subject.architecture.accepts}
    visits = sorted({*sites, *(addition.site for addition in additions)}, key=_when)
    states: dict[Site, Tensor] = {}
    with announcing(subject.model, Call(places)), wrapped.trace(ids, **accepted):
        for site in visits:
            hidden = _visit(subject, wrapped, site, [a for a in additions if a.site == site])
            if site in sites:
                states[site] = hidden
        output = wrapped.output.save()
    return states, output.logits


def _visit(subject: Subject, wrapped: Any, site: Site, additions: Sequence[Addition]) -> Tensor:
    """The hidden states of `site` after `additions`, inside a trace."""
    envoy = _find(subject, wrapped, site)
    is_input = site.stream in ("resid_pre", "mlp_in")
    value = envoy.input if is_input else envoy.output
    hidden: Tensor = value[0] if isinstance(value, tuple) else value
    changed = hidden
    for addition in additions:
        moved = changed.clone()
        moved[:, addition.positions] = (moved[:, addition.positions] + addition.vector).to(changed.dtype)
        changed = moved
    if additions and is_input:
        envoy.input = changed
    elif additions:
        envoy.output = (changed, *value[1:]) if isinstance(value, tuple) else changed
    return changed.clone()


def _find(subject: Subject, wrapped: Any, site: Site) -> Any:
    envoy = wrapped
    path = f"{subject.architecture.layers_path}.{site.layer}"
    if not site.stream.startswith("resid"):
        path += f".{subject.architecture.branch(site.layer, site.stream).path}"
    for name in path.split("."):
        envoy = envoy[int(name)] if name.isdecimal() else getattr(envoy, name)
    return envoy


def _wrap(subject: Subject) -> Any:
    """nnsight's view of the subject's model, made once."""
    if subject.model not in _WRAPPED:
        from nnsight import NNsight

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about modules whose names collide with its own
            _WRAPPED[subject.model] = NNsight(subject.model)
    return _WRAPPED[subject.model]


def _when(site: Site) -> tuple[int, int]:
    return site.layer, _ORDER.index(site.stream)


@contextmanager
def traced_only(subject: Subject) -> Iterator[None]:
    """Inside the block calls of the model that do not come from this backend are refused: they would run unedited."""

    def refuse(model: nn.Module, *_: Any) -> None:
        if announced(model) is None:
            raise SubjectError(
                'the nnsight backend edits score and capture only; use open_subject(..., backend="hooks")'
            )

    handle = subject.model.register_forward_pre_hook(refuse)
    try:
        yield
    finally:
        handle.remove()
