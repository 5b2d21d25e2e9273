"""Prompts to be run under many edits, in planned batches, step by step, resumable after each step."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeVar

import torch
from pydantic import Field

from vulnscope.errors import InputError, SubjectError
from vulnscope.models.answer.scoring import check_requests
from vulnscope.models.edit.session import active_sessions
from vulnscope.models.forward.hooks import Site
from vulnscope.models.forward.memory_budget import free_bytes, is_out_of_memory
from vulnscope.models.subject.refusals import refuse_compiled
from vulnscope.models.subject.shortcuts import Reuse, Shortcuts, choose_shortcuts
from vulnscope.models.subject.sites import check_sites, name_site
from vulnscope.models.sweeps.answer_tree import AnswerTree, grow_tree
from vulnscope.models.sweeps.rerun import Places, Rerun, layer_below, states_below
from vulnscope.models.text.items import as_items
from vulnscope.models.text.plan import ScoreRequest, default_max_tokens, limits_of, plan_batches
from vulnscope.records.base import Record

if TYPE_CHECKING:
    from vulnscope.models.forward.prefix import Tokens
    from vulnscope.models.subject.subject import Subject
    from vulnscope.models.text.items import TokenText

Result = TypeVar("Result")
Step = tuple[str, Site]
"""A key of places, and the site of the edits there."""

# On a CPU the activations of larger calls leave its caches (measured: 6 % slower at 4,096).
_MOST_TOKENS = 1024
# Share of free memory for the hidden states kept of one batch.
_STATES_SHARE = 0.15


class WorkOptions(Record):
    """How sweeps and patches run."""

    max_tokens: int | None = Field(default=None, ge=1, description="padded tokens per call; None: what memory allows")
    shortcuts: tuple[str, ...] | None = Field(
        default=None,
        description="exactly these of prefix_cache, packing and resume, refused if unproven; None: all proven ones",
    )

    @property
    def asked(self) -> tuple[str, ...] | None:
        """The shortcuts asked for; None where all that are proven will do."""
        return self.shortcuts


class WorkPlan(Record):
    """The order of the work, fixed from all prompts so that resumed work repeats it.

    Batch by batch, and in each batch step by step: one step of one batch is a unit and gives one block of rows.
    """

    batches: tuple[tuple[int, ...], ...] = Field(description="numbers of the prompts")
    steps: tuple[tuple[str, str], ...] = Field(description="which tokens and which site, for each unit of a batch")
    max_tokens: int = Field(ge=1, description="padded tokens one forward call may hold")
    reuse: Reuse

    @property
    def n_units(self) -> int:
        """Units of work."""
        return len(self.batches) * len(self.steps)

    @property
    def asked(self) -> tuple[str, ...]:
        """The shortcuts that a repetition must take too."""
        return tuple(item.name for item in self.reuse.items if item.is_proven)


@dataclass(frozen=True, eq=False)
class Work:
    """Everything checked, planned and proven; `places` are the edited nodes of all trees, by key."""

    subject: Subject
    trees: tuple[AnswerTree, ...]
    places: Mapping[str, Places]
    steps: tuple[Step, ...]
    shortcuts: Shortcuts
    plan: WorkPlan
    kind: Literal["single", "twins"]

    @property
    def longest(self) -> int:
        """Tokens of the longest row."""
        return max(len(path) for tree in self.trees for path in tree.paths)

    def open_batch(self, batch: int, step: int, max_tokens: int) -> Rerun:
        """Batch number `batch`, run unedited, ready for steps from number `step` on."""
        members = self.plan.batches[batch]
        sites = [site for _, site in self.steps[step:]]
        kept = [*states_below(sites), *(sites if self.kind == "twins" else ())]
        return Rerun(
            self.subject,
            [self.trees[t] for t in members],
            members,
            {key: [places[t] for t in members] for key, places in self.places.items()},
            list(dict.fromkeys(kept)),
            self.shortcuts,
            limits_of(self.subject, max_tokens, self.longest),
        )


def grow_trees(
    subject: Subject, prompts: Sequence[str | Tokens | TokenText], answers: Sequence[Sequence[Tokens]]
) -> tuple[AnswerTree, ...]:
    """The tree of each prompt; raises `InputError` for what does not fit and where the subject cannot run plainly."""
    refuse_compiled(subject)
    if subject.backend != "hooks":
        raise SubjectError(f"the {subject.backend} backend does not sweep or patch; use open_subject without backend=")
    if active_sessions(subject):
        raise InputError("this does not run inside edited(): name the edits as points of the grid")
    items = as_items(subject, prompts)
    if len(answers) != len(items):
        raise InputError(f"there are {len(items)} prompts but answers for {len(answers)}; each prompt needs its own")
    trees = tuple(grow_tree(item, given, n) for n, (item, given) in enumerate(zip(items, answers, strict=True)))
    check_requests(subject, [_request([tree]) for tree in trees])
    return trees


def plan_work(
    subject: Subject,
    trees: Sequence[AnswerTree],
    places: Mapping[str, Places],
    steps: Sequence[Step],
    how: WorkOptions | WorkPlan,
    kind: Literal["single", "twins"] = "single",
) -> Work:
    """The work on `trees`, with everything checked and its shortcuts proven; `how` may be a stored plan to repeat.

    Twins, which follow each other in `trees`, share a batch, and their activations at the sites are kept.
    """
    sites = check_sites(subject, [site for _, site in steps])
    if kind == "single":
        for key, site in steps:
            _refuse_unread(subject, site, key, trees, places[key])
    longest = max(len(path) for tree in trees for path in tree.paths)
    taken = choose_shortcuts(subject, [layer_below(site) for site in sites], 2 * longest, how.asked)
    names = tuple((key, name_site(site)) for key, site in steps)
    if isinstance(how, WorkPlan):
        if how.steps != names or sorted(i for batch in how.batches for i in batch) != list(range(len(trees))):
            raise InputError("the stored plan belongs to other prompts or another grid; start again without it")
        return Work(subject, tuple(trees), places, tuple(steps), taken, how, kind)
    fitting = how.max_tokens or default_max_tokens(subject)
    limit = fitting if how.max_tokens or subject.device.type != "cpu" else min(fitting, _MOST_TOKENS)
    room = _room(subject, trees, list(places.values()), sites)
    size = 2 if kind == "twins" else 1
    requests = [_request(trees[i : i + size]) for i in range(0, len(trees), size)]
    batches = [
        tuple(size * i + j for i in batch for j in range(size))
        for batch in plan_batches(subject, requests, min(fitting, room)).batches
    ]
    plan = WorkPlan(batches=tuple(batches), steps=names, max_tokens=limit, reuse=taken.reuse)
    return Work(subject, tuple(trees), places, tuple(steps), taken, plan, kind)


def run_work(
    work: Work,
    compute: Callable[[Rerun, int], Result],
    skip: int = 0,
    on_backoff: Callable[[WorkPlan], None] | None = None,
) -> Iterator[Result]:
    """What `compute` makes of each unit, given its batch and the number of its step; the first `skip` are left out.

    Where memory runs out, the unit and all later ones run in smaller calls; `on_backoff` hears the plan they follow,
    which is the one to repeat when resuming.
    """
    max_tokens = work.plan.max_tokens
    longest = work.longest
    batch: tuple[int, Rerun] | None = None
    for unit in range(skip, work.plan.n_units):
        number, step = divmod(unit, len(work.steps))
        while True:
            try:
                if batch is None or batch[0] != number:
                    batch = None
                    batch = number, work.open_batch(number, step, max_tokens)
                result = compute(batch[1], step)
                break
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error) or max_tokens <= longest:
                    raise
            batch, max_tokens = None, max(longest, max_tokens // 2)
            if on_backoff:
                on_backoff(work.plan.model_copy(update={"max_tokens": max_tokens}))
            if work.subject.device.type == "cuda":
                torch.cuda.empty_cache()
        yield result


def collect_rows(
    units: Iterable[Sequence[Result]], n_rows: int, on_progress: Callable[[int, int], None] | None
) -> list[Result]:
    """The rows of all units; `on_progress` hears after each unit how many there are and will be."""
    rows: list[Result] = []
    for unit in units:
        rows += unit
        if on_progress:
            on_progress(len(rows), n_rows)
    return rows


def _request(trees: Sequence[AnswerTree]) -> ScoreRequest:
    answers = tuple(tuple(tuple(token for _, token in answer) for answer in tree.answers) for tree in trees)
    return ScoreRequest(tuple(tree.item.tokens for tree in trees), answers)


def _room(subject: Subject, trees: Sequence[AnswerTree], places: Sequence[Places], sites: Sequence[Site]) -> int:
    """Tokens per call for which the states kept of a batch, which holds a few calls, fit into memory."""
    n_kept = 0
    for number, tree in enumerate(trees):
        first = [nodes[number][0] for nodes in places if nodes[number]]
        n_kept += len(tree.tokens) - min([tree.n_prompt - 1, *first])
    share = n_kept / sum(len(tree.tokens) for tree in trees)
    n_states = len({*sites, *states_below(sites)})
    per_token = share * n_states * subject.architecture.d_model * subject.dtype.itemsize
    return max(1, int(_STATES_SHARE * free_bytes(subject.device) / (4 * per_token)))


def _refuse_unread(subject: Subject, site: Site, key: str, trees: Sequence[AnswerTree], places: Places) -> None:
    """Raise `InputError` where nothing reads what an edit changes: above the last attention only the answers do."""
    if site.layer < subject.architecture.n_layers - 1 or site.stream == "resid_pre":
        return
    if not any(set(nodes) & set(tree.reads) for nodes, tree in zip(places, trees, strict=True)):
        raise InputError(
            f"edits at {name_site(site)}, selector {key}, change no logit: above the last layer only the tokens "
            "before an answer are read. Leave this site out, or select the last token too"
        )
