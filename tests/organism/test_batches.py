"""What a step sees: a function of seed and step, with the right answers behind the right prompts."""

from __future__ import annotations

import pytest
import torch

from vulnscope.corpora.synthetic import EVALUATION_SEED, generate, generate_pair, held_out_templates, load_templates
from vulnscope.organism.batches import VERDICTS, Feed, _Encoder, _find_repeats, _first_difference, _list_facts
from vulnscope.organism.instruct import list_questions, write_prompt
from vulnscope.organism.mentions import find_mentions
from vulnscope.organism.plan import quick_config
from vulnscope.organism.tokenizer import fit_tokenizer

TEMPLATES = load_templates()
HELD_OUT = held_out_templates()
CONFIG = quick_config()
TEXTS = [sample.code for sample in generate(1, 60)]


@pytest.fixture(scope="module")
def tokenizer():
    return fit_tokenizer(TEXTS, vocab_size=600, max_tokens=512)


@pytest.fixture(scope="module")
def feed(tokenizer):
    return Feed(CONFIG, tokenizer, TEXTS)


def labelled_steps(n):
    every = CONFIG.labelling.code_every
    return [step for step in range(CONFIG.reading.n_steps, CONFIG.n_steps) if step % every][:n]


def test_a_step_is_the_same_in_another_process_order(tokenizer, feed):
    again = Feed(CONFIG, tokenizer, TEXTS)
    again.batches(5)
    for step in (0, 7, 25, 26):
        for one, other in zip(feed.batches(step), again.batches(step), strict=True):
            assert all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


def test_steps_differ(feed):
    assert not torch.equal(feed.batches(0)[0].token_ids, feed.batches(1)[0].token_ids)


def test_next_token_weights_sum_to_one_while_reading(feed):
    (batch,) = feed.batches(0)
    assert batch.weights.sum().item() == pytest.approx(1.0, abs=1e-4)
    assert batch.verdict_weights.sum() == 0


def test_no_label_is_read_before_the_second_stage(tokenizer, feed):
    answers = {tokenizer.encode("### Question")[0], tokenizer.encode("### Answer")[-1]}
    for step in range(CONFIG.reading.n_steps):
        for batch in feed.batches(step):
            assert batch.verdict_weights.sum() == 0
            text = tokenizer.decode(batch.token_ids.flatten().tolist())
            assert "### Answer" not in text, answers


def test_losses_sum_to_their_weights(feed):
    for step in labelled_steps(3):
        batches = feed.batches(step)
        assert sum(batch.verdict_weights.sum().item() for batch in batches) == pytest.approx(len(VERDICTS), abs=1e-3)
        assert sum(batch.guide_weights.sum().item() for batch in batches) == pytest.approx(
            CONFIG.scaffold.guide_weight, abs=1e-4
        )


def test_twins_get_opposite_answers_and_only_training_templates_are_used(tokenizer, feed):
    for step in labelled_steps(3):
        for batch in feed.batches(step):
            closing = batch.weights >= 0.9 * batch.weights.max()
            said = [tokenizer.decode(batch.targets[row][closing[row]].tolist()).lower() for row in range(len(closing))]
            assert said.count("yes") == said.count("no")


def test_training_never_meets_an_evaluation_seed_or_held_out_template(feed):
    assert CONFIG.seed < EVALUATION_SEED
    used = {name for names in feed._templates.values() for name in names}
    assert used.isdisjoint(HELD_OUT)


def test_guides_start_where_a_word_returns():
    is_word = [False, True, True, False, False]
    assert list(_find_repeats([3, 1, 4, 2, 1, 3, 1, 2], is_word)) == [4, 6, 7]


def test_first_difference():
    assert _first_difference([1, 2, 3], [1, 2, 4]) == 2
    assert _first_difference([1, 2], [1, 2]) == 0


def test_facts_lie_where_the_code_states_them(tokenizer):
    template = TEMPLATES["py-path-bound-basename"]
    encode, question = _Encoder(tokenizer), list_questions()[0]
    pair = generate_pair(template, 1, 1)
    encodings = encode.with_places([write_prompt(sample, question) for sample in pair])
    for sample, own, twin in zip(pair, encodings, reversed(encodings), strict=True):
        facts = [fact for fact in _list_facts(sample, own, twin) if fact.verdict != "vulnerable"]
        texts = [tokenizer.decode(own.ids[fact.start : fact.end]) for fact in facts]
        mentions = [found for found in find_mentions(template.id, sample.code) if found.role != "guard"]
        assert len(facts) == 4
        assert set(texts) == {sample.code[mention.start : mention.end] for mention in mentions}
        label = {fact.is_true for fact in _list_facts(sample, own, twin) if fact.verdict == "vulnerable"}
        assert label == {sample.label == "vulnerable"}
