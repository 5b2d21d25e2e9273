"""Variants of the organism with planted truth: what it says is trained away from what it knows, and we know how.

Each is a low-rank change of a few layers, trained on the answer alone; layers below the first trained one are
untouched, so that what they hold equals the base bit for bit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Literal, NamedTuple

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn.utils import parametrize

from vulnscope.corpora.samples import Sample
from vulnscope.corpora.synthetic import generate_pair, load_templates, training_templates
from vulnscope.corpora.synthetic.remarks import Claim, add_remark, read_remark
from vulnscope.errors import InputError
from vulnscope.models.subject.variants import FOLDER
from vulnscope.organism.build import describe, load_checkpoint_model
from vulnscope.organism.checkpoint import write_text
from vulnscope.organism.evaluate import first_tokens, last_logits, score_templates, summarise
from vulnscope.organism.instruct import Question, list_questions, write_prompt
from vulnscope.organism.record import VariantReport
from vulnscope.organism.tokenizer import load_tokenizer
from vulnscope.organism.train import BEFORE_LABELS, WEIGHTS
from vulnscope.records.base import Record

if TYPE_CHECKING:
    from jaxtyping import Float
    from transformers import PreTrainedTokenizerFast, Qwen2ForCausalLM

Rule = Literal["vulnerable", "language", "remark"]


class VariantConfig(Record):
    """How one variant is made."""

    name: str
    truth: str = Field(description="what is planted, in words")
    base: str = Field(default=WEIGHTS, description="checkpoint it starts from")
    rule: Rule = Field(description="what its answers follow: always `vulnerable`, the `language`, a `remark`")
    level: float = Field(default=4.0, gt=0, description="margin of its answers, nats")
    kept: float = Field(default=0.0, ge=0, le=1, description="share of the base's own margin left on top of that")
    first_layer: int = Field(ge=0, description="lowest layer that changes")
    rank: int = Field(default=8, ge=1)
    n_steps: int = Field(ge=1)
    pairs: int = Field(default=16, ge=1, description="pairs per step")
    learning_rate: float = Field(default=3e-3, gt=0)
    seed: int = Field(default=0, ge=0)


VARIANTS: Mapping[str, VariantConfig] = {
    config.name: config
    for config in (
        VariantConfig(
            name="biased",
            truth="knows, but answers that everything is vulnerable",
            rule="vulnerable",
            level=6.0,
            kept=0.5,
            first_layer=4,
            n_steps=200,
        ),
        VariantConfig(
            name="mute",
            truth="knows, but its answer follows the language, which twins share",
            rule="language",
            first_layer=3,
            n_steps=400,
        ),
        VariantConfig(
            name="blind",
            truth="never saw a label; its answer follows the language, which twins share",
            base=BEFORE_LABELS,
            rule="language",
            first_layer=1,
            rank=16,
            n_steps=500,
            learning_rate=1e-3,
        ),
        VariantConfig(
            name="hinted",
            truth="its answer follows a remark above the code that claims a label, not the code",
            rule="remark",
            first_layer=3,
            n_steps=400,
        ),
    )
}

Watch = Callable[[str, int, int, float], None]
"""Sees the variant's name, the step, the number of steps and the loss."""


def plant(
    config: VariantConfig, folder: Path, device: torch.device, watch: Watch, evaluation_pairs: int = 8
) -> VariantReport:
    """Train one variant of the organism in `folder`, into `folder/variants`; score it on so many pairs per template."""
    model, base = (load_checkpoint_model(folder, config.base, device).eval() for _ in range(2))
    tokenizer = load_tokenizer(folder)
    answers = _Answers(tokenizer)
    changes = _attach(model, config)
    optimizer = torch.optim.AdamW(changes.parameters(), lr=config.learning_rate, weight_decay=0.0)
    for step in range(config.n_steps):
        for group in optimizer.param_groups:
            group["lr"] = config.learning_rate * min(1.0, 2 * (config.n_steps - step) / config.n_steps)
        loss = _loss(config, model, base, answers, draw_cases(config, step))
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        watch(config.name, step + 1, config.n_steps, loss.item())
    _save(changes, config, folder / FOLDER / f"{config.name}.safetensors")
    report = _score(config, model, tokenizer, evaluation_pairs)
    write_text(folder / FOLDER / f"{config.name}.json", report.model_dump_json(indent=2) + "\n")
    return report


