"""The model card: everything a reader needs to judge and repeat the training, written from the report alone.

`card.md` is its beginning, with slots in braces.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from importlib.resources import files

from vulnscope.organism.record import CheckpointScore, OrganismReport, TemplateScore, VariantReport
from vulnscope.records.base import NotMeasured, Number


def write_card(report: OrganismReport, variants: Sequence[VariantReport] = ()) -> str:
    """The card as Markdown."""
    intro = (files("vulnscope.organism") / "card.md").read_text(encoding="utf-8")
    filled = intro.format(
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
    return "\n".join([filled, *([_list_variants(variants)] if variants else []), *results])


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
