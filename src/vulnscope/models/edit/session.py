"""Edits in force: hooks at their sites, and which token of which text every row and column of a call is.

`edited` attaches the hooks and takes them away. Selectors such as `last` or `changed` need to know the texts: they
are given to `edited`, or bound by the verbs that run the model (`score`, `generate`, `capture`), which know what
each row of their calls is. What a call holds is read once, before its first layer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np
import torch
from torch import Tensor, nn

from vulnscope.errors import InputError
from vulnscope.models.edit.picked import Chosen, Table, choose, fixed_table, make_table
from vulnscope.models.forward.call_layout import Call, CallReader, announced
from vulnscope.models.forward.hooks import Site, Tap, tapped

if TYPE_CHECKING:
    from jaxtyping import Float, Int

    from vulnscope.models.edit.edits import Condition, Edit
    from vulnscope.models.edit.operations import Operation
    from vulnscope.models.subject.subject import Subject
    from vulnscope.models.text.items import TokenText

Decide = Callable[["Condition", Sequence["TokenText"]], Sequence[bool]]
_ACTIVE: WeakKeyDictionary[nn.Module, list[Session]] = WeakKeyDictionary()


@dataclass(frozen=True, eq=False)
class Binding:
    """The texts of the calls to come: for each edit its selected positions and its operation; `rows[i]` are the
    parameters of text i."""

    n_items: int
    rows: Int[Tensor, " n_items"]
    tables: tuple[Table, ...]
    positions: tuple[Sequence[Int[np.ndarray, " n"]], ...]
    operations: tuple[Operation, ...]


class Session:
    """The edits of one `edited` block; `n_rows` texts have parameters of their own, None where all share them."""

    def __init__(self, subject: Subject, edits: Sequence[Edit], decide: Decide) -> None:
        self.subject, self.edits, self.decide = subject, tuple(edits), decide
        self.operations = tuple(edit.operation.to(subject.device) for edit in edits)
        sizes = {n for operation in self.operations if (n := operation.n_rows) is not None}
        if len(sizes) > 1:
            raise InputError(
                f"the edits hold parameters for {' and '.join(map(str, sorted(sizes)))} texts; one number fits"
            )
        self.n_rows = sizes.pop() if sizes else None
        self.is_checked = False
        self.muted: frozenset[int] = frozenset()
        self._binding: Binding | None = None
        self._call: Call | None = None
        self._chosen: dict[Table, Chosen | None] = {}
        self._reader = CallReader()
        self._fixed = tuple(
            None if edit.selector.needs_items or edit.condition else fixed_table(edit.selector, subject.device)
            for edit in edits
        )

    @property
    def is_muted(self) -> bool:
        """Whether no edit applies at the moment."""
        return len(self.muted) == len(self.edits)

    @contextmanager
    def muting(self, numbers: Sequence[int]) -> Iterator[None]:
        """Leave these edits out inside the block."""
        before, self.muted = self.muted, self.muted | frozenset(numbers)
        try:
            yield
        finally:
            self.muted = before

    @contextmanager
    def bound(self, items: Sequence[TokenText], rows: Sequence[int]) -> Iterator[None]:
        """Resolve all selectors against `items`; text i takes the parameters of row `rows[i]`."""
        if self.n_rows is not None and max(rows) >= self.n_rows:
            raise InputError(f"the edits hold parameters for {self.n_rows} texts, but there are more")
        before, self._binding = self._binding, self._bind(items, rows)
        try:
            yield
        finally:
            self._binding = before

    def _bind(self, items: Sequence[TokenText], rows: Sequence[int]) -> Binding:
        tables, positions, operations = [], [], []
        shared: dict[tuple[str, int], tuple[Table, Any]] = {}
        for edit, operation in zip(self.edits, self.operations, strict=True):
            key = (edit.selector.to_json(), id(edit.condition))
            if key not in shared:
                active = self.decide(edit.condition, items) if edit.condition else None
                shared[key] = make_table(edit.selector, items, active, self.subject.device)
            table, picks = shared[key]
            tables.append(table)
            positions.append(picks)
            operations.append(operation.bind(picks, rows))
        numbers = torch.tensor(rows, device=self.subject.device)
        return Binding(len(items), numbers, tuple(tables), tuple(positions), tuple(operations))

    def touched(self, item: int) -> Iterator[tuple[Site, Operation, Int[Tensor, " n"], int]]:
        """For each live edit of bound text `item`: site, operation, the positions it selects, row of its parameters."""
        binding = self._binding
        assert binding is not None, "bound before use"
        for number, (edit, operation) in enumerate(zip(self.edits, binding.operations, strict=True)):
            positions = binding.positions[number][item]
            if number not in self.muted and len(positions):
                yield edit.site, operation, torch.from_numpy(positions), int(binding.rows[item])

    def codes(self, items: Sequence[TokenText]) -> Iterator[Int[np.ndarray, " n_tokens"]]:
        """For each edit one number per token of the bound `items`: 0 where untouched, equal where changed alike."""
        binding = self._binding
        assert binding is not None, "bound before use"
        lengths = [len(item.tokens) for item in items]
        rows = np.repeat(binding.rows.cpu().numpy(), lengths)
        for table, operation in zip(binding.tables, binding.operations, strict=True):
            picked = np.ones(sum(lengths), dtype=bool)
            if table.picked is not None:
                whole = table.picked.cpu().numpy()
                picked = np.concatenate([whole[i, :length] for i, length in enumerate(lengths)])
            yield picked * (1 + (0 if operation.n_rows is None else rows))

    def before(self, _: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Pre-hook of the whole model: learn what this call holds."""
        if self.is_muted:
            return
        given = announced(self.subject.model)
        self._call = given or self._reader.read({**kwargs, "input_ids": args[0]} if args else kwargs)
        self._chosen = {}
        if self._binding is None:
            self._refuse_unbound(self._call.positions.shape[0])

    def after(self, _: nn.Module, __: tuple[Any, ...], output: Any) -> None:
        """Hook of the whole model: remember its cache."""
        if self._call is not None:
            self._reader.follow(self._call, output)

    def taps(self) -> dict[Site, Tap]:
        """One tap per site, running its edits in the order stated."""
        at: dict[Site, list[int]] = {}
        for number, edit in enumerate(self.edits):
            at.setdefault(edit.site, []).append(number)
        return {site: self._tap(numbers) for site, numbers in at.items()}

    def _tap(self, numbers: Sequence[int]) -> Tap:
        def tap(hidden: Float[Tensor, "batch seq d_model"]) -> Tensor | None:
            changed = None
            for number in numbers:
                if number in self.muted:
                    continue
                chosen, operation = self._resolve(number)
                if chosen is None:
                    continue
                current = hidden if changed is None else changed
                wide = torch.promote_types(current.dtype, torch.float32)
                changed = chosen.put(current, operation.apply(chosen.gather(current).to(wide), chosen.where))
            return changed

        return tap

    def _resolve(self, number: int) -> tuple[Chosen | None, Operation]:
        """What edit `number` touches in the current call, and the operation to run there."""
        call, binding = self._call, self._binding
        assert call is not None, "the model's pre-hook runs first"
        batch, device = call.positions.shape[0], call.positions.device
        if binding is None:
            table, operation = self._fixed[number], self.operations[number]
            assert table is not None, "refused before the first layer"
            items = torch.zeros(batch, dtype=torch.long, device=device)
            rows = torch.arange(batch, device=device)
        else:
            table, operation = binding.tables[number], binding.operations[number]
            items = self._items(call, binding.n_items, batch)
            rows = binding.rows[items]
        if table not in self._chosen:
            self._chosen[table] = choose(table, call, items, rows)
        return self._chosen[table], operation

    def _refuse_unbound(self, batch: int) -> None:
        """Raise `InputError` where the edits need texts that nobody has given."""
        if self.n_rows not in (None, batch):
            raise InputError(f"the edits hold parameters for {self.n_rows} texts, but the call has {batch} rows")
        for number, table in enumerate(self._fixed):
            if table is None and number not in self.muted:
                raise InputError(
                    f"{self.edits[number]} depends on the texts: give them to edited(subject, edits, texts), or run "
                    "the subject with score, generate or capture"
                )

    def _items(self, call: Call, n_items: int, batch: int) -> Int[Tensor, " batch"]:
        if call.rows is not None:
            return call.rows
        if n_items not in (1, batch):
            raise InputError(f"a call of {batch} rows under edits bound to {n_items} texts; rows are texts, in order")
        return torch.arange(batch, device=call.positions.device) % n_items