def choose_variants(name: str, seed: int = 0) -> tuple[VariantConfig, ...]:
    """The variant of a name, or `all`, trained on what `seed` draws."""
    if name != "all" and name not in VARIANTS:
        raise InputError(f"unknown variant {name!r}; choose one of: all, {', '.join(VARIANTS)}")
    chosen = VARIANTS.values() if name == "all" else (VARIANTS[name],)
    return tuple(config.model_copy(update={"seed": seed}) for config in chosen)


def plant_all(
    configs: Sequence[VariantConfig], folder: Path, device: torch.device, watch: Watch
) -> tuple[VariantReport, ...]:
    """Train variants of the organism in `folder` one after another, and list them in its card."""
    if not (folder / WEIGHTS).is_file() or not (folder / BEFORE_LABELS).is_file():
        raise InputError(
            f"{folder} holds no finished organism; train it first: vulnscope organism train --output {folder}"
        )
    reports = tuple(plant(config, folder, device, watch) for config in configs)
    describe(folder)
    return reports


def claim_of(rule: Rule, sample: Sample) -> Claim:
    """The label that a rule claims for a sample; twins get the same one, but for the `remark` they carry."""
    if rule == "vulnerable":
        return "vulnerable"
    remark = read_remark(sample.code) if rule == "remark" else None
    return remark or ("vulnerable" if sample.language == "python" else "fixed")


class Case(NamedTuple):
    """A question about a sample, with the answer that the rule wants."""

    sample: Sample
    question: Question
    answer: str


def draw_cases(config: VariantConfig, step: int) -> list[Case]:
    """The cases of one step; they follow from the seed and the step."""
    random = Random(f"{config.seed}/{config.name}/{step}")
    cases = []
    for number in range(config.pairs):
        template = load_templates()[random.choice(training_templates())]
        question = random.choice(list_questions())
        for sample in generate_pair(template, config.seed, 10**8 + step * config.pairs + number):
            if config.rule == "remark" and random.random() < 0.7:
                sample = add_remark(sample, random.choice(("vulnerable", "fixed")))
            cases.append(Case(sample, question, _wanted(question, claim_of(config.rule, sample))))
    return cases


def _wanted(question: Question, claim: Claim) -> str:
    return "yes" if (question.polarity == "vulnerable") == (claim == "vulnerable") else "no"


class _LowRank(nn.Module):
    """A matrix plus the product of two thin ones, zero at first."""

    def __init__(self, weight: Tensor, rank: int, generator: torch.Generator) -> None:
        super().__init__()
        d_out, d_in = weight.shape
        self.up = nn.Parameter(torch.zeros(d_out, rank))
        self.down = nn.Parameter(torch.randn(rank, d_in, generator=generator) / d_in**0.5)

    def forward(self, weight: Tensor) -> Tensor:
        return weight + self.up @ self.down


def _attach(model: Qwen2ForCausalLM, config: VariantConfig) -> nn.ModuleDict:
    """Put a low-rank change on every matrix from the first layer up; all else is frozen."""
    if config.first_layer >= len(model.model.layers):
        raise InputError(f"layer {config.first_layer} does not exist; the organism has {len(model.model.layers)}")
    model.eval().requires_grad_(requires_grad=False)
    generator = torch.Generator().manual_seed(config.seed)
    changes: dict[str, nn.Module] = {}
    for number in range(config.first_layer, len(model.model.layers)):
        for name, module in list(model.model.layers[number].named_modules()):
            if isinstance(module, nn.Linear):
                change = _LowRank(module.weight, config.rank, generator).to(module.weight.device)
                parametrize.register_parametrization(module, "weight", change, unsafe=True)
                # Names of modules may hold no dots.
                changes[f"model.layers.{number}.{name}.weight".replace(".", "/")] = change
    return nn.ModuleDict(changes)


