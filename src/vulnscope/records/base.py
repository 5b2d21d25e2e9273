"""What every record shares: frozen, versioned, finite, JSON round-trip.

A figure is a finite number or `NotMeasured(reason)`; NaN and infinity are refused at construction because
they do not survive JSON and because a failure must never look like a score.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)


class Record(BaseModel):
    """Base of configs and results: immutable, no unknown fields, no NaN."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, protected_namespaces=())

    def to_json(self) -> str:
        """Canonical JSON: sorted keys, no spaces, so equal records have equal bytes."""
        return canonical_json(self.model_dump(mode="json"))

    def digest(self) -> str:
        """First 16 hex digits of the SHA-256 of `to_json`."""
        return digest_text(self.to_json())


class RunRecord(Record):
    """What a run found, and what is needed to find it again."""

    config: Mapping[str, object] = Field(description="resolved config")
    command: str = Field(description="command line that reproduces this")
    versions: Mapping[str, str] = Field(description="of the libraries that took part, by name")
    seed: int
    code_digest: str = Field(description="of the package's source")
    run: str = Field(description="run id")

    @model_serializer(mode="wrap")
    def _finding_first(self, serialise: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """In files as on the screen, what was found comes before how."""
        fields: dict[str, Any] = serialise(self)
        return {name: value for name, value in fields.items() if name not in RunRecord.model_fields} | fields


def read_old_names(fields: Any, **names: str) -> Any:
    """The raw fields of a record with their present names; `names` gives the old name of each that was renamed.

    For validators that run before the others, so that results of earlier versions still open.
    """
    if not isinstance(fields, dict):
        return fields
    present = {old: new for new, old in names.items()}
    return {present.get(name, name): value for name, value in fields.items()}


def canonical_json(value: Any) -> str:
    """JSON with sorted keys and no spaces; raises `ValueError` on NaN."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def digest_text(text: str) -> str:
    """First 16 hex digits of the SHA-256 of UTF-8 `text`."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


class NotMeasured(Record):
    """In place of a number that cannot be identified, with the reason a reader sees."""

    reason: str = Field(min_length=1)

    def __float__(self) -> float:
        raise TypeError(f"not measured: {self.reason}")


_DUST = 1e-12


def sweep_dust(value: float) -> float:
    """`value`, or the whole number among -1, 0 and 1 that it misses by rounding alone: 5.55e-17 is 0."""
    nearest = round(value) if abs(value) < 1.5 else value
    return float(nearest) if abs(value - nearest) < _DUST else value


Finite = Annotated[float, Field(allow_inf_nan=False)]
Number = Finite | NotMeasured
"""Left as it is: a p-value may be as small as it likes."""
Figure = Annotated[Finite, AfterValidator(sweep_dust)]
"""A rate, an area, a difference or a margin, without what rounding leaves of 0 and 1."""
Quantity = Figure | NotMeasured


class Estimate(Record):
    """A point estimate with its 95 % interval by groups (MEASURES, "Groups and intervals")."""

    value: Quantity
    low: Quantity
    high: Quantity
    method: str = Field(description="bca | dyads | jackknife | wilson | by definition | none")
    n: int = Field(ge=0, description="samples or pairs behind the value")
    n_groups: int = Field(ge=0)
    coverage: float | None = Field(
        default=None, description="how often such intervals hold the truth in simulations, where that is not 95 %"
    )

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if isinstance(self.low, float) and isinstance(self.high, float) and self.low > self.high:
            raise ValueError(f"interval is reversed: {self.low} > {self.high}")
        return self


def not_measured(reason: str, n: int = 0, n_groups: int = 0) -> Estimate:
    """An `Estimate` without a value or interval, all three carrying `reason`."""
    missing = NotMeasured(reason=reason)
    return Estimate(value=missing, low=missing, high=missing, method="none", n=n, n_groups=n_groups)
