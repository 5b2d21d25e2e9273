"""The words for numbers, devices and quantisations, known without importing what they stand for."""

from __future__ import annotations

import re

from vulnscope.errors import InputError

DTYPE_NAMES = ("float32", "bfloat16", "float16")
QUANTIZATIONS = ("nf4",)
_DEVICE = re.compile(r"(auto|cpu|cuda|mps|xpu|[a-z]+)(:\d+)?")


def check_names(dtype: str, device: str, quantize: str | None) -> None:
    """Raise `InputError` with the choices for a word that stands for nothing."""
    if dtype not in ("auto", *DTYPE_NAMES):
        raise InputError(f"unknown dtype {dtype!r}; choose one of: auto, {', '.join(DTYPE_NAMES)}")
    if quantize is not None and quantize not in QUANTIZATIONS:
        raise InputError(f"unknown quantisation {quantize!r}; choose one of: {', '.join(QUANTIZATIONS)}")
    if not _DEVICE.fullmatch(device):
        raise InputError(f"unknown device {device!r}; choose auto, cpu, cuda or cuda:N")