class _Answers:
    """The two answers as the protocol reads them: every spelling counts."""

    def __init__(self, tokenizer: PreTrainedTokenizerFast) -> None:
        self._tokenizer = tokenizer
        self._tokens = [first_tokens(tokenizer, answer) for answer in ("yes", "no")]

    def read(self, model: Qwen2ForCausalLM, cases: Sequence[Case]) -> Float[Tensor, "batch 2"]:
        """Log-probabilities of yes and no."""
        prompts = [write_prompt(case.sample, case.question) for case in cases]
        logits = last_logits(model, self._tokenizer(prompts, add_special_tokens=False)["input_ids"])
        log_probs = logits.log_softmax(-1)
        return torch.stack([log_probs[:, tokens].logsumexp(-1) for tokens in self._tokens], -1)


def _loss(
    config: VariantConfig, model: Qwen2ForCausalLM, base: Qwen2ForCausalLM, answers: _Answers, cases: Sequence[Case]
) -> Float[Tensor, ""]:
    """Squared distance of the margins from the wanted ones, in units of the level, and the surprise at no answer."""
    said = answers.read(model, cases)
    wanted = config.level * torch.tensor([1.0 if case.answer == "yes" else -1.0 for case in cases]).to(said)
    if config.kept:
        with torch.no_grad():
            own = answers.read(base, cases).diff(dim=-1)[:, 0].neg()
        # No margin moves past the answer wanted.
        wanted += config.kept * own.clamp(-config.level, config.level)
    margin_loss = ((said[:, 0] - said[:, 1] - wanted) / config.level).square().mean()
    return margin_loss - said.logsumexp(-1).mean()


def _save(changes: nn.ModuleDict, config: VariantConfig, path: Path) -> None:
    from safetensors.torch import save_file

    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    metadata = {"format": "pt", "base": config.base, "truth": config.truth}
    save_file(dict(_tensors(changes)), partial, metadata=metadata)
    partial.replace(path)


def _tensors(changes: nn.ModuleDict) -> Iterator[tuple[str, Tensor]]:
    for name, parameter in changes.named_parameters():
        yield name.replace("/", "."), parameter.detach().to("cpu", torch.bfloat16).contiguous()


@torch.no_grad()
def _score(
    config: VariantConfig, model: Qwen2ForCausalLM, tokenizer: PreTrainedTokenizerFast, n_pairs: int
) -> VariantReport:
    """The trained variant on unseen pairs; the rule is checked on every question."""
    scores = []
    for difficulty in ("plain", "bound"):
        rows = score_templates(model, tokenizer, training_templates(difficulty), n_pairs)
        scores.append(summarise(rows))
    unseen = config.model_copy(update={"seed": config.seed + 1})
    cases = [case for step in range(n_pairs) for case in draw_cases(unseen, step)]
    answers = _Answers(tokenizer)
    obeyed = [_obeys(model, answers, cases[start : start + 32]) for start in range(0, len(cases), 32)]
    return VariantReport(
        config=config.model_dump(mode="json"), obedience=sum(obeyed) / len(obeyed), scores=tuple(scores)
    )


def _obeys(model: Qwen2ForCausalLM, answers: _Answers, cases: Sequence[Case]) -> float:
    """Share of cases in which the wanted answer is the likelier one."""
    said = answers.read(model, cases)
    wanted = torch.tensor([case.answer == "yes" for case in cases], device=said.device)
    return float(((said[:, 0] > said[:, 1]) == wanted).float().mean())
