from __future__ import annotations

import pytest
import torch
from tests.models.subjects import tiny_subject
from tests.tolerances import assert_close
from torch import nn

from vulnscope.models.forward import head
from vulnscope.models.forward.head import head_logits, reading_head


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("has_bias", [True, False])
def test_logits_are_float32_products_of_the_stored_weights(
    dtype: torch.dtype, has_bias: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(head, "_SLICE_BYTES", {"cpu": 100})
    torch.manual_seed(0)
    linear = nn.Linear(8, 37, bias=has_bias, dtype=dtype)
    hidden = torch.randn(5, 8, dtype=dtype)
    wide = nn.functional.linear(hidden.double(), linear.weight.double(), linear.bias.double() if has_bias else None)
    found = head_logits(linear, hidden)
    assert found.dtype == torch.float32
    assert_close(found, wide.float())
    assert head_logits(linear, hidden[:0]).shape == (0, 37)


def test_a_foreign_head_runs_as_it_is() -> None:
    class Scaled(nn.Module):
        def forward(self, hidden: torch.Tensor) -> torch.Tensor:
            return hidden * 3

    assert torch.equal(head_logits(Scaled(), torch.ones(1, 2, dtype=torch.bfloat16)), torch.full((1, 2), 3.0))


@pytest.mark.parametrize("name", ["qwen2", "cohere", "gemma2", "granite"])
def test_scaling_and_capping_after_the_head_stay(name: str) -> None:
    subject = tiny_subject(name)
    tokens = torch.tensor([[5, 6, 7], [8, 9, 10]])
    rows, columns = torch.tensor([1, 0, 1]), torch.tensor([2, 0, 1])
    with torch.inference_mode():
        plain = subject.model(input_ids=tokens).logits
        with reading_head(subject.model, rows, columns):
            found = subject.model(input_ids=tokens).logits
        assert_close(found[0], plain[rows, columns])
        assert torch.equal(subject.model(input_ids=tokens).logits, plain)
