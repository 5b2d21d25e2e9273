"""Models whose figures depend on the length or the company of a row: run together, each row keeps its own.

Rows before, across and behind the length where a model changes, in pairs that share a prefix, in one request: scores,
states and greedy answers are those of each row alone in a model that has seen nothing before.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import torch
from tests.models.zoo import tiny_model, tiny_tokenizer
from tests.tolerances import assert_close

from vulnscope.errors import InputError
from vulnscope.models import Subject, capture, generate, score
from vulnscope.models.forward import tree_forward
from vulnscope.models.forward.lengths import find_rope_switch
from vulnscope.models.subject.selfcheck import PREFIX_CACHE, RIGHT_PADDING
from vulnscope.models.subject.shortcuts import choose_shortcuts
from vulnscope.models.subject.subject import wrap_model

SWITCH = 24
FACTORS = {"short_factor": [1.0, 1.1, 1.2, 1.3], "long_factor": [1.0, 3.0, 9.0, 27.0]}
LONGROPE = {
    "original_max_position_embeddings": SWITCH,
    "rope_parameters": {
        "rope_type": "longrope", "rope_theta": 10000.0, "original_max_position_embeddings": SWITCH, **FACTORS
    },
}  # fmt: skip
YARN = {
    "rope_parameters": {
        "rope_type": "yarn", "rope_theta": 10000.0, "factor": 4.0, "original_max_position_embeddings": SWITCH
    }
}  # fmt: skip
DYNAMIC = {"rope_parameters": {"rope_type": "dynamic", "rope_theta": 10000.0, "factor": 4.0}}
MIXED = {"layer_types": ["sliding_attention", "full_attention", "sliding_attention"]}
TRAITS: dict[str, tuple[str, dict[str, Any]]] = {
    "longrope": ("phi3", LONGROPE),
    "longrope, llama": ("llama", LONGROPE),
    "yarn": ("llama", YARN),
    "dynamic": ("llama", DYNAMIC),
    "window": ("mistral", {"sliding_window": SWITCH}),
    "windows in turn": ("gemma3_text", {"sliding_window": SWITCH, **MIXED}),
    "windows and softcaps": ("gemma2", {"sliding_window": SWITCH, "final_logit_softcapping": 5.0}),
    "attention sinks": ("gpt_oss", {"sliding_window": SWITCH, **MIXED}),
    "experts": ("mixtral", {}),
    "experts of qwen": ("qwen3_moe", {}),
    "local attention": ("gpt_neo", {"window_size": SWITCH}),
    "plain": ("llama", {}),
}
ANSWERS = ((40,), (41, 42))


def fresh(trait: str) -> Any:
    """The model of `trait` as no call has seen it."""
    name, changes = TRAITS[trait]
    return tiny_model(name, **changes)


def subject_of(trait: str) -> Subject:
    return wrap_model(fresh(trait), tiny_tokenizer(), name=trait)


def prompts() -> list[tuple[int, ...]]:
    """Two questions about each of several samples, and rows that are the beginning of others."""
    generator = torch.Generator().manual_seed(3)

    def draw(length: int) -> tuple[int, ...]:
        return tuple(torch.randint(3, 90, (length,), generator=generator).tolist())

    asked = [sample + draw(4) for sample in map(draw, (8, SWITCH - 6, SWITCH - 2, SWITCH + 6)) for _ in range(2)]
    return [*asked, asked[-1][: SWITCH - 4], asked[-1][: SWITCH + 3], draw(SWITCH), draw(SWITCH + 1)]


@torch.inference_mode()
def run_alone(trait: str, row: Sequence[int]) -> Any:
    return fresh(trait)(input_ids=torch.tensor([row]), use_cache=False, output_hidden_states=True)


def expected(trait: str, prompt: tuple[int, ...]) -> list[float]:
    """Log-probabilities of the answers, each read on the row that it makes."""
    found = []
    for answer in ANSWERS:
        row = run_alone(trait, prompt + answer[:-1]).logits[0].float().log_softmax(-1)
        found.append(sum(float(row[len(prompt) - 1 + step, token]) for step, token in enumerate(answer)))
    return found


def worst(trait: str, subject: Subject, asked: Sequence[tuple[int, ...]]) -> float:
    found = score(subject, asked, [ANSWERS] * len(asked))
    return max(
        abs(mine - own)
        for prompt, result in zip(asked, found, strict=True)
        for mine, own in zip(result.log_probs, expected(trait, prompt), strict=True)
    )


@pytest.mark.slow
@pytest.mark.parametrize("trait", TRAITS)
def test_together_each_row_is_what_it_is_alone(trait: str) -> None:
    subject = subject_of(trait)
    assert worst(trait, subject, prompts()) < 1e-4
    # Again, in a model that has seen long rows by now.
    states = capture(subject, prompts(), ["1.resid_post"])
    for number, prompt in enumerate(prompts()):
        alone = run_alone(trait, prompt).hidden_states[2][0, -1]
        assert_close(states.of_sample("1.resid_post", number)[0], alone)
    written = generate(subject, prompts(), max_new_tokens=3)
    for found, prompt in zip(written, prompts(), strict=True):
        alone = wrap_model(fresh(trait), tiny_tokenizer(), name=trait, self_check=False)
        assert found.token_ids == generate(alone, [prompt], max_new_tokens=3)[0].token_ids


def test_where_rope_changes_sharing_is_switched_off_and_told() -> None:
    subject = subject_of("longrope")
    assert find_rope_switch(subject.model) == SWITCH
    assert subject.trusted(SWITCH) is subject.capabilities
    assert subject.capabilities.has(RIGHT_PADDING)
    assert subject.capabilities.has(PREFIX_CACHE)
    reason = f"{PREFIX_CACHE}: its rope depends on the length of the call from {SWITCH} tokens on"
    assert reason not in subject.info().switched_off, "short rows are as exact as ever"
    assert not subject.trusted(SWITCH + 1).has(RIGHT_PADDING)
    assert not subject.trusted(SWITCH + 1).has(PREFIX_CACHE)
    assert reason in subject.info().switched_off
    assert reason in choose_shortcuts(subject, [0], SWITCH + 1).reuse.missing()


@pytest.mark.parametrize("trait", ["yarn", "plain", "experts"])
def test_what_never_changes_keeps_all_that_was_proven(trait: str) -> None:
    subject = subject_of(trait)
    assert find_rope_switch(subject.model) is None
    assert subject.trusted(10**6) is subject.capabilities


def test_windows_are_proven_where_rows_outlast_them(monkeypatch: pytest.MonkeyPatch) -> None:
    assert subject_of("window").trusted(SWITCH + 1).has(PREFIX_CACHE)
    subject = subject_of("window")
    assert subject.trusted(SWITCH) is subject.capabilities
    real = tree_forward.stack_rows

    def shifted(rows: Any, *rest: Any) -> Any:
        # A cache that gives long rows a wrong key, as no check of twenty tokens would see.
        inputs = real(rows, *rest)
        if inputs.fork is not None and inputs.fork.n_past > SWITCH - 4:
            inputs.fork.read[:, inputs.fork.n_past - 1] = inputs.fork.read[:, inputs.fork.n_past - 5]
        return inputs

    monkeypatch.setattr(tree_forward, "stack_rows", shifted)
    assert not subject.trusted(SWITCH + 1).has(PREFIX_CACHE)
    assert any(text.startswith(f"{PREFIX_CACHE}: log-probabilities differ") for text in subject.info().switched_off)


def test_without_the_guard_a_long_row_takes_the_frequencies_of_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Subject, "trusted", lambda self, _: self.capabilities)
    assert worst("longrope", subject_of("longrope"), prompts()[-4:]) > 0.1


def test_without_the_guard_packed_rows_take_the_window_of_others(monkeypatch: pytest.MonkeyPatch) -> None:
    cut = tree_forward.cut_calls

    def together(_: Any, packs: Any, rows: Any, *rest: Any) -> list[list[int]]:
        return cut(rows, range(len(packs)), *rest)

    monkeypatch.setattr(tree_forward, "_cut_apart", together)
    assert not subject_of("window").trusted(SWITCH + 1).has(PREFIX_CACHE)


def test_rows_beyond_the_positions_of_dynamic_rope_are_refused() -> None:
    model = tiny_model("llama", max_position_embeddings=SWITCH, **DYNAMIC)
    subject = wrap_model(model, tiny_tokenizer(), name="dynamic")
    with pytest.raises(InputError, match=f"{SWITCH}"):
        score(subject, [tuple(range(3, 3 + SWITCH + 1))], [((40,),)])
