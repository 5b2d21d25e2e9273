"""What a subject is made of, what its self-check proved, and what a forward of batch × length would take."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vulnscope.errors import InputError
from vulnscope.models.forward.memory_budget import free_bytes, measure_footprint
from vulnscope.records.subject import MemoryEstimate, SubjectReport

if TYPE_CHECKING:
    from vulnscope.models.forward.architecture import Shaped
    from vulnscope.models.subject.subject import Subject


def inspect_subject(subject: Subject, batch: int = 8, length: int = 1024) -> SubjectReport:
    """The report of `vulnscope model inspect`; raises `InputError` where `length` exceeds the context."""
    limit = subject.max_positions
    if batch < 1 or length < 1:
        raise InputError(f"batch {batch} × length {length} is no forward; both start at 1")
    if limit is not None and length > limit:
        raise InputError(f"length {length} does not fit: {subject.name} reads at most {limit} tokens")
    architecture = subject.architecture
    return SubjectReport(
        **subject.info().model_dump(include=set(SubjectReport.model_fields)),
        layers_path=architecture.layers_path,
        layer_class=type(subject.layers[0]).__name__,
        vocab_size=architecture.vocab_size,
        max_positions=limit,
        attention=str(subject.model.config._attn_implementation),
        has_chat_template=subject.tokenizer.chat_template is not None,
        capabilities=subject.capabilities,
        memory=estimate_memory(subject, batch, length),
    )


def estimate_memory(subject: Shaped, batch: int, length: int, weights_bytes: int | None = None) -> MemoryEstimate:
    """Bytes held now, and needed for one forward of `batch` rows of `length` tokens that reads one answer per row.

    `weights_bytes` None means those of the model as it is.
    """
    footprint = measure_footprint(subject.model)
    weights = subject.model.get_memory_footprint() if weights_bytes is None else weights_bytes
    cache = batch * length * footprint.cache_bytes
    activations = batch * length * footprint.activation_bytes
    logits = batch * footprint.logits_bytes
    return MemoryEstimate(
        batch=batch,
        length=length,
        weights_bytes=weights,
        cache_bytes=cache,
        activations_bytes=activations,
        logits_bytes=logits,
        total_bytes=weights + cache + activations + logits,
        free_bytes=free_bytes(subject.device),
    )