@contextmanager
def hooked(session: Session) -> Iterator[None]:
    """The session's hooks on its subject; all gone afterwards, also when attaching fails half-way."""
    model = session.subject.model
    with ExitStack() as stack:
        stack.callback(model.register_forward_pre_hook(session.before, with_kwargs=True).remove)
        stack.callback(model.register_forward_hook(session.after).remove)
        stack.enter_context(tapped(model, session.subject.architecture, session.taps()))
        yield


@contextmanager
def in_force(session: Session) -> Iterator[None]:
    """The session among those of its subject, for the verbs to bind."""
    sessions = _ACTIVE.setdefault(session.subject.model, [])
    sessions.append(session)
    try:
        yield
    finally:
        sessions.remove(session)


def active_sessions(subject: Subject) -> list[Session]:
    """Sessions in force on the subject and not suspended, outermost first."""
    return [session for session in _ACTIVE.get(subject.model, ()) if not session.is_muted]


@contextmanager
def bound(subject: Subject, items: Sequence[TokenText], rows: Sequence[int]) -> Iterator[None]:
    """Bind every session in force to `items`; text i takes the parameters of row `rows[i]`."""
    with ExitStack() as stack:
        for session in active_sessions(subject):
            stack.enter_context(session.bound(items, rows))
        yield


@contextmanager
def suspended(subject: Subject) -> Iterator[None]:
    """Run the subject as if nothing were edited."""
    with ExitStack() as stack:
        for session in active_sessions(subject):
            stack.enter_context(session.muting(range(len(session.edits))))
        yield
