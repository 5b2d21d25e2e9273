from __future__ import annotations

import pytest
import torch
from scipy import stats
from tests.models.subjects import random_tokens, tiny_subject
from tests.models.zoo import tiny_model, tiny_tokenizer

from vulnscope.errors import InputError
from vulnscope.models import generate, wrap_model
from vulnscope.models.answer.generation import RowNoise


def test_greedy_takes_the_most_likely_token_at_every_step() -> None:
    subject = tiny_subject()
    prompt = random_tokens(9)[0]
    (result,) = generate(subject, [prompt], 5)
    context = list(prompt)
    for token in result.token_ids:
        with torch.inference_mode():
            assert int(subject.model(input_ids=torch.tensor([context])).logits[0, -1].argmax()) == token
        context.append(token)
    assert not result.is_finished
    assert result.seed is None
    assert result.text == subject.tokenizer.decode(list(result.token_ids))


HOSTILE = {
    "repetition_penalty": 5.0,
    "no_repeat_ngram_size": 1,
    "num_beams": 3,
    "min_new_tokens": 12,
    "suppress_tokens": list(range(64)),
    "begin_suppress_tokens": list(range(64)),
    "forced_bos_token_id": 3,
    "forced_eos_token_id": 4,
    "bad_words_ids": [[token] for token in range(5, 40)],
    "exponential_decay_length_penalty": (1, 3.0),
    "guidance_scale": 3.0,
    "sequence_bias": [[[9], 50.0]],
}


@pytest.mark.parametrize("name", sorted(HOSTILE))
def test_settings_that_come_with_a_model_do_not_change_greedy(name: str) -> None:
    model = tiny_model("qwen2")
    prompts = random_tokens(7, 11)
    plain = generate(wrap_model(model, tiny_tokenizer(), name="plain", self_check=False), prompts, 8)
    setattr(model.generation_config, name, HOSTILE[name])
    own = model.generation_config
    assert generate(wrap_model(model, tiny_tokenizer(), name="hostile", self_check=False), prompts, 8) == plain
    assert model.generation_config is own, "the model keeps its settings"


def test_samples_follow_their_seed_and_not_their_batch() -> None:
    subject, prompts = tiny_subject(), random_tokens(5, 12, 5)
    first = generate(subject, prompts, 8, temperature=1.5, seeds=[1, 2, 3])
    again = generate(subject, prompts[::-1], 8, temperature=1.5, seeds=[3, 2, 1])[::-1]
    assert first == again
    assert [result.seed for result in first] == [1, 2, 3]
    assert generate(subject, prompts[:1], 8, 1.5, [1])[0] == first[0]
    assert generate(subject, prompts[:1], 8, 1.5, [4])[0] != first[0]


def test_noise_draws_from_the_softmax() -> None:
    logits = torch.tensor([1.0, 0.0, -1.0, 2.0])
    noise = RowNoise(temperature=2.0, seeds=[0])
    draws = torch.tensor([int(noise(torch.zeros(1, 1), logits[None]).argmax()) for _ in range(4000)])
    expected = (logits / 2.0).softmax(-1).numpy() * 4000
    assert stats.chisquare(draws.bincount(minlength=4).numpy(), expected / expected.sum() * 4000).pvalue > 0.01


def test_rows_end_at_end_tokens_and_stop_strings() -> None:
    subject, prompts = tiny_subject(), random_tokens(7, 4)
    free = generate(subject, prompts, 8)
    stop = free[0].text[2]
    stopped = generate(subject, prompts, 8, stop=[stop])
    assert stopped[0].text == free[0].text[: free[0].text.index(stop) + 1]
    assert stopped[0].is_finished
    if stop not in free[1].text:
        assert stopped[1] == free[1]
    model = tiny_model("qwen2")
    model.generation_config.eos_token_id = free[0].token_ids[3]
    ended = generate(wrap_model(model, tiny_tokenizer(), name="ends"), prompts, 8)[0]
    assert ended.is_finished
    assert ended.token_ids == free[0].token_ids[: free[0].token_ids.index(free[0].token_ids[3])]


@pytest.mark.parametrize(
    ("prompts", "options", "message"),
    [
        ([(5,)], {"temperature": 1.0}, "temperature 1.0 needs to be 0, or above it with one seed per prompt"),
        ([(5,)], {"temperature": -1.0, "seeds": [1]}, "temperature -1.0 needs to be 0"),
        ([()], {}, "prompt 0 is empty"),
        ([(5,) * 510], {}, "prompt 0 has 510 tokens; with 4 new ones it exceeds the 512 that qwen2 reads"),
    ],
)
def test_what_cannot_run_is_refused(prompts: list[tuple[int, ...]], options: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        generate(tiny_subject(), prompts, 4, **options)  # type: ignore[arg-type]
