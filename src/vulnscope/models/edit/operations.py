"""What an edit does to the selected hidden states: one small class per operation.

An operation maps vectors (n, d_model) to vectors of the same shape and knows nothing of layers, batches or caches.
Parameters have a leading axis of rows: one row shared by all texts, or one per text. Vectors come in float32 at
least; the result is rounded once to the subject's dtype.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
import torch
from torch import Tensor

from vulnscope.errors import InputError

if TYPE_CHECKING:
    from jaxtyping import Float, Int

    Vectors = Float[Tensor, "n d_model"]

Function = Callable[[Tensor], Tensor]


@dataclass(frozen=True, eq=False)
class Where:
    """Which tokens an operation is given: number of the text and absolute position of each vector."""

    rows: Int[Tensor, " n"]
    positions: Int[Tensor, " n"]


@dataclass(frozen=True, eq=False)
class Operation:
    """Base of all operations; fields that are tensors are parameters with rows in front."""

    name: ClassVar[str]
    must_change: ClassVar[bool] = True
    """Whether an application that changes nothing is a mistake."""

    def apply(self, hidden: Vectors, where: Where) -> Vectors:
        """The edited vectors."""
        raise NotImplementedError

    @property
    def n_rows(self) -> int | None:
        """Texts the parameters are meant for; None where all share them."""
        sizes = {tensor.shape[0] for tensor in self._parameters().values()} - {1}
        if len(sizes) > 1:
            raise InputError(f"{self.name}: parameters for {' and '.join(map(str, sorted(sizes)))} texts do not fit")
        return sizes.pop() if sizes else None

    def is_null(self, row: int) -> bool:  # noqa: ARG002 - some operations differ by row
        """Whether text `row` is meant to stay as it is."""
        return False

    def check_width(self, width: int) -> None:
        """Raise `InputError` unless vectors of `width` numbers are meant."""
        for name, tensor in self._parameters().items():
            if tensor.ndim > 1 and tensor.shape[-1] != width:
                raise InputError(f"{self.name}: {name} has {tensor.shape[-1]} numbers; the site has {width}")

    def to(self, device: torch.device) -> Self:
        """The operation with its parameters on `device`."""
        return replace(self, **{name: tensor.to(device) for name, tensor in self._parameters().items()})

    def bind(self, picks: Sequence[Int[np.ndarray, " n"]], rows: Sequence[int]) -> Operation:  # noqa: ARG002
        """The operation for texts `rows` with selected positions `picks`; most need no preparation."""
        return self

    def digest(self) -> str | None:
        """First 16 hex digits of the SHA-256 of name and parameter bytes; None where a function has no digest."""
        total = hashlib.sha256(self.name.encode())
        for item in fields(self):
            content = _content(getattr(self, item.name))
            if content is None:
                return None
            total.update(item.name.encode() + b"=" + content)
        return total.hexdigest()[:16]

    def _parameters(self) -> dict[str, Tensor]:
        values = {item.name: getattr(self, item.name) for item in fields(self)}
        return {name: value for name, value in values.items() if isinstance(value, Tensor)}


@dataclass(frozen=True, eq=False)
class Add(Operation):
    """h + v; with `keep_norm`, rescaled to the norm of h."""

    name: ClassVar[str] = "add"
    vector: Float[Tensor, "rows d_model"]
    keep_norm: bool = False

    def apply(self, hidden: Vectors, where: Where) -> Vectors:
        """The shifted vectors."""
        moved = hidden + _of(self.vector, where)
        if self.keep_norm:
            moved = moved * (_norm(hidden) / _norm(moved))
        return moved

    def is_null(self, row: int) -> bool:
        """Whether the scale of this text is 0."""
        return not bool(self.vector[row if len(self.vector) > 1 else 0].any())


@dataclass(frozen=True, eq=False)
class ProjectOut(Operation):
    """h − Bᵀ B h for an orthonormal basis B of the subspace."""

    name: ClassVar[str] = "project-out"
    basis: Float[Tensor, "rows n_directions d_model"]

    def apply(self, hidden: Vectors, where: Where) -> Vectors:
        """The vectors without their part in the subspace."""
        basis = _of(self.basis, where)
        if basis.ndim == 2:
            return hidden - (hidden @ basis.T) @ basis
        return hidden - torch.einsum("nk,nkd->nd", torch.einsum("nd,nkd->nk", hidden, basis), basis)


@dataclass(frozen=True, eq=False)
class Clamp(Operation):
    """h + (value − u·h) u for a unit direction u."""

    name: ClassVar[str] = "clamp"
    direction: Float[Tensor, "rows d_model"]
    value: Float[Tensor, " rows"]

    def apply(self, hidden: Vectors, where: Where) -> Vectors:
        """The vectors with the component along the direction set to the value."""
        direction = _of(self.direction, where)
        component = (hidden * direction).sum(-1, keepdim=True)
        return hidden + (_of(self.value, where)[..., None] - component) * direction


@dataclass(frozen=True, eq=False)
class ScaleComponent(Operation):
    """h + (factor − 1)(u·h) u for a unit direction u."""

    name: ClassVar[str] = "scale-component"
    direction: Float[Tensor, "rows d_model"]
    factor: Float[Tensor, " rows"]

    def apply(self, hidden: Vectors, where: Where) -> Vectors:
        """The vectors with the component along the direction multiplied."""
        direction = _of(self.direction, where)
        component = (hidden * direction).sum(-1, keepdim=True)
        return hidden + (_of(self.factor, where)[..., None] - 1.0) * component * direction

    def is_null(self, row: int) -> bool:
        """Whether the factor of this text is 1."""
        return bool(self.factor[row if len(self.factor) > 1 else 0] == 1.0)


@dataclass(frozen=True, eq=False)
class ReplaceBy(Operation):
    """A fixed vector in place of h."""

    name: ClassVar[str] = "replace"
    must_change: ClassVar[bool] = False
    """Putting back what was there is no mistake."""
    vector: Float[Tensor, "rows d_model"]

    def apply(self, hidden: Vectors, where: Where) -> Vectors:
        """The vector, once per token."""
        return _of(self.vector, where).expand_as(hidden)


@dataclass(frozen=True, eq=False)
class ReplaceTokens(Operation):
    """Vectors of its own for each selected token of each text, in ascending order of position."""

    name: ClassVar[str] = "replace-tokens"
    must_change: ClassVar[bool] = False
    """Putting back what was there is no mistake."""
    vectors: Float[Tensor, "n d_model"]
    counts: tuple[int, ...]
    table: Int[Tensor, "rows positions"] | None = field(default=None, repr=False)

    def apply(self, hidden: Vectors, where: Where) -> Vectors:  # noqa: ARG002
        """The vectors of these tokens."""
        assert self.table is not None, "bound before use"
        return self.vectors[self.table[where.rows, where.positions]]

    @property
    def n_rows(self) -> int | None:
        """One set of vectors per text."""
        return len(self.counts)

    def bind(self, picks: Sequence[Int[np.ndarray, " n"]], rows: Sequence[int]) -> Operation:
        """The operation with a table from text and position to vector."""
        starts = np.concatenate([[0], np.cumsum(self.counts)])
        table = np.zeros((len(self.counts), 1 + max((int(p[-1]) for p in picks if len(p)), default=0)), dtype=np.int64)
        for row, picked in zip(rows, picks, strict=True):
            if len(picked) != self.counts[row]:
                raise InputError(
                    f"replace: text {row} has {len(picked)} selected tokens but {self.counts[row]} vectors"
                )
            table[row, picked] = np.arange(starts[row], starts[row + 1])
        return replace(self, table=torch.from_numpy(table).to(self.vectors.device))


@dataclass(frozen=True, eq=False)
class ReplaceWith(Operation):
    """f(h), or f(h) + (h − g(h)): what the plain reconstruction g of h leaves out is added back.

    With a sparse autoencoder g is its reconstruction and f the reconstruction after a feature was changed.
    """

    name: ClassVar[str] = "replace-with"
    must_change: ClassVar[bool] = False
    """A reconstruction may be perfect."""
    function: Function
    reconstruction: Function | None = None

    def apply(self, hidden: Vectors, where: Where) -> Vectors:  # noqa: ARG002
        """The function's vectors, with the error term where a reconstruction is given."""
        new = self.function(hidden)
        if new.shape != hidden.shape:
            raise InputError(f"replace: the function turned {tuple(hidden.shape)} into {tuple(new.shape)}")
        return new if self.reconstruction is None else new + (hidden - self.reconstruction(hidden))


