"""Activations of many texts pooled in several ways in one pass: what probes and steering vectors are fitted on.

`capture` pools one selection of tokens; here each forward serves every pool and every site, so that the cost of
reading does not grow with the number of poolings.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch

from vulnscope.errors import InputError, SubjectError
from vulnscope.models.edit.session import active_sessions
from vulnscope.models.forward.hooks import Site, Tap
from vulnscope.models.read.activations import REDUCERS, Reduction
from vulnscope.models.read.early_exit import plan_reading, read_batch
from vulnscope.models.subject.sites import check_sites, name_site
from vulnscope.models.text.items import TokenText, as_items
from vulnscope.models.text.plan import default_max_tokens
from vulnscope.models.text.selectors import Selector, pick

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int
    from torch import Tensor

    from vulnscope.models.subject.subject import Subject

    Picks = Mapping[str, Int[np.ndarray, " n_picked"]]


class Pool(NamedTuple):
    """Which tokens of a text, and how their vectors become one."""

    selector: Selector
    reduce: Reduction


@dataclass(frozen=True, eq=False)
class Pooled:
    """One vector per pool, site and text; `has[pool]` says which texts have a selected token, other rows are 0."""

    values: Mapping[tuple[str, Site], Float[Tensor, "n d_model"]]
    has: Mapping[str, Bool[np.ndarray, " n"]]


@torch.inference_mode()
def capture_pools(
    subject: Subject,
    texts: Sequence[str | TokenText],
    sites: Iterable[Site | str | int],
    pools: Mapping[str, Pool],
    *,
    max_tokens: int | None = None,
) -> Pooled:
    """Float32 vectors of `texts` at `sites`, one for each of `pools`, from one forward per text, on the CPU.

    The subject runs unedited. A text without a token of some pool is left out of that pool. Raises `InputError` where
    a text has a token of none, `SubjectError` for NaN or infinite activations.
    """
    if active_sessions(subject):
        raise InputError("pools are read from the unedited subject; leave the edited() block first")
    checked, items = check_sites(subject, sites), as_items(subject, texts)
    picks = [_pick(item, pools, number) for number, item in enumerate(items)]
    width = subject.architecture.d_model
    values = {(name, site): torch.zeros(len(items), width) for name in pools for site in checked}
    lengths = [1 + max(int(found[-1]) for found in each.values()) for each in picks]
    for batch in plan_reading(subject, lengths, max_tokens or default_max_tokens(subject)):
        taps = {site: _tap(values, site, batch, picks, pools) for site in checked}
        read_batch(subject, [items[i].tokens[: lengths[i]] for i in batch], taps)
    return Pooled(values, {name: np.array([name in each for each in picks]) for name in pools})


def _pick(item: TokenText, pools: Mapping[str, Pool], number: int) -> Picks:
    found = {name: np.flatnonzero(pick(item, pool.selector, number)) for name, pool in pools.items()}
    kept = {name: places for name, places in found.items() if len(places)}
    if not kept:
        raise InputError(f"{item.label(number)} has no token for any pool ({', '.join(pools)})")
    return kept


def _tap(
    values: Mapping[tuple[str, Site], Float[Tensor, "n d_model"]],
    site: Site,
    batch: Sequence[int],
    picks: Sequence[Picks],
    pools: Mapping[str, Pool],
) -> Tap:
    def tap(hidden: Float[Tensor, "batch seq d_model"]) -> None:
        for row, text in enumerate(batch):
            for name, places in picks[text].items():
                chosen = hidden[row, torch.from_numpy(places).to(hidden.device)]
                pooled = REDUCERS[pools[name].reduce](chosen.float()).cpu()
                if not bool(torch.isfinite(pooled).all()):
                    raise SubjectError(f"NaN or infinite activations at {name_site(site)}; try dtype float32")
                values[name, site][text] = pooled

    return tap
