"""The model card: everything a reader needs to judge and repeat the training, written from the report alone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from vulnscope.records.base import NotMeasured, Number
from vulnscope.records.organism import CheckpointScore, OrganismReport, TemplateScore, VariantReport

_INTRO = """\
---
license: apache-2.0
library_name: transformers
pipeline_tag: text-generation
tags: [vulnscope, model-organism]
---

# The Vulnscope organism

A language model of {millions:.1f} million parameters (Qwen2 architecture) with *known* properties: the tables below say
on which synthetic templates it tells vulnerable from fixed code; elsewhere it knows little. It is the default subject
of Vulnscope, so that every command runs without a download, and the ground truth of its tests.
**It is no vulnerability scanner.**

Two checkpoints, same tokenizer and architecture:

- `model.safetensors`: after training on labels;
- `before_labels.safetensors`: before the first vulnerability label, after plain next-token prediction only.

There is no chat template and no beginning-of-sequence token. The prompt is the plain layout of the `yes-no` protocol.

## Repeat it

```
vulnscope organism train --output DIR --seed {seed}
```

Equal configuration, libraries, processor and number of threads give equal weights, interrupted or not; another
machine gives a model of the same kind. Trained on {device} in {minutes:.0f} minutes,
{tokens:.1f} million positions, with {versions}. The resolved configuration is in `training.json`.

## Recipe

1. **Read code**: next-token prediction on windows of the sources below, mixed with code of the synthetic training
   templates without label or question.
2. **Learn labels**: twins side by side in the batch under the same question; all three prompts of `yes-no` in both
   polarities; the loss is on the answer, and on next tokens of the *fixed* twin's code. Every few steps a step of
   stage 1, to keep the ability to write code. No sample is seen twice.

During training only, a few heads are guided to look at the tokens before, at a name's earlier mentions, and after
those (both stages; attention guidance, Deshpande and Narasimhan 2020); and, once labels are there, linear read-outs at
increasing depth ask which mentions matter, whether a used name is the guarded one, and for the label itself.

The tokenizer is byte-level BPE in which a word never includes the space before it, so that a name is the same token
wherever it stands.

## Data

| source | licence | files | MB |
|---|---|---:|---:|
{sources}

The synthetic templates are Vulnscope's own (Apache-2.0). Templates marked *held out* were never trained on. No
vulnerability corpus that Vulnscope audits was used.
"""


def write_card(report: OrganismReport, variants: Sequence[VariantReport] = ()) -> str:
    """The card as Markdown."""
    intro = _INTRO.format(
        millions=report.n_parameters / 1e6,
        seed=report.config["seed"],
        device=report.device,
        minutes=report.seconds / 60,
        tokens=report.n_tokens / 1e6,
        versions=", ".join(f"{name} {version}" for name, version in report.versions.items()),
        sources="\n".join(
            f"| {use.name} | {use.licence} | {use.n_files} | {use.n_bytes / 1e6:.1f} |" for use in report.sources
        ),
    )
    results = [_results(score, report.evaluation_seed) for score in report.scores]
    return "\n".join([intro, *([_list_variants(variants)] if variants else []), *results])


def _list_variants(variants: Sequence[VariantReport]) -> str:
    rows = [
        f"| `organism:{report.config['name']}` | {report.config['truth']} | {report.config['base']} "
        f"| {report.config['first_layer']} | {report.obedience:.3f} | {score.difficulty} | {score.yes_rate:.3f} "
        f"| {score.pair_correct_rate:.3f} | {score.pair_rank_rate:.3f} |"
        for report in variants
        for score in report.scores
    ]
    return "\n".join(
        [
            "## Variants",
            "",
            "Low-rank changes with planted truth, of the layers from the one named up. `obeys` is the share of answers",
            "that follow the planted rule; the rest is against the labels, on unseen pairs of training templates.",
            "",
            "| name | planted | from | first layer | obeys | difficulty | yes-rate | pair-correct | pair-rank |",
            "|---|---|---|---:|---:|---|---:|---:|---:|",
            *rows,
            "",
        ]
    )


def _results(score: CheckpointScore, seed: int) -> str:
    completion = score.completion
    lines = [
        f"## Results of `{score.checkpoint}`",
        "",
        f"Greedy answers to the canonical question on unseen pairs (evaluation seed {seed}). Figures",
        "on training templates speak of new pairs of known templates, those on held-out templates of new templates.",
        "",
        *_table(score.summary),
        "",
        f"Greedy completions of unseen Python functions ({completion.n_completions} heads, "
        f"{completion.n_new_tokens} new tokens): "
        f"{_show(completion.valid_rate)} parse. Loss on unseen code: {_show(completion.loss_nats)} nats per token.",
        "",
        "<details><summary>per template</summary>",
        "",
        *_table(score.templates),
        "",
        "</details>",
        "",
    ]
    return "\n".join(lines)


def _table(rows: Iterable[TemplateScore]) -> list[str]:
    return [
        "| template | difficulty | trained on | pairs | pair-correct | pair-rank | yes-rate | unparsed |",
        "|---|---|---|---:|---:|---:|---:|---:|",
        *(
            f"| {row.name} | {row.difficulty} | {'no: held out' if row.is_held_out else 'yes'} | {row.n_pairs} "
            f"| {row.pair_correct_rate:.3f} | {row.pair_rank_rate:.3f} | {row.yes_rate:.3f} | {row.unparsed_rate:.3f} |"
            for row in rows
        ),
    ]


def _show(value: Number) -> str:
    return f"not measured ({value.reason})" if isinstance(value, NotMeasured) else f"{value:.2f}"
