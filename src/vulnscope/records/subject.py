"""What is known about a subject: its shape, what its self-check proved, and what it would need in memory."""

from __future__ import annotations

from pydantic import Field

from vulnscope.errors import SubjectError
from vulnscope.records.base import Number, Record


class Capability(Record):
    """One thing the engine would like to do with a subject, and whether the self-check saw it work."""

    name: str
    is_proven: bool
    reason: str | None = Field(default=None, description="why it is switched off, or where it holds only in part")
    largest_difference: Number | None = Field(default=None, description="from the plain forward, nats")
    layers: tuple[int, ...] | None = Field(default=None, description="where a stream exists; None where not a stream")


class Capabilities(Record):
    """Outcome of the self-check; features that were not proven are refused by name."""

    items: tuple[Capability, ...] = ()

    def has(self, name: str) -> bool:
        """Whether `name` was proven."""
        return any(item.name == name and item.is_proven for item in self.items)

    def require(self, name: str) -> None:
        """Raise `SubjectError` with the recorded reason unless `name` was proven."""
        if not self.has(name):
            raise SubjectError(f"this subject cannot do {name!r}: {self.reason(name)}")

    def reason(self, name: str) -> str:
        """Why `name` is switched off; empty if it is not."""
        reasons = [item.reason or "not proven" for item in self.items if item.name == name and not item.is_proven]
        return reasons[0] if reasons else "" if self.has(name) else "never checked"

    def switched_off(self) -> tuple[str, ...]:
        """`name: reason` of everything that was not proven."""
        return tuple(f"{item.name}: {item.reason}" for item in self.items if not item.is_proven)


class MemoryEstimate(Record):
    """Bytes a subject holds now and would need for one forward of batch × length tokens."""

    batch: int = Field(ge=1)
    length: int = Field(ge=1, description="tokens per row")
    weights_bytes: int
    cache_bytes: int = Field(description="keys and values of all layers")
    activations_bytes: int = Field(description="largest working set of one layer")
    logits_bytes: int = Field(description="answer logits in float32, one row per prompt")
    total_bytes: int
    free_bytes: int = Field(description="free on the device at the time of asking")


class SubjectReport(Record):
    """Everything `vulnscope model inspect` shows."""

    schema_version: int = 1
    name: str
    revision: str | None
    subject_digest: str
    architecture: str
    layers_path: str
    layer_class: str
    n_layers: int
    d_model: int
    vocab_size: int
    max_positions: int | None = Field(description="longest sequence in tokens; None where there is no limit")
    n_parameters: int
    dtype: str
    device: str
    attention: str
    quantization: str | None
    adapter: str | None
    has_chat_template: bool
    capabilities: Capabilities
    memory: MemoryEstimate
