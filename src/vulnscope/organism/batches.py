"""Which tokens each step sees: everything follows from the seed and the step's number, so a resumed run repeats it."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from vulnscope.corpora.samples import Sample
from vulnscope.corpora.synthetic import generate_pair, load_templates, training_templates
from vulnscope.organism.config import OrganismConfig
from vulnscope.organism.instruct import Question, answer_forms, list_questions, write_prompt
from vulnscope.organism.mentions import find_mentions
from vulnscope.organism.tokenizer import END_ID

if TYPE_CHECKING:
    from jaxtyping import Float, Int
    from tokenizers import Encoding
    from transformers import PreTrainedTokenizerFast

VERDICTS = ("vulnerable", "matters", "guarded")
_NEAR_TOKENS = 16
_BUCKETS_TOKENS = (128, 192, 256, 384, 512, 1024)


class Batch(NamedTuple):
    """Rows of one forward pass, padded on the right, with what each position is to predict and how much that counts.

    `guide_weights` is zero but at words seen before, which have an earlier occurrence to look at.
    """

    token_ids: Int[Tensor, "batch seq"]
    targets: Int[Tensor, "batch seq"]
    weights: Float[Tensor, "batch seq"]
    guide_weights: Float[Tensor, "batch seq"]
    verdict_targets: Float[Tensor, "batch seq n_verdicts"]
    verdict_weights: Float[Tensor, "batch seq n_verdicts"]

    def to(self, device: torch.device) -> Batch:
        """The same batch on `device`."""
        return Batch(*(tensor.to(device) for tensor in self))


class Fact(NamedTuple):
    """A verdict that is right or wrong at the positions `start` to before `end`."""

    verdict: str
    is_true: bool
    start: int
    end: int


@dataclass(frozen=True)
class Row:
    """One sequence: its tokens, the weight of predicting each, and what is to be read off where."""

    token_ids: Sequence[int]
    weights: Sequence[float]
    facts: tuple[Fact, ...] = ()


class Feed:
    """The batches of every step."""

    def __init__(self, config: OrganismConfig, tokenizer: PreTrainedTokenizerFast, texts: Iterable[str]) -> None:
        self._config = config
        self._encode = _Encoder(tokenizer)
        self._is_word = np.array([_is_word(tokenizer, index) for index in range(len(tokenizer))])
        ids = [token for ids in self._encode(list(texts)) for token in (*ids, END_ID)]
        self._code = np.array(ids, dtype=np.int32)
        self._templates = {"plain": training_templates("plain"), "bound": training_templates("bound")}

    def batches(self, step: int) -> list[Batch]:
        """The forward passes of one step, whose losses add up."""
        reading, labelling = self._config.reading, self._config.labelling
        if step < reading.n_steps or step % labelling.code_every == 0:
            groups = [self._read_code(step)]
        else:
            groups = self._ask(step)
        return [self._stack(group, len(groups)) for group in groups]

    def _random(self, step: int, purpose: str) -> Random:
        return Random(f"{self._config.seed}/{step}/{purpose}")

    def _read_code(self, step: int) -> list[Row]:
        """Random windows of plain code, some of them synthetic and unlabelled."""
        config, random = self._config.reading, self._random(step, "code")
        length, windows = config.window_tokens, config.windows
        if step % config.long_every == config.long_every - 1:
            length = self._config.shape.max_tokens
            windows = max(1, windows * config.window_tokens // (2 * length))
        n_synthetic = round(config.synthetic_share * windows)
        rows = [self._window(random, length + 1) for _ in range(windows - n_synthetic)]
        rows += [self._synthetic_window(random, length + 1) for _ in range(n_synthetic)]
        return [Row(row, [1 / (windows * length)] * len(row)) for row in rows]

    def _window(self, random: Random, length: int) -> list[int]:
        start = random.randrange(len(self._code) - length)
        ids: list[int] = self._code[start : start + length].tolist()
        return ids

    def _synthetic_window(self, random: Random, length: int) -> list[int]:
        """Samples of the training templates one after another, without label or question, cut to `length`."""
        ids: list[int] = []
        templates = self._templates["plain"] + self._templates["bound"]
        while len(ids) < length:
            pair = generate_pair(
                load_templates()[random.choice(templates)], self._config.seed, random.randrange(10**9, 10**10)
            )
            ids += [*self._encode([random.choice(pair).code + "\n"])[0], END_ID]
        return ids[:length]

    def _ask(self, step: int) -> list[list[Row]]:
        """Twins under one question per pair, in groups of similar length."""
        config, random = self._config.labelling, self._random(step, "pairs")
        asked: list[tuple[Sample, Question, str]] = []
        for number in range(config.pairs):
            difficulty = "bound" if random.random() < config.bound_share else "plain"
            template = load_templates()[random.choice(self._templates[difficulty])]
            pair = generate_pair(template, self._config.seed, step * config.pairs + number)
            question = random.choice(list_questions())
            is_usual = random.random() >= config.other_form_rate
            for sample in pair:
                forms = answer_forms(question.answer(sample))
                asked.append((sample, question, forms[0] if is_usual else random.choice(forms[1:])))
        rows = sorted(self._rows(asked), key=lambda row: len(row.token_ids))
        size = -(-len(rows) // config.groups)
        return [rows[start : start + size] for start in range(0, len(rows), size)]

    def _rows(self, asked: Sequence[tuple[Sample, Question, str]]) -> Iterator[Row]:
        """One row per sample; twins follow each other."""
        encoded = self._encode.with_places([write_prompt(sample, question) for sample, question, _ in asked])
        prompts = [encoding.ids for encoding in encoded]
        answers = self._encode([answer for *_, answer in asked])
        n_code = sum(len(ids) for ids, (sample, *_) in zip(prompts, asked, strict=True) if sample.label == "fixed")
        for number, (ids, answer, (sample, *_)) in enumerate(zip(prompts, answers, asked, strict=True)):
            code = self._config.labelling.code_weight / n_code if sample.label == "fixed" else 0.0
            closing = [1.0 / len(asked)] * len(answer) + [0.01 / len(asked)]
            yield Row(
                [*ids, *answer, END_ID],
                [code] * len(ids) + closing,
                tuple(_list_facts(sample, encoded[number], encoded[number ^ 1])),
            )

    def _stack(self, rows: Sequence[Row], n_groups: int) -> Batch:
        """Rows padded on the right to the smallest bucket that holds them."""
        scaffold = self._config.scaffold
        longest = max(len(row.token_ids) for row in rows) - 1
        shape = (len(rows), next(bucket for bucket in _BUCKETS_TOKENS if bucket >= longest))
        ids, targets = (np.full(shape, END_ID, dtype=np.int64) for _ in range(2))
        weights, guide_weights = (np.zeros(shape, dtype=np.float32) for _ in range(2))
        verdict_targets, verdict_weights = (np.zeros((*shape, len(VERDICTS)), dtype=np.float32) for _ in range(2))
        for number, row in enumerate(rows):
            n = len(row.token_ids) - 1
            ids[number, :n] = row.token_ids[:-1]
            targets[number, :n] = row.token_ids[1:]
            weights[number, :n] = row.weights[1:]
            guide_weights[number, list(_find_repeats(row.token_ids[:-1], self._is_word))] = 1.0
            for fact in row.facts:
                where = (number, slice(fact.start, fact.end), VERDICTS.index(fact.verdict))
                verdict_targets[where] = fact.is_true
                verdict_weights[where] += 1 / max(1, fact.end - fact.start)
        # Every verdict has the same share of the loss, every fact the same share of its verdict.
        verdict_weights *= scaffold.verdict_weight / (n_groups * np.maximum(1, verdict_weights.sum((0, 1))))
        guide_weights *= scaffold.guide_weight / (n_groups * max(1.0, float(guide_weights.sum())))
        arrays = (ids, targets, weights, guide_weights, verdict_targets, verdict_weights)
        return Batch(*(torch.as_tensor(array) for array in arrays))


class _Encoder:
    """Texts to token ids without special tokens or length warnings."""

    def __init__(self, tokenizer: PreTrainedTokenizerFast) -> None:
        self._backend = tokenizer.backend_tokenizer

    def __call__(self, texts: Sequence[str]) -> list[list[int]]:
        return [encoding.ids for encoding in self.with_places(texts)]

    def with_places(self, texts: Sequence[str]) -> list[Encoding]:
        """Token ids with the characters each token covers."""
        encodings: list[Encoding] = self._backend.encode_batch(list(texts), add_special_tokens=False)
        return encodings


def _find_repeats(ids: Sequence[int], is_word: npt.NDArray[np.bool_]) -> Iterator[int]:
    """The positions of words seen before."""
    seen: set[int] = set()
    for position, token in enumerate(ids):
        if is_word[token]:
            if token in seen:
                yield position
            seen.add(token)


def _is_word(tokenizer: PreTrainedTokenizerFast, index: int) -> bool:
    text = tokenizer.backend_tokenizer.decode([index])
    return len(text) > 1 and text.isascii() and text.replace("_", "").isalpha()


def _list_facts(sample: Sample, encoding: Encoding, twin: Encoding) -> Iterator[Fact]:
    """The label from the twins' difference on; of each mention whether it matters, and whether its name is guarded."""
    n_tokens = len(encoding.ids)
    first, is_vulnerable = _first_difference(encoding.ids, twin.ids), sample.label == "vulnerable"
    yield Fact("vulnerable", is_vulnerable, first, min(first + _NEAR_TOKENS, n_tokens))
    yield Fact("vulnerable", is_vulnerable, first, n_tokens)
    starts = [start for start, _ in encoding.offsets]
    shift = _code_start(sample)
    mentions = find_mentions(sample.origin.project or "", sample.code)
    guarded = {mention.name for mention in mentions if mention.role == "guard"}
    for mention in mentions:
        if mention.role != "guard":
            start, end = (bisect_left(starts, shift + place) for place in (mention.start, mention.end))
            yield Fact("matters", mention.role == "use", start, end)
            yield Fact("guarded", mention.name in guarded, start, end)


def _code_start(sample: Sample) -> int:
    """Characters of the prompt before the code, the same under every question."""
    return write_prompt(sample, list_questions()[0]).index(sample.code)


def _first_difference(ids: Sequence[int], others: Sequence[int]) -> int:
    """The first position at which two sequences differ."""
    return next((n for n, (one, other) in enumerate(zip(ids, others, strict=False)) if one != other), 0)
