"""Every architecture: layers found, features proven or refused by name, scores and generations as the plain model's."""

from __future__ import annotations

import pytest
import torch
from tests.models.subjects import random_tokens, tiny_subject
from tests.models.zoo import EVERY_ARCHITECTURE, LAYERS
from tests.tolerances import close_to

from vulnscope.models import Subject, generate, score

# Longer than every sliding window of the zoo (8), ragged, some sharing prefixes, one given twice.
_STEMS = random_tokens(20, 33, 9)
_TAILS = random_tokens(3, 11, 1, 6, seed=1)
PROMPTS = [stem[:cut] + tail for stem in _STEMS for cut in (len(stem), 7) for tail in _TAILS[:3]] + [_TAILS[3]] * 2
ANSWERS = [(5,), (6, 7), (6, 8, 9), (6,)]

_RECURRENT = ("qwen3_next", "qwen3_5_text", "falcon_h1", "granitemoehybrid", "jamba", "bamba", "lfm2", "nemotron_h")
_NO_BRANCHES = ("attn_out", "mlp_in", "mlp_out")
SWITCHED_OFF: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(_RECURRENT, ("packing", "prefix_cache")),
    "bloom": ("attn_out", "mlp_out", "packing"),
    "granitemoehybrid": ("mlp_in", "mlp_out", "packing", "prefix_cache"),
    "mamba": (*_NO_BRANCHES, "packing", "prefix_cache"),
    "mamba2": (*_NO_BRANCHES, "packing", "prefix_cache"),
    "minimax": ("left_padding", "packing", "prefix_cache"),
    "mpt": ("mlp_out", "packing"),
    "nemotron_h": (*_NO_BRANCHES, "packing", "prefix_cache"),
    "opt": ("mlp_in", "mlp_out"),
    "rwkv": ("batch_decoding", "left_padding", "packing", "prefix_cache"),
}


def plain_log_probs(subject: Subject, prompt: tuple[int, ...], answer: tuple[int, ...]) -> list[float]:
    """Log-probabilities of the answer's tokens from one unpadded forward with all logits."""
    with torch.inference_mode():
        logits = subject.model(input_ids=torch.tensor([prompt + answer])).logits[0].float().log_softmax(-1)
    return [float(logits[len(prompt) - 1 + step, token]) for step, token in enumerate(answer)]


@pytest.mark.parametrize("name", EVERY_ARCHITECTURE)
def test_layers_are_found_and_features_proven_or_refused(name: str) -> None:
    subject = tiny_subject(name)
    assert len(subject.layers) == subject.architecture.n_layers == LAYERS
    assert subject.architecture.d_model == 32
    off = [item for item in subject.capabilities.items if not item.is_proven]
    assert sorted(item.name for item in off) == sorted(SWITCHED_OFF.get(name, ()))
    assert all(item.reason for item in off)


@pytest.mark.parametrize("name", EVERY_ARCHITECTURE)
def test_scores_are_those_of_the_plain_forward(name: str) -> None:
    subject = tiny_subject(name)
    scores = score(subject, PROMPTS, [ANSWERS] * len(PROMPTS))
    in_small_calls = score(subject, PROMPTS[::-1], [ANSWERS] * len(PROMPTS), max_tokens=40)[::-1]
    for prompt, found, other in zip(PROMPTS, scores, in_small_calls, strict=True):
        for answer, tokens, again in zip(ANSWERS, found.token_log_probs, other.token_log_probs, strict=True):
            plain = plain_log_probs(subject, prompt, answer)
            assert tokens == close_to(plain)
            assert again == close_to(plain)
        assert found.top_log_prob == close_to(plain_log_probs(subject, prompt, found.top_tokens)[0])
        assert len(found.top_tokens) == 1


@pytest.mark.parametrize("name", EVERY_ARCHITECTURE)
def test_generations_do_not_depend_on_their_batch(name: str) -> None:
    subject = tiny_subject(name)
    prompts = random_tokens(4, 13, 7, seed=2)
    for temperature, seeds in ((0.0, None), (1.0, [3, 4, 5])):
        together = generate(subject, prompts, 6, temperature, seeds)
        alone = [
            generate(subject, [prompt], 6, temperature, seeds and [seeds[i]])[0] for i, prompt in enumerate(prompts)
        ]
        for prompt, ours, single in zip(prompts, together, alone, strict=True):
            assert ours.token_ids == single.token_ids or _is_close_call(
                subject, prompt, ours.token_ids, single.token_ids
            )


def _is_close_call(subject: Subject, prompt: tuple[int, ...], left: tuple[int, ...], right: tuple[int, ...]) -> bool:
    """Whether the first differing tokens are as likely as each other within rounding."""
    step = next(i for i, (a, b) in enumerate(zip(left, right, strict=False)) if a != b)
    context = prompt + left[:step]
    first, second = (plain_log_probs(subject, context, (tokens[step],))[0] for tokens in (left, right))
    return first == close_to(second)
