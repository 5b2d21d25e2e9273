"""How far two ways to compute the same may lie apart: by rounding alone, whatever instructions a CPU has.

Another order of a sum, as of other batches, threads or vector instructions (AVX2, AVX-512), moves a value by some
roundings of the largest terms summed, so the room grows with the size of the values, not with each value. A wrong
position, mask or weight moves tiny subjects by whole units.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import torch

ROUNDINGS = {torch.float32: 1000, torch.float16: 8, torch.bfloat16: 8}
"""Roundings granted from tokens to logits; in float32 40 are seen, and 300 of a recurrence computed in chunks."""


def rounding(size: float = 1.0, dtype: torch.dtype = torch.float32) -> float:
    """How far values of about `size`, computed in `dtype`, may lie apart."""
    return ROUNDINGS[dtype] * torch.finfo(dtype).eps * max(1.0, size)


def assert_close(found: torch.Tensor, wanted: torch.Tensor, dtype: torch.dtype = torch.float32) -> None:
    """Fails where two tensors differ by more than rounding in `dtype`."""
    size = float(wanted.detach().abs().max()) if wanted.numel() else 0.0
    torch.testing.assert_close(found, wanted, rtol=0.0, atol=rounding(size, dtype))


def close_to(wanted: Any, dtype: torch.dtype = torch.float32) -> Any:
    """What equals a number, or numbers in tuples, that differ by no more than rounding in `dtype`."""
    if not isinstance(wanted, Sequence):
        return pytest.approx(wanted, rel=0.0, abs=rounding(abs(wanted), dtype))
    if any(isinstance(part, Sequence) for part in wanted):
        return tuple(close_to(part, dtype) for part in wanted)
    return pytest.approx(wanted, rel=0.0, abs=rounding(max(map(abs, wanted), default=0.0), dtype))
