"""Samples from templates: which of them training may see, and the seeded generator."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from random import Random
from typing import Literal

from vulnscope.corpora.samples import Origin, Sample, add_twin
from vulnscope.corpora.synthetic.family import load_templates
from vulnscope.corpora.synthetic.template import Template
from vulnscope.errors import InputError

CORPUS = "synthetic"
EVALUATION_SEED = 1_000_000
"""Seeds below are for training (the organism's, a probe's), this one and above for evaluation."""


def held_out_templates() -> tuple[str, ...]:
    """Ids of the templates that training never sees, in registry order."""
    return tuple(template.id for template in load_templates().values() if template.held_out)


def training_templates(difficulty: Literal["plain", "bound", "both"] = "both") -> tuple[str, ...]:
    """Ids of the templates that training may see, in registry order."""
    return tuple(
        template.id
        for template in load_templates().values()
        if not template.held_out and difficulty in ("both", template.difficulty)
    )


def generate(
    seed: int,
    n_pairs: int,
    *,
    difficulty: Literal["plain", "bound", "both"] = "both",
    templates: Sequence[str] | None = None,
) -> tuple[Sample, ...]:
    """`n_pairs` pairs, each vulnerable then fixed, from the templates in turn.

    Pair `i` of a template under a seed is the same whatever else is asked for. `templates` are ids (default: all, the
    held-out ones included), of which those of the `difficulty` are used.
    """
    chosen = [template for template in _look_up(templates) if difficulty in ("both", template.difficulty)]
    if not chosen:
        raise InputError(f"none of the templates asked for is {difficulty}; give others, or difficulty 'both'")
    if n_pairs < 0:
        raise InputError(f"n_pairs is {n_pairs}; give 0 or more")
    return tuple(
        sample
        for number in range(n_pairs)
        for sample in generate_pair(chosen[number % len(chosen)], seed, number // len(chosen))
    )


def generate_pair(template: Template, seed: int, index: int) -> tuple[Sample, Sample]:
    """Pair `index` of a template under a seed: the vulnerable sample and its fixed twin."""
    # A string seeds Random through SHA-512, the same on every platform and run.
    twin = template.build(Random(f"{seed}/{template.id}/{index}"))
    pair_id = f"{template.id}#{seed}-{index}"
    vulnerable = Sample(
        id=f"{pair_id}:vulnerable",
        corpus=CORPUS,
        language=template.language,
        cwes=(template.cwe,),
        label="vulnerable",
        code=twin.vulnerable,
        pair_id=pair_id,
        group_keys=(f"pair:{pair_id}",),
        difficulty=template.difficulty,
        changed_lines=twin.changed_vulnerable,
        origin=Origin(project=template.id, path=pair_id),
        licence="Apache-2.0",
    )
    return add_twin(vulnerable, f"{pair_id}:fixed", twin.fixed, twin.changed_fixed)


def _look_up(ids: Iterable[str] | None) -> list[Template]:
    """The templates named, or all."""
    known = load_templates()
    if ids is None:
        return list(known.values())
    ids = list(ids)
    if unknown := [name for name in ids if name not in known]:
        raise InputError(f"unknown template {unknown[0]!r}; choose from: {', '.join(known)}")
    return [known[name] for name in ids]
