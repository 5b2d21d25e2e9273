"""Activations at any set of sites and selected tokens, pooled on the fly where asked for.

The forward stops after the highest site and never computes logits. A pooled capture holds one vector per text and
site; without pooling only the selected tokens are kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
import torch
from torch import Tensor

from vulnscope.errors import InputError, SubjectError
from vulnscope.models.edit.binding import bound_texts, check_texts
from vulnscope.models.forward.hooks import Site, Tap
from vulnscope.models.read.early_exit import ReadBackOff, plan_reading, read_batch, run_batches
from vulnscope.models.subject.refusals import refuse_compiled
from vulnscope.models.subject.sites import as_site, check_sites, name_site
from vulnscope.models.text.items import TokenText, as_items
from vulnscope.models.text.plan import default_max_tokens
from vulnscope.models.text.selectors import Selector, as_selector, select_all

if TYPE_CHECKING:
    from jaxtyping import Float, Int

    from vulnscope.models.subject.subject import Subject

Reduction = Literal["mean", "max", "last"]
REDUCTIONS: tuple[str, ...] = get_args(Reduction)
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}


@dataclass(frozen=True, eq=False)
class Activations:
    """Captured vectors per site; row i of every tensor belongs to row i of the index.

    Columns of the index (integers): `sample` (number of the text), and without reduction `position`, `token`, `line`
    (1-based, 0 where unknown) and `changed` (2 on a changed line, 1 on a shared line beside it, else 0); with a
    reduction `n_tokens`, the number of tokens pooled, and rows are texts in the order given. `back_offs` tell where
    memory ran out and calls became smaller.
    """

    values: Mapping[Site, Float[Tensor, "n d_model"]]
    index: Mapping[str, Int[Tensor, " n"]]
    reduce: Reduction | None
    back_offs: tuple[ReadBackOff, ...] = ()

    def __getitem__(self, site: Site | str | int) -> Float[Tensor, "n d_model"]:
        found = as_site(site)
        if found not in self.values:
            raise InputError(
                f"{name_site(found)} was not captured; there are: {', '.join(map(name_site, self.values))}"
            )
        return self.values[found]

    def of_sample(self, site: Site | str | int, sample: int) -> Float[Tensor, "n d_model"]:
        """Vectors of one text."""
        return self[site][self.index["sample"] == sample]


@torch.inference_mode()
def capture(
    subject: Subject,
    texts: Sequence[str | Sequence[int] | TokenText],
    sites: Iterable[Site | str | int],
    selector: str | Selector = "last",
    reduce: Reduction | None = None,
    *,
    dtype: Literal["float32", "bfloat16"] = "float32",
    max_tokens: int | None = None,
) -> Activations:
    """Activations of `texts` (texts, token ids or items) at `sites`, at the tokens `selector` picks, on the CPU.

    Inside `edited` the edited activations are seen. `max_tokens` bounds a batch, padding included. Everything is
    checked before the first forward: raises `InputError` for sites that do not exist and texts without a selected
    token, `SubjectError` for streams that were not proven.
    """
    job = prepare_capture(subject, texts, sites, selector, reduce, dtype)
    offsets = np.concatenate([[0], np.cumsum(job.n_rows)])
    values = {site: torch.empty(int(offsets[-1]), job.width, dtype=DTYPES[dtype]) for site in job.sites}
    batches = enumerate(plan_reading(subject, job.lengths, max_tokens or default_max_tokens(subject)))
    back_offs: list[ReadBackOff] = []
    for part, found in capture_batches(subject, job, batches, back_offs):
        rows = torch.cat([torch.arange(offsets[i], offsets[i + 1]) for i in part])
        for site, vectors in found.items():
            values[site][rows] = vectors
    return Activations(values, make_index(job, range(len(job.items))), reduce, tuple(back_offs))


@dataclass(frozen=True, eq=False)
class CaptureJob:
    """What a capture is asked to do, checked."""

    items: list[TokenText]
    sites: list[Site]
    picks: list[Int[np.ndarray, " n"]]
    reduce: Reduction | None
    dtype: torch.dtype
    width: int

    @property
    def lengths(self) -> list[int]:
        """Tokens to read of each item: nothing after its last selected token matters."""
        return [int(picked[-1]) + 1 for picked in self.picks]

    @property
    def n_rows(self) -> list[int]:
        """Vectors that each item gives."""
        return [1 if self.reduce else len(picked) for picked in self.picks]


def prepare_capture(
    subject: Subject,
    texts: Sequence[str | Sequence[int] | TokenText],
    sites: Iterable[Site | str | int],
    selector: str | Selector,
    reduce: Reduction | None,
    dtype: str,
) -> CaptureJob:
    """The job of a capture; raises before any forward."""
    if reduce is not None and reduce not in REDUCTIONS:
        raise InputError(f"unknown reduction {reduce!r}; choose one of: {', '.join(REDUCTIONS)}, or None")
    if dtype not in DTYPES:
        raise InputError(f"unknown dtype {dtype!r}; captures are stored in: {', '.join(DTYPES)}")
    refuse_compiled(subject)
    checked = check_sites(subject, sites)
    items = as_items(subject, texts)
    picks = select_all(items, as_selector(selector))
    check_texts(subject, items, is_growing=True)
    return CaptureJob(items, checked, picks, reduce, DTYPES[dtype], subject.architecture.d_model)


def capture_batches(
    subject: Subject,
    job: CaptureJob,
    batches: Iterable[tuple[int, Sequence[int]]],
    back_offs: list[ReadBackOff],
    on_backoff: Callable[[ReadBackOff], None] | None = None,
) -> Iterator[tuple[Sequence[int], dict[Site, Float[Tensor, "n d_model"]]]]:
    """The items of each call and their vectors, batch after batch; see `run_batches` for running out of memory."""
    return run_batches(
        subject, batches, job.lengths, lambda part: capture_batch(subject, job, part), back_offs, on_backoff
    )


def capture_batch(subject: Subject, job: CaptureJob, batch: Sequence[int]) -> dict[Site, Float[Tensor, "n d_model"]]:
    """The vectors of items `batch` from one forward, item after item."""
    picks = [job.picks[i] for i in batch]
    rows = torch.from_numpy(np.repeat(np.arange(len(batch)), [len(picked) for picked in picks])).to(subject.device)
    columns = torch.from_numpy(np.concatenate(picks)).to(subject.device)
    found: dict[Site, Tensor] = {}
    taps = {site: _collect(found, site, rows, columns, job) for site in job.sites}
    tokens = [job.items[i].tokens[: picked[-1] + 1] for i, picked in zip(batch, picks, strict=True)]
    with bound_texts(subject, [job.items[i] for i in batch], batch):
        read_batch(subject, tokens, taps)
    unseen = [name_site(site) for site in job.sites if site not in found]
    if unseen:
        raise SubjectError(
            f"no activation came by at {', '.join(unseen)}: something keeps hooks of the model from firing"
        )
    for site, vectors in found.items():
        if not bool(torch.isfinite(vectors).all()):
            raise SubjectError(f"NaN or infinite activations at {name_site(site)}; try dtype float32")
    return found


def make_index(job: CaptureJob, order: Iterable[int]) -> dict[str, Int[Tensor, " n"]]:
    """Columns that say what each captured row is, for items in `order`."""
    order = list(order)
    sample = np.repeat(np.array(order, dtype=np.int32), [job.n_rows[i] for i in order])
    if job.reduce:
        counts = np.array([len(job.picks[i]) for i in order], dtype=np.int32)
        return {"sample": torch.from_numpy(sample), "n_tokens": torch.from_numpy(counts)}
    columns: dict[str, list[np.ndarray]] = {"position": [], "token": [], "line": [], "changed": []}
    for i in order:
        item, picked = job.items[i], job.picks[i]
        columns["position"].append(picked.astype(np.int32))
        columns["token"].append(np.array(item.tokens, dtype=np.int32)[picked])
        columns["line"].append(item.lines()[picked])
        columns["changed"].append(_mark_changed(item)[picked])
    joined = {name: torch.from_numpy(np.concatenate(parts)) for name, parts in columns.items()}
    return {"sample": torch.from_numpy(sample), **joined}


def _collect(
    found: dict[Site, Tensor], site: Site, rows: Int[Tensor, " n"], columns: Int[Tensor, " n"], job: CaptureJob
) -> Tap:
    counts = rows.bincount().tolist()

    def tap(hidden: Float[Tensor, "batch seq d_model"]) -> None:
        vectors = hidden[rows, columns]
        if job.reduce:
            pool = REDUCERS[job.reduce]
            vectors = torch.stack([pool(part.float()) for part in vectors.split(counts)])
        found[site] = vectors.to("cpu", job.dtype)

    return tap


REDUCERS: dict[str, Callable[[Tensor], Tensor]] = {
    "mean": lambda vectors: vectors.mean(0),
    "max": lambda vectors: vectors.amax(0),
    "last": lambda vectors: vectors[-1],
}


def _mark_changed(item: TokenText) -> Int[np.ndarray, " n"]:
    marks = np.zeros(len(item.tokens), dtype=np.int32)
    if item.offsets is not None and (item.changed_lines or item.changed_window):
        marks[item.overlap_lines(item.window_lines)] = 1
        marks[item.overlap_lines(item.changed_lines or ())] = 2
    return marks
