"""Rough prices of what a forward call does, so that prefixes are shared and calls cut where it pays.

They come from shapes and typical speeds of the device, not from a stopwatch: the same requests must give the same
calls on every run. They steer speed only; any choice gives the same numbers within rounding.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vulnscope.models.forward.memory_budget import measure_footprint

if TYPE_CHECKING:
    from vulnscope.models.forward.architecture import Shaped


@dataclass(frozen=True)
class CallPrices:
    """Prices in units of one token's forward; `token_seconds` says what that is."""

    call: float
    """Of a call: launching its kernels and reading all weights."""
    reading_call: float
    """On top, of a call that reads answers: reading the head's weights."""
    gather: float
    """Of one key and value copied in every layer."""
    attend: float
    """Of one query attending to one key in every layer."""
    token_seconds: float = 1.0

    def row(self, past: int, length: int) -> float:
        """Price of one row of `length` new tokens over `past` cached ones; half of a root's attention is skipped."""
        if past == 0:
            return length + self.attend * length * length / 2
        return length + self.gather * (past + length) + self.attend * length * (past + length)

    def pays(self, start: int, length: int, branches: Sequence[int]) -> bool:
        """Whether `length` tokens from `start` on, shared by branches of these lengths, are worth a node.

        The call it needs is shared with many others; it counts for a few tokens at most.
        """
        shared = self.row(start, length) + sum(self.row(start + length, branch) for branch in branches)
        return shared + min(self.call, _SHARE_OF_CALL) < sum(self.row(start, length + branch) for branch in branches)


@dataclass(frozen=True)
class _Speed:
    """What a kind of device typically reaches, per core on a CPU."""

    flops: float
    bytes_per_second: float
    layer_seconds: float


_SHARE_OF_CALL = 16.0
_CPU_WIDE = _Speed(flops=6e10, bytes_per_second=1e10, layer_seconds=3e-4)
_CPU_HALF = _Speed(flops=4e11, bytes_per_second=1e10, layer_seconds=3e-4)
_GPU = _Speed(flops=2e14, bytes_per_second=1.5e12, layer_seconds=3e-4)


def costs_of(subject: Shaped) -> CallPrices:
    """Prices for `subject` on its kind of device."""
    model, n_layers = subject.model, subject.architecture.n_layers
    width = subject.dtype.itemsize
    speed = _GPU if subject.device.type == "cuda" else _CPU_HALF if width == 2 else _CPU_WIDE
    layer_weights = sum(weight.numel() for layer in subject.layers for weight in layer.parameters()) / n_layers
    head_weights = subject.architecture.vocab_size * subject.architecture.d_model
    token_seconds = n_layers * 2.0 * layer_weights / speed.flops
    call_seconds = n_layers * (speed.layer_seconds + layer_weights * width / speed.bytes_per_second)
    # Written once and read twice: by the copy and by the attention.
    gather_seconds = 3.0 * measure_footprint(model).cache_bytes / speed.bytes_per_second
    attend_seconds = n_layers * 4.0 * subject.architecture.d_model / speed.flops
    return CallPrices(
        call=call_seconds / token_seconds,
        reading_call=head_weights * width / speed.bytes_per_second / token_seconds,
        gather=gather_seconds / token_seconds,
        attend=attend_seconds / token_seconds,
        token_seconds=token_seconds,
    )
