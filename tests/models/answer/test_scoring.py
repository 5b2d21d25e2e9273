"""The scoring contract: what is refused, what a tie is, what happens when memory runs out."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from tests.models.subjects import random_tokens, tiny_subject
from tests.models.zoo import tiny_model, tiny_tokenizer
from tests.tolerances import close_to
from torch import nn

from vulnscope.errors import InputError, SubjectError
from vulnscope.models import BackOff, PromptScores, ScoreRequest, plan_batches, score, score_batch, wrap_model
from vulnscope.models.forward import tree_forward

ANSWERS = ((5,), (6, 7))


def requests(n: int = 6) -> list[ScoreRequest]:
    rows = random_tokens(*range(10, 10 + n))
    return [ScoreRequest((row, (*row, 4)), (ANSWERS, ANSWERS[:1])) for row in rows]


def assert_equal(left: list[tuple[PromptScores, ...]], right: list[tuple[PromptScores, ...]]) -> None:
    flat = [[scores for request in side for scores in request] for side in (left, right)]
    for ours, theirs in zip(*flat, strict=True):
        assert ours.log_probs == close_to(theirs.log_probs)
        assert ours.top_token == theirs.top_token


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        (ScoreRequest(((),), (((5,),),)), "request 0 has an empty prompt or answer; each needs at least one token"),
        (ScoreRequest(((5,),), (((),),)), "request 0 has an empty prompt or answer"),
        (
            ScoreRequest(((3,) * 510,), (((5, 6, 7),),)),
            r"request 0 has 513 tokens with its answer; qwen2 reads at most 512",
        ),
        (ScoreRequest(((128,),), (((5,),),)), "request 0 holds token id 128; the vocabulary ends at 127"),
    ],
)
def test_what_cannot_be_read_is_refused_before_any_work(request_: ScoreRequest, message: str) -> None:
    with pytest.raises(InputError, match=message):
        score_batch(tiny_subject(), [request_])


def test_a_prompt_without_answers_still_says_something() -> None:
    (result,) = score(tiny_subject(), [(5, 6, 7)], [()])
    assert result.log_probs == ()
    assert result.top_log_prob < 0


def test_exact_ties_are_told() -> None:
    model = tiny_model("qwen2")
    with torch.no_grad():
        model.lm_head.weight[1:] = model.lm_head.weight[:1]
    (result,) = score(wrap_model(model, tiny_tokenizer(), name="flat", self_check=False), [(5, 6, 7)], [ANSWERS])
    assert result.is_tied
    assert [tokens[0] for tokens in result.token_log_probs] == close_to([-4.852030] * 2)  # log(1/128)


def test_nan_is_an_error_and_never_a_score() -> None:
    model = tiny_model("qwen2")
    subject = wrap_model(model, tiny_tokenizer(), name="broken")
    with torch.no_grad():
        model.lm_head.weight[3] = float("nan")
    with pytest.raises(SubjectError, match="NaN or infinite logits; try --dtype float32"):
        score(subject, [(5, 6, 7)], [ANSWERS])


def test_the_same_batch_gives_the_same_bytes() -> None:
    subject = tiny_subject()
    assert score_batch(subject, requests(), 200) == score_batch(subject, requests(), 200)


def memory_for(monkeypatch: pytest.MonkeyPatch, n_tokens: int, error: Callable[[], Exception]) -> None:
    """Let every call of more than `n_tokens` padded tokens fail."""
    original = tree_forward.run_model

    def run_model(model: nn.Module, architecture: object, tokens: torch.Tensor, *rest: object) -> torch.Tensor:
        if tokens.numel() > n_tokens:
            raise error()
        return original(model, architecture, tokens, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(tree_forward, "run_model", run_model)


@pytest.mark.parametrize(
    "error",
    [lambda: torch.OutOfMemoryError("CUDA out of memory"), lambda: RuntimeError("DefaultCPUAllocator: can't allocate")],
)
def test_out_of_memory_halves_the_batch_and_says_so(
    error: Callable[[], Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    subject = tiny_subject()
    whole = score_batch(subject, requests(), 4096)
    memory_for(monkeypatch, 30, error)
    steps: list[BackOff] = []
    assert_equal(score_batch(subject, requests(), 4096, steps.append), whole)
    assert (steps[0].first, steps[0].stop, steps[0].size, steps[0].max_tokens) == (0, 6, 3, 4096)
    assert any(step.stop - step.first == 1 and step.size is None and step.max_tokens < 4096 for step in steps)


def test_memory_too_small_for_one_sequence_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    memory_for(monkeypatch, 5, lambda: torch.OutOfMemoryError("no"))
    with pytest.raises(SubjectError, match="out of memory on one sequence of 11 tokens, alone in its call"):
        score_batch(tiny_subject(), requests(1))


def test_other_runtime_errors_pass_through(monkeypatch: pytest.MonkeyPatch) -> None:
    memory_for(monkeypatch, 5, lambda: RuntimeError("shapes differ"))
    with pytest.raises(RuntimeError, match="shapes differ"):
        score_batch(tiny_subject(), requests(1))


def test_plans_hold_every_request_once_and_depend_on_nothing_else() -> None:
    subject, many = tiny_subject(), requests(12)
    plan = plan_batches(subject, many, 20)
    assert plan == plan_batches(subject, many, 20)
    assert sorted(number for batch in plan.batches for number in batch) == list(range(12))
    assert len(plan.batches) > 1
    assert plan.n_distinct_tokens < plan.n_tokens
    assert plan_batches(subject, [], 64).batches == ()


def test_twins_stay_in_one_batch_whatever_lies_between() -> None:
    stems = random_tokens(60, 61, 62, 63, 64, 65)
    twins = [stem + tail for tail in ((7,), (8, 9)) for stem in stems]
    plan = plan_batches(tiny_subject(), [ScoreRequest((row,), (ANSWERS,)) for row in twins], 40)
    assert len(plan.batches) > 1
    for number in range(6):
        assert any({number, number + 6} <= set(batch) for batch in plan.batches)


def test_half_precision_answers_stay_close_to_wide_ones() -> None:
    wide = score(tiny_subject(), [(5, 6, 7)], [ANSWERS])[0]
    half = wrap_model(tiny_model("qwen2").to(torch.bfloat16), tiny_tokenizer(), name="half")
    assert score(half, [(5, 6, 7)], [ANSWERS])[0].log_probs == close_to(wide.log_probs, torch.bfloat16)
