"""How well a checkpoint answers the canonical question on unseen pairs, and whether it writes Python that parses."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import torch
from torch.nn import functional

from vulnscope.corpora.code.text import is_python
from vulnscope.corpora.samples import Sample
from vulnscope.corpora.synthetic import EVALUATION_SEED, generate_pair, held_out_templates, load_templates
from vulnscope.organism.instruct import answer_forms, list_questions, write_prompt
from vulnscope.organism.record import CheckpointScore, CompletionScore, TemplateScore
from vulnscope.records.base import NotMeasured

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor
    from transformers import PreTrainedTokenizerFast, Qwen2ForCausalLM

_BATCH = 32
_HEAD_LINES = 3


@dataclass(frozen=True)
class _Answer:
    """The margin for `vulnerable` in nats, and what the most likely token says."""

    margin: float
    says: str | None


def score_checkpoint(
    name: str,
    model: Qwen2ForCausalLM,
    tokenizer: PreTrainedTokenizerFast,
    unseen_code: Sequence[str],
    *,
    pairs_per_template: int,
    n_completions: int = 100,
    seed: int = EVALUATION_SEED,
) -> CheckpointScore:
    """All figures of one checkpoint; `seed` must be one that training does not use."""
    templates = score_templates(model, tokenizer, tuple(load_templates()), pairs_per_template, seed)
    summary = tuple(
        summarise(group)
        for is_held_out in (False, True)
        for difficulty in ("plain", "bound")
        if (group := [row for row in templates if (row.difficulty, row.is_held_out) == (difficulty, is_held_out)])
    )
    completion = score_completions(model, tokenizer, unseen_code, n_completions)
    return CheckpointScore(checkpoint=name, summary=summary, templates=templates, completion=completion)


def score_templates(
    model: Qwen2ForCausalLM,
    tokenizer: PreTrainedTokenizerFast,
    template_ids: Sequence[str],
    pairs_per_template: int,
    seed: int = EVALUATION_SEED,
    change: Callable[[Sample], Sample] = lambda sample: sample,
) -> tuple[TemplateScore, ...]:
    """Answers to the canonical question on unseen pairs of each template; `change` is applied to every sample."""
    model.eval()
    return tuple(
        _score_template(
            template_id,
            answer_pairs(
                model,
                tokenizer,
                [(change(one), change(two)) for one, two in _pairs(template_id, seed, pairs_per_template)],
            ),
        )
        for template_id in template_ids
    )


@torch.no_grad()
def answer_pairs(
    model: Qwen2ForCausalLM, tokenizer: PreTrainedTokenizerFast, pairs: Sequence[tuple[Sample, Sample]]
) -> list[tuple[_Answer, _Answer]]:
    """Answers to the canonical question, for the vulnerable and the fixed twin of every pair."""
    question = list_questions()[0]
    prompts = [write_prompt(sample, question) for pair in pairs for sample in pair]
    token_ids = [tokenizer.encode(prompt, add_special_tokens=False) for prompt in prompts]
    order = sorted(range(len(prompts)), key=lambda index: len(token_ids[index]))
    forms = {answer: first_tokens(tokenizer, answer) for answer in ("yes", "no")}
    answers: dict[int, _Answer] = {}
    for start in range(0, len(order), _BATCH):
        chosen = order[start : start + _BATCH]
        for index, logits in zip(chosen, last_logits(model, [token_ids[index] for index in chosen]).cpu(), strict=True):
            answers[index] = _read_answer(logits, forms)
    return [(answers[index], answers[index + 1]) for index in range(0, len(prompts), 2)]


def last_logits(model: Qwen2ForCausalLM, rows: Sequence[Sequence[int]]) -> Float[Tensor, "batch vocab"]:
    """Logits after the last token of each row; rows are padded on the right, which causality makes exact."""
    ids = torch.zeros(len(rows), max(map(len, rows)), dtype=torch.long)
    for number, row in enumerate(rows):
        ids[number, : len(row)] = torch.tensor(row)
    hidden = model.model(input_ids=ids.to(model.device), use_cache=False).last_hidden_state
    last = hidden[torch.arange(len(rows)), torch.tensor([len(row) - 1 for row in rows])]
    return functional.linear(last, model.lm_head.weight).float()


def _read_answer(logits: torch.Tensor, forms: dict[str, list[int]]) -> _Answer:
    yes, no = (torch.logsumexp(logits[forms[answer]], 0).item() for answer in ("yes", "no"))
    top = int(logits.argmax())
    says = next((answer for answer, tokens in forms.items() if top in tokens), None)
    return _Answer(yes - no, says)


def first_tokens(tokenizer: PreTrainedTokenizerFast, answer: str) -> list[int]:
    """The first token of every spelling of an answer."""
    return [int(tokenizer.encode(form, add_special_tokens=False)[0]) for form in answer_forms(answer)]


def _pairs(template_id: str, seed: int, n_pairs: int) -> list[tuple[Sample, Sample]]:
    return [generate_pair(load_templates()[template_id], seed, index) for index in range(n_pairs)]


def _score_template(template_id: str, pairs: Sequence[tuple[_Answer, _Answer]]) -> TemplateScore:
    n_pairs = len(pairs)
    said = [answer.says for pair in pairs for answer in pair]
    ranks = [_rank(vulnerable.margin, fixed.margin) for vulnerable, fixed in pairs]
    return TemplateScore(
        name=template_id,
        difficulty=load_templates()[template_id].difficulty,
        is_held_out=template_id in held_out_templates(),
        n_pairs=n_pairs,
        pair_correct_rate=sum((v.says, f.says) == ("yes", "no") for v, f in pairs) / n_pairs,
        pair_rank_rate=sum(ranks) / n_pairs,
        yes_rate=said.count("yes") / len(said),
        unparsed_rate=said.count(None) / len(said),
    )


def _rank(vulnerable: float, fixed: float) -> float:
    return 0.5 if vulnerable == fixed else float(vulnerable > fixed)


def summarise(rows: Sequence[TemplateScore]) -> TemplateScore:
    """Mean over templates, which all have the same number of pairs."""

    def mean(field: str) -> float:
        return float(sum(getattr(row, field) for row in rows) / len(rows))

    return TemplateScore(
        name="all",
        difficulty=rows[0].difficulty,
        is_held_out=rows[0].is_held_out,
        n_pairs=sum(row.n_pairs for row in rows),
        pair_correct_rate=mean("pair_correct_rate"),
        pair_rank_rate=mean("pair_rank_rate"),
        yes_rate=mean("yes_rate"),
        unparsed_rate=mean("unparsed_rate"),
    )


def score_completions(
    model: Qwen2ForCausalLM,
    tokenizer: PreTrainedTokenizerFast,
    unseen_code: Sequence[str],
    n_completions: int,
    n_new_tokens: int = 48,
) -> CompletionScore:
    """Validity of greedy completions of function heads, and the loss on `unseen_code`."""
    heads = list(_function_heads(unseen_code))[:n_completions]
    missing = NotMeasured(reason="no unseen Python functions on this machine")
    valid = [is_python(head, _complete(model, tokenizer, head, n_new_tokens)) for head in heads]
    return CompletionScore(
        n_completions=len(heads),
        n_new_tokens=n_new_tokens,
        valid_rate=sum(valid) / len(valid) if valid else missing,
        loss_nats=_mean_loss(model, tokenizer, unseen_code) if unseen_code else missing,
    )


def _function_heads(texts: Iterable[str]) -> Iterator[str]:
    """The first lines of every top-level function that has more."""
    for text in texts:
        try:
            tree = ast.parse(text)
        except SyntaxError:
            continue
        for node in tree.body:
            lines = (ast.get_source_segment(text, node) or "").splitlines()
            head = "\n".join(lines[:_HEAD_LINES]) + "\n"
            if isinstance(node, ast.FunctionDef) and len(lines) > _HEAD_LINES and is_python("", head):
                yield head


def _complete(model: Qwen2ForCausalLM, tokenizer: PreTrainedTokenizerFast, head: str, n_new_tokens: int) -> str:
    ids = tokenizer(head, return_tensors="pt").to(model.device)
    # transformers types `generate` as a method of a class that its models do not derive from.
    out = cast("Any", model).generate(**ids, max_new_tokens=n_new_tokens, do_sample=False)
    return str(tokenizer.decode(out[0, ids["input_ids"].shape[1] :], skip_special_tokens=True))


@torch.no_grad()
def _mean_loss(
    model: Qwen2ForCausalLM, tokenizer: PreTrainedTokenizerFast, texts: Sequence[str], window: int = 256, most: int = 64
) -> float:
    """Mean cross-entropy over the first windows of the texts."""
    ids = [token for text in texts for token in tokenizer.encode(text[:20_000], add_special_tokens=False)]
    n_windows = min(most, len(ids) // window)
    if n_windows == 0:
        return float(functional.cross_entropy(_all_logits(model, torch.tensor([ids]))[0, :-1], torch.tensor(ids[1:])))
    rows = torch.tensor(ids[: n_windows * window]).view(n_windows, window)
    losses = [functional.cross_entropy(_all_logits(model, row[None])[0, :-1], row[1:]).item() for row in rows]
    return sum(losses) / len(losses)


def _all_logits(model: Qwen2ForCausalLM, ids: torch.Tensor) -> torch.Tensor:
    logits: torch.Tensor = model(input_ids=ids.to(model.device), use_cache=False).logits
    return logits.float().cpu()