@dataclass(frozen=True, eq=False)
class Trace(Operation):
    """Changes nothing; notes the text and position of every vector it is given."""

    name: ClassVar[str] = "trace"
    must_change: ClassVar[bool] = False
    """It only looks."""
    fired: list[tuple[int, int]] = field(default_factory=list)

    def apply(self, hidden: Vectors, where: Where) -> Vectors:
        """The same vectors."""
        self.fired.extend(zip(where.rows.tolist(), where.positions.tolist(), strict=True))
        return hidden

    def digest(self) -> str | None:
        """Two traces are never the same."""
        return None


def _content(value: Any) -> bytes | None:
    """Bytes that decide what a field does; None for functions that bring no `digest`."""
    if isinstance(value, Tensor):
        return str(tuple(value.shape)).encode() + value.detach().float().cpu().contiguous().numpy().tobytes()
    if callable(value):
        digest = getattr(value, "digest", None)
        known = digest() if callable(digest) else digest
        return None if known is None else str(known).encode()
    return str(value).encode()


def _of(parameter: Tensor, where: Where) -> Tensor:
    """The parameter's row of each vector; one shared row broadcasts."""
    return parameter[0] if parameter.shape[0] == 1 else parameter[where.rows]


def _norm(vectors: Tensor) -> Tensor:
    norms: Tensor = torch.linalg.vector_norm(vectors, dim=-1, keepdim=True)
    return norms.clamp(min=torch.finfo(vectors.dtype).tiny)


def as_rows(value: Any, n_axes: int, what: str) -> Tensor:
    """`value` as a finite floating tensor with a row axis in front of `n_axes` own axes."""
    tensor = value if isinstance(value, Tensor) else torch.as_tensor(np.asarray(value, dtype=np.float32))
    tensor = tensor if tensor.dtype in (torch.float32, torch.float64) else tensor.float()
    if tensor.ndim == n_axes:
        tensor = tensor[None]
    if tensor.ndim != n_axes + 1 or tensor.numel() == 0:
        raise InputError(f"{what} has shape {tuple(tensor.shape)}; {n_axes} axes, or one row of them per text, fit")
    if not bool(torch.isfinite(tensor).all()):
        raise InputError(f"{what} holds NaN or infinity")
    return tensor
