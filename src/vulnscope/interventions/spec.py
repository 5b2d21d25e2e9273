"""An intervention as data: prompts, edits by the names of their vectors, an adapter, a threshold on the margin."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from vulnscope.models.edit.traits import TRAITS, OperationName
from vulnscope.models.subject.sites import as_site, name_site
from vulnscope.models.text.selectors import Selector, as_selector
from vulnscope.prompts import PromptSet
from vulnscope.records.base import Finite, Record

SiteName = Annotated[str, AfterValidator(lambda site: name_site(as_site(site)))]
"""`LAYER.STREAM`; a bare layer means its `resid_post`."""
AnySelector = Annotated[
    Selector, BeforeValidator(lambda given: as_selector(given) if isinstance(given, str) else given)
]
"""A selector, or the name of a plain one."""
LAST = as_selector("last")


class Gate(Record):
    """A condition: an edit applies to texts whose mean activation at `site`, along `direction`, passes `threshold`."""

    site: SiteName
    direction: str = Field(description="name of a vector")
    threshold: Finite = Field(description="raw units")
    selector: AnySelector = LAST
    is_above: bool = True


class EditSpec(Record):
    """One edit: `operation` at `site`, at the tokens of `selector`, with named vectors."""

    operation: OperationName = "add"
    site: SiteName
    vectors: tuple[str, ...] = Field(min_length=1, description="names; several only to project a subspace out")
    scale: Finite = Field(default=1.0, description="scale of add, value of clamp, factor of scale-component")
    unit: Literal["norm", "raw"] = Field(default="norm", description="what scale and value count in")
    selector: AnySelector = LAST
    keep_norm: bool = Field(default=False, description="add: keep the norm of the activation")
    condition: Gate | None = None

    @model_validator(mode="after")
    def _fitting(self) -> Self:
        traits = TRAITS[self.operation]
        if len(self.vectors) > 1 and not traits.takes_subspace:
            raise ValueError(f"{self.operation} takes one vector, not {len(self.vectors)}; write one edit for each")
        if self.keep_norm and not traits.may_keep_norm:
            raise ValueError(f"keep_norm belongs to add, not to {self.operation}")
        if self.scale != 1.0 and not traits.is_scaled:
            raise ValueError(f"{self.operation} has no scale")
        return self


class Intervention(Record):
    """Anything that changes what a subject answers; the parts that are None or empty leave everything as it is."""

    schema_version: int = 1
    name: str = Field(min_length=1, description="what tables and rows call it")
    prompts: PromptSet | None = Field(default=None, description="asked in place of the protocol's own")
    edits: tuple[EditSpec, ...] = Field(default=(), description="applied in this order")
    vectors_digest: str | None = Field(default=None, description="of the vectors that the edits name")
    adapter: str | None = Field(default=None, description="folder or Hub id of a PEFT adapter")
    adapter_digest: str | None = Field(default=None, description="of its files")
    threshold_nats: Finite | None = Field(default=None, description="margin above which the verdict is vulnerable")

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if bool(self.edits) != (self.vectors_digest is not None):
            raise ValueError("edits and the digest of their vectors belong together")
        if (self.adapter is None) != (self.adapter_digest is None):
            raise ValueError("an adapter and the digest of its files belong together")
        return self

    @property
    def changes_model(self) -> bool:
        """Whether the subject itself computes something else."""
        return bool(self.edits) or self.adapter is not None
